"""What this machine has and lacks for the benchmark."""

import importlib
import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from timeit import timeit
from typing import Literal

import torch

from samtok_bench import provenance, registry
from samtok_bench.predictors import samtok

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
        Finding("packages", "ok", ", ".join(map(" ".join, provenance.package_versions().items()))),
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
        trap = "a CUDA build beside a CPU torch makes transformers fail on every model"
        return Finding(name, "broken", f"does not import ({reason}); {trap}: pip uninstall torchvision")
    return Finding(name, "ok", "imports; nothing here needs it")


def _threads() -> Finding:
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    setting = os.environ.get("OMP_NUM_THREADS", "not set")
    detail = f"torch uses {threads} threads on {cores} cores, OMP_NUM_THREADS {setting}"
    if threads > cores:
        slow = f"more threads than cores are slow: use --threads {cores}"
        return Finding("threads", "note", f"{detail}; {slow}")
    return Finding(
        "threads", "ok", f"{detail}; for two runs at once give each --threads {max(1, cores // 2)}"
    )


def _precision() -> Finding:
    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(512, 512, dtype=dtype)
        a @ a
        return timeit(lambda: a @ a, number=5)

    ratio = seconds(torch.bfloat16) / seconds(torch.float32)
    detail = f"bfloat16 takes {ratio:.1f} x the time of float32; float32 is used"
    return Finding("CPU precision", "ok", detail)


def _gpu() -> Finding:
    if not torch.cuda.is_available():
        return Finding("GPU", "note", "torch sees none: runs use the CPU")
    properties = torch.cuda.get_device_properties(0)
    return Finding("GPU", "ok", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, bfloat16")


def _captions() -> Finding:
    java = shutil.which("java")
    missing = [] if java else ["Java 8 or later"]
    if find_spec("pycocoevalcap") is None:
        missing.append("pip install 'samtok-bench[captions]'")
    if missing:
        lacking = f"METEOR and CIDEr are not computed without {' and '.join(missing)}"
        return Finding("captions", "note", lacking)
    return Finding("captions", "ok", f"METEOR and CIDEr by pycocoevalcap and {java}")


def _plugins() -> list[Finding]:
    tried = [
        (kind, registry.attempt(kind, name)) for kind in registry.GROUPS for name in registry.names(kind)
    ]
    return [
        Finding(f"{kind} {plugin.name}", "broken", plugin.problem) for kind, plugin in tried if plugin.problem
    ]


def _nano() -> Finding:
    try:
        iou = samtok.preflight()
    except (OSError, ValueError) as error:
        return Finding("nano", "broken", str(error))
    if iou < PREFLIGHT_IOU:
        wrong = f"a disc comes back with IoU {iou:.2f}: these are not the right weights"
        return Finding("nano", "broken", wrong)
    return Finding("nano", "ok", f"loads; a disc comes back from its two words with IoU {iou:.2f}")
