"""The copy of mini that tasks read when no data folder is named: written once, into the cache."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

from samtok_tasks.mini.contents import MINI_VERSION, combined, expected_hashes
from samtok_tasks.mini.writer import MARKER, SplitPlan, write_mini


def mini_cache(cache: Path | None = None) -> Path:
    """The folder of this version of mini below the cache.

    The cache is the argument, else the environment's SAMTOK_BENCH_CACHE, else ~/.cache/samtok-bench.
    """
    if cache is None:
        cache = Path(os.environ.get("SAMTOK_BENCH_CACHE") or Path.home() / ".cache" / "samtok-bench")
    return cache / f"mini-{MINI_VERSION}-{combined(expected_hashes())[:8]}"


def has_mini(cache: Path | None = None) -> bool:
    """Whether `ensure_mini` has nothing to write."""
    return (mini_cache(cache) / MARKER).is_file()


def ensure_mini(cache: Path | None = None) -> Path:
    """The data root of mini, written at the first call (some seconds) and used again later.

    Raises:
        OSError: the cache cannot be written.
    """
    folder = mini_cache(cache)
    written, expected = ensure_written(folder), expected_hashes()
    differing = [name for name, found in (written or {}).items() if found != expected[name]]
    if differing:
        warnings.warn(
            f"mini came out different from version {MINI_VERSION} in {', '.join(differing)}: figures are not "
            "comparable with published ones",
            stacklevel=2,
        )
    return folder


def ensure_written(folder: Path, plans: Mapping[str, SplitPlan] | None = None) -> dict[str, str] | None:
    """Write a folder of mini's kind unless it is there; its hashes where it was written now.

    It appears whole or not at all, also when two processes write it at once.

    Raises:
        OSError: it cannot be written.
    """
    if (folder / MARKER).is_file():
        return None
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}.") as temporary:
        report = write_mini(Path(temporary) / "root", plans=plans)
        if folder.exists() and not (folder / MARKER).is_file():
            shutil.rmtree(folder)
        try:
            report.root.rename(folder)
        except OSError:
            if not (folder / MARKER).is_file():  # otherwise another process was first
                raise
    return report.hashes
