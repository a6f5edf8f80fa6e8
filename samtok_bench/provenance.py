"""Where a result comes from: code, packages, machine."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = (
    "samtok-bench",
    "torch",
    "transformers",
    "tokenizers",
    "numpy",
    "pillow",
    "pycocotools",
    "pycocoevalcap",
    "opencv-python-headless",
)


def file_hash(paths: Iterable[Path]) -> str:
    """sha256 over the names and bytes of files, in the order given; a missing file counts as such."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0")
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            digest.update(b"missing")
    return digest.hexdigest()


def source_hash(packages: Iterable[str]) -> str:
    """sha256 over the Python sources of packages: a change of code is another configuration.

    Works in a checkout and in an installed wheel alike.
    """
    files: list[Path] = []
    for name in sorted(set(packages)):
        spec = find_spec(name)
        if spec is None:
            continue
        for root in spec.submodule_search_locations or []:
            files += sorted(Path(root).rglob("*.py"))
        if not spec.submodule_search_locations and spec.origin:
            files.append(Path(spec.origin))
    return file_hash(files)


@cache
def package_versions() -> dict[str, str]:
    """Versions of what decides results; absent packages are left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def git_state() -> tuple[str | None, bool | None]:
    """Commit of the checkout that this code runs from and whether it has changes; None outside of one."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None, None
    commit = _git(here.parent, "rev-parse", "HEAD")
    changes = _git(here.parent, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def machine() -> str:
    """Python, system and number of usable cores, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {cores} cores"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
