"""Folders of weights that are whole or do not count, whenever the training is killed or the disk is full."""

import fcntl
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError
from transformers.utils import ADAPTER_SAFE_WEIGHTS_NAME, SAFE_WEIGHTS_NAME

from samtok.file_kinds import check_safetensors, read_object
from samtok.loading import CONFIG, check_weights

UNFINISHED = "unfinished"
"""The folder beside a folder, in which it is written."""
_LOCK = ".lock"
_STATE = "trainer_state.json"
_RESUMED = (_STATE, "scheduler.pt")
_OPTIMIZERS = ("optimizer.pt", "optimizer.bin", "latest")
"""Of transformers, of FSDP and of DeepSpeed; without one of them, and `_RESUMED`, no training can go on."""
_ADAPTER = "adapter_config.json"
"""Marks weights that are additions to others."""


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """An empty folder to write in, which gets its name `folder` when all of it is on the disk.

    A folder of that name is replaced; a kill in between leaves none, so replace only what can be made again.

    Raises:
        OSError: a file could not be written; names it. `folder` is then what it was before.
    """
    aside = folder.parent / UNFINISHED / folder.name
    old = aside.with_name(f"{folder.name}.old")
    try:
        for left in (aside, old):  # by a training that was killed
            shutil.rmtree(left, ignore_errors=True)
        aside.mkdir(parents=True)
        yield aside
        _sync(aside)
        if folder.exists():
            folder.rename(old)
        aside.rename(folder)
        _sync_names(folder.parent)
    except (OSError, RuntimeError, SafetensorError) as error:
        file, reason = _failed(aside, error)
        file = folder / file.relative_to(aside) if aside in file.parents else file
        raise OSError(
            f"cannot save {file}: {reason}; what was saved before is whole, for --resume"
        ) from error
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for left in (aside, old):
            shutil.rmtree(left, ignore_errors=True)
        if aside.parent.is_dir() and not any(aside.parent.iterdir()):
            aside.parent.rmdir()


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Keep other trainings out of a folder.

    Raises:
        BlockingIOError: one is at work there.
    """
    with (out / _LOCK).open("wb") as file:
        try:
            # of this process: flock's would stay with workers that outlive it
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise BlockingIOError(f"another training is writing to {out}") from None
        except OSError:  # a file system without locks
            pass
        yield


def clear_unfinished(out: Path) -> None:
    """Remove what a killed training has left half written or half removed, in its folder and its stages'."""
    for left in (out / UNFINISHED, *out.glob(f"*/{UNFINISHED}")):
        shutil.rmtree(left, ignore_errors=True)


def _sync(folder: Path) -> None:
    for place, _, files in os.walk(folder):
        for name in files:
            _sync_path(Path(place, name))
        _sync_names(Path(place))


def _sync_names(folder: Path) -> None:
    with suppress(OSError):  # a file system that cannot
        _sync_path(folder)


def _sync_path(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(opened)


def _failed(aside: Path, error: OSError | RuntimeError | SafetensorError) -> tuple[Path, str]:
    """The file that could not be written, and why."""
    files = [path for path in aside.rglob("*") if path.is_file()]
    last = max(files, key=lambda path: path.stat().st_mtime_ns, default=aside)
    if isinstance(error, SafetensorError):
        return aside / SAFE_WEIGHTS_NAME, str(error)  # which it has removed
    if isinstance(error, OSError):
        return Path(error.filename or last), error.strerror or str(error)
    try:  # torch does not say why; the disk does
        with last.open("ab") as file:
            file.write(bytes(2**20))
            file.flush()
            os.fsync(file.fileno())
    except OSError as reason:
        return last, reason.strerror or str(reason)
    return last, str(error).split("\n")[0]


def newest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the highest step that is whole; one line on stderr lists newer ones that are not."""
    ignored, newest = [], None
    for checkpoint in reversed(_checkpoints(folder)):
        fault = checkpoint_fault(checkpoint)
        if fault is None:
            newest = checkpoint
            break
        ignored.append(f"{checkpoint} ({fault})")
    if ignored:
        print(f"ignored, because not whole: {', '.join(ignored)}", file=sys.stderr)
    return newest


def remove_older(newest: Path, keep: int) -> None:
    """Remove checkpoints older than `newest`, which is whole, and leave `keep` in all."""
    older = [path for path in _checkpoints(newest.parent) if step_of(path) < step_of(newest)]
    for checkpoint in older[: max(0, len(older) - keep + 1)]:
        aside = checkpoint.parent / UNFINISHED / checkpoint.name
        aside.parent.mkdir(exist_ok=True)
        checkpoint.rename(aside)  # first, so that a half removed one does not count
        shutil.rmtree(aside)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def _checkpoints(folder: Path) -> list[Path]:
    """In the order of their steps, whole or not."""
    named = [path for path in folder.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d+", path.name)]
    return sorted((path for path in named if path.is_dir()), key=step_of)


def checkpoint_fault(checkpoint: Path) -> str | None:
    """What is missing in a checkpoint or cannot be read, by looking at the ends of its files."""
    for name in _RESUMED:
        if not (checkpoint / name).is_file():
            return f"no {name}"
    if not any((checkpoint / name).is_file() for name in _OPTIMIZERS):
        return f"no {_OPTIMIZERS[0]}"
    for path in sorted(checkpoint.glob("*.pt*")):  # .pt, .pth
        if not zipfile.is_zipfile(path):
            return f"{path.name} is cut"
    if (fault := weights_fault(checkpoint)) is not None:
        return fault
    if read_object(checkpoint / _STATE).get("global_step") != step_of(checkpoint):
        return f"{_STATE} is of another step"
    return None


def weights_fault(folder: Path) -> str | None:
    """What is missing in a folder of weights or cannot be read."""
    added = (folder / _ADAPTER).is_file()
    try:
        for path in {folder / (_ADAPTER if added else CONFIG), *folder.glob("*.json")}:
            read_object(path)
        if added:
            check_safetensors(folder / ADAPTER_SAFE_WEIGHTS_NAME)
        else:
            check_weights(folder)
    except (OSError, ValueError) as error:
        return str(error)
    return None
