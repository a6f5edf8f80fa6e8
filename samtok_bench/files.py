"""Files and folders that are there whole or not at all: written aside, synced, then renamed.

What is written aside has a fixed name next to its place and is locked meanwhile. So two writers follow each
other, and what a killed one left behind is overwritten by the next.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

CACHE = "SAMTOK_BENCH_CACHE"
"""The variable that names the folder of what can be made again."""
PART = ".part"
"""How the names end of what is not whole yet."""


def cache_folder() -> Path:
    """For what can be made again: SAMTOK_BENCH_CACHE, or samtok-bench in XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get(CACHE):
        return Path(chosen)
    home = Path(os.environ.get("XDG_CACHE_HOME") or "")
    # the XDG specification has relative paths ignored
    return (home if home.is_absolute() else Path.home() / ".cache") / "samtok-bench"


def aside(path: Path) -> Path:
    """Where a file or a folder is written until it is whole."""
    return path.with_name(f"{path.name}{PART}")


def is_aside(name: str) -> bool:
    """Whether a name is of something that is not whole yet, or never became so."""
    return name.endswith(PART)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError the file that it is of: a full disk is known to the call that writes, not by name."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and is_aside(str(error.filename or PART)):
            error.filename = str(path)
        raise


@contextmanager
def whole_file(path: Path, after: Callable[[], object] = lambda: None) -> Iterator[BinaryIO]:
    """Write a file or exchange its content: readers see the old or the new one, never a part.

    A link stays one. Devices and pipes are written as they are.

    Args:
        path: of the file.
        after: done once the new content is in place, before another writer begins.

    Raises:
        OSError: it cannot be written; names the file, which is as it was.
    """
    with naming(path):
        if _is_device(path):
            with path.open("wb") as file:
                yield file
            after()
            return
        target = Path(os.path.realpath(path))
        part = aside(target)
        handle = _locked(part, os.O_RDWR | os.O_CREAT)
        try:
            with open(handle, "wb", closefd=False) as file:
                file.truncate(0)
                yield file
                file.flush()
                os.fsync(handle)
            part.replace(target)
            _sync_names(target.parent)
            after()
        finally:
            if _is_at(handle, part):
                part.unlink()
            os.close(handle)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file or exchange its content; see `whole_file`."""
    with whole_file(path) as file:
        file.write(content)


@contextmanager
def folder_aside(path: Path) -> Iterator[Path]:
    """An empty folder next to `path`, which the caller renames to it once all is there; else it is removed.

    Whoever comes while another process is at it waits, and may then find `path` in place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = aside(path)
    while True:
        with suppress(FileExistsError):  # not exist_ok: that fails where it is renamed meanwhile
            part.mkdir()
        with suppress(FileNotFoundError):  # renamed meanwhile
            handle = _locked(part, os.O_RDONLY | os.O_DIRECTORY)
            break
    try:
        for left in part.iterdir():  # by a killed process
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        yield part
        _sync_names(path.parent)
    finally:
        # by now it may be the next one's, who waits for the lock
        if _is_at(handle, part):
            shutil.rmtree(part, ignore_errors=True)
        os.close(handle)


def _is_device(path: Path) -> bool:
    """A device, a pipe, or a stream of this process, which may be redirected to a file."""
    stream = path.is_relative_to("/dev") and not path.is_relative_to("/dev/shm")
    return stream or (path.exists() and not path.is_file())


def _locked(part: Path, flags: int) -> int:
    """Open and lock what is written aside, once no other process holds it."""
    while True:
        handle = os.open(part, flags, 0o666)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            if _is_at(handle, part):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file still has this name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_names(folder: Path) -> None:
    with suppress(OSError):  # a file system that cannot
        sync(folder)
