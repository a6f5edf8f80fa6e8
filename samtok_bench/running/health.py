"""What this machine has and lacks for the benchmark."""

import importlib
import os
import shutil
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from samtok_bench import provenance, registry

PREFLIGHT_IOU = 0.5
"""A disc on a plain ground that comes back worse than this means wrong weights."""


@dataclass(frozen=True)
class Finding:
    """One check."""

    name: str
    status: Literal["ok", "note", "broken"]
    detail: str


def examine() -> list[Finding]:
    """All checks, some seconds."""
    return [
        Finding("machine", "ok", provenance.machine()),
        Finding("packages", "ok", ", ".join(f"{k} {v}" for k, v in provenance.package_versions().items())),
        _torchvision(),
        _threads(),
        _precision(),
        _gpu(),
        _captions(),
        *_plugins(),
        _nano(),
    ]


def _torchvision() -> Finding:
    name = "torchvision"
    if find_spec(name) is None:
        return Finding(name, "ok", "absent, as it should be: nothing here needs it")
    try:
        importlib.import_module(name)
    except Exception as error:  # a CUDA build beside CPU torch raises RuntimeError at import
        reason = str(error).split("\n")[0]
        return Finding(
            name,
            "broken",
            f"does not import ({reason}); a CUDA build beside a CPU torch makes transformers fail on every "
            "model: pip uninstall torchvision",
        )
    return Finding(name, "ok", "imports; nothing here needs it")


def _threads() -> Finding:
    import torch

    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    setting = os.environ.get("OMP_NUM_THREADS", "not set")
    detail = f"torch uses {threads} threads on {cores} cores, OMP_NUM_THREADS {setting}"
    if threads > cores:
        return Finding(
            "threads", "note", f"{detail}; more threads than cores are slow: use --threads {cores}"
        )
    return Finding(
        "threads", "ok", f"{detail}; for two runs at once give each --threads {max(1, cores // 2)}"
    )


def _precision() -> Finding:
    import torch

    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(512, 512, dtype=dtype)
        a @ a
        begin = time.perf_counter()
        for _ in range(5):
            a @ a
        return time.perf_counter() - begin

    ratio = seconds(torch.bfloat16) / seconds(torch.float32)
    return Finding(
        "CPU precision", "ok", f"bfloat16 takes {ratio:.1f} x the time of float32; float32 is used"
    )


def _gpu() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("GPU", "note", "torch sees none: runs use the CPU")
    properties = torch.cuda.get_device_properties(0)
    return Finding("GPU", "ok", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, bfloat16")


def _captions() -> Finding:
    missing = [] if shutil.which("java") else ["Java 8 or later"]
    if find_spec("pycocoevalcap") is None:
        missing.append("pip install 'samtok-bench[captions]'")
    if missing:
        return Finding(
            "captions", "note", f"METEOR and CIDEr are not computed without {' and '.join(missing)}"
        )
    return Finding("captions", "ok", f"METEOR and CIDEr by pycocoevalcap and {shutil.which('java')}")


def _plugins() -> list[Finding]:
    findings = []
    for kind in registry.GROUPS:
        for name in registry.names(kind):
            plugin = registry.attempt(kind, name)
            if plugin.problem:
                findings.append(Finding(f"{kind} {name}", "broken", plugin.problem))
    return findings


def _nano() -> Finding:
    from samtok_bench.predictors.samtok import preflight

    try:
        iou = preflight()
    except (OSError, ValueError) as error:
        return Finding("nano", "broken", str(error))
    if iou < PREFLIGHT_IOU:
        return Finding(
            "nano", "broken", f"a disc comes back with IoU {iou:.2f}: these are not the right weights"
        )
    return Finding("nano", "ok", f"loads; a disc comes back from its two words with IoU {iou:.2f}")
