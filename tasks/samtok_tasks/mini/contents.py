"""What mini holds: the benchmarks that it is written for, with the pinned hash of each one's files.

A benchmark takes part if its folder has a `mini.py`, see `MiniBenchmark`.
"""

import hashlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

import samtok_tasks
from samtok_tasks.mini.picture import MiniPicture

MINI_VERSION = "4"
SCENES = "scenes"
"""Stands for the images among the benchmarks."""
SCENES_HASH = "80f66ec2a2a23a0774b62c80f48fefa5c1e27949dc725620bac2e2db73bf827c"


class MiniBenchmark(Protocol):
    """A benchmark's `mini.py`."""

    HASH: str
    """sha256 of all files, see `samtok_tasks.mini.writer.write_files`."""

    def files(self, pictures: Sequence[MiniPicture]) -> dict[str, Any]:
        """Contents by path below the root: JSON, rows of a CSV, or an image (H, W) or (H, W, 3) uint8.

        Rows of a parquet file are JSON with images (H, W, 3) uint8 and masks (H, W) bool in it; such a module
        names the package that it `NEEDS`.
        """


@cache
def benchmarks() -> dict[str, MiniBenchmark]:
    """The benchmarks by the names of their folders."""
    folders = [found.name for found in pkgutil.iter_modules(samtok_tasks.__path__) if found.ispkg]
    modules = [(name, f"{samtok_tasks.__name__}.{name}.mini") for name in sorted(folders)]
    found = {name: import_module(module) for name, module in modules if find_spec(module)}
    return {name: cast(MiniBenchmark, module) for name, module in found.items() if _can_write(module)}


def _can_write(module: Any) -> bool:
    """Whether a benchmark's files can be written here; those in parquet need pyarrow."""
    needs = getattr(module, "NEEDS", None)
    return needs is None or find_spec(needs) is not None


def expected_hashes() -> dict[str, str]:
    """By benchmark, and for the images. A changed scene changes all of them."""
    return {SCENES: SCENES_HASH} | {name: module.HASH for name, module in benchmarks().items()}


def combined(hashes: Mapping[str, str]) -> str:
    """sha256 over the hashes of all parts."""
    text = "".join(f"{name} {hashes[name]}\n" for name in sorted(hashes))
    return hashlib.sha256(text.encode()).hexdigest()
