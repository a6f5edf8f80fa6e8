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
class HealthCheck:
    """One check."""

    name: str
    status: Literal["ok", "note", "broken"]
    detail: str


def examine() -> list[HealthCheck]:
    """All checks, some seconds."""
    return [
        HealthCheck("machine", "ok", provenance.machine()),
        HealthCheck("packages", "ok", ", ".join(map(" ".join, provenance.package_versions().items()))),
        _torchvision(),
        _threads(),
        _precision(),
        _gpu(),
        _captions(),
        *_plugins(),
        _nano(),
    ]


def _torchvision() -> HealthCheck:
    name = "torchvision"
    if find_spec(name) is None:
        return HealthCheck(name, "ok", "absent, as it should be: nothing here needs it")
    try:
        importlib.import_module(name)
    except Exception as error:  # a CUDA build beside CPU torch raises RuntimeError at import
        reason = str(error).split("\n")[0]
        trap = "a CUDA build beside a CPU torch makes transformers fail on every model"
        return HealthCheck(name, "broken", f"does not import ({reason}); {trap}: pip uninstall torchvision")
    return HealthCheck(name, "ok", "imports; nothing here needs it")


def _threads() -> HealthCheck:
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    setting = os.environ.get("OMP_NUM_THREADS", "not set")
    detail = f"torch uses {threads} threads on {cores} cores, OMP_NUM_THREADS {setting}"
    if threads > cores:
        slow = f"more threads than cores are slow: use --threads {cores}"
        return HealthCheck("threads", "note", f"{detail}; {slow}")
    return HealthCheck(
        "threads", "ok", f"{detail}; for two runs at once give each --threads {max(1, cores // 2)}"
    )


def _precision() -> HealthCheck:
    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(512, 512, dtype=dtype)
        a @ a
        return timeit(lambda: a @ a, number=5)

    ratio = seconds(torch.bfloat16) / seconds(torch.float32)
    detail = f"bfloat16 takes {ratio:.1f} x the time of float32; float32 is used"
    return HealthCheck("CPU precision", "ok", detail)


def _gpu() -> HealthCheck:
    if not torch.cuda.is_available():
        return HealthCheck("GPU", "note", "torch sees none: runs use the CPU")
    properties = torch.cuda.get_device_properties(0)
    return HealthCheck("GPU", "ok", f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, bfloat16")


def _captions() -> HealthCheck:
    java = shutil.which("java")
    missing = [] if java else ["Java 8 or later"]
    if find_spec("pycocoevalcap") is None:
        missing.append("pip install 'samtok-bench[captions]'")
    if missing:
        lacking = f"METEOR and CIDEr are not computed without {' and '.join(missing)}"
        return HealthCheck("captions", "note", lacking)
    return HealthCheck("captions", "ok", f"METEOR and CIDEr by pycocoevalcap and {java}")


def _plugins() -> list[HealthCheck]:
    tried = [
        (kind, registry.attempt(kind, name)) for kind in registry.GROUPS for name in registry.names(kind)
    ]
    broken = [
        HealthCheck(f"{kind} {plugin.name}", "broken", plugin.problem)
        for kind, plugin in tried
        if plugin.problem
    ]
    return broken + [HealthCheck("plug-ins", "broken", line) for line in registry.refused()]


def _nano() -> HealthCheck:
    try:
        iou = samtok.preflight()
    except (OSError, ValueError) as error:
        return HealthCheck("nano", "broken", str(error))
    if iou < PREFLIGHT_IOU:
        wrong = f"a disc comes back with IoU {iou:.2f}: these are not the right weights"
        return HealthCheck("nano", "broken", wrong)
    return HealthCheck("nano", "ok", f"loads; a disc comes back from its two words with IoU {iou:.2f}")
