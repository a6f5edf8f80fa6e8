"""Processes that draw training data, and end when the training does, however that ends."""

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from samtok.training.sources import trust, trusted_files

_CAUGHT = re.compile(r"Caught \w+ in DataLoader worker process \d+\.\nOriginal (?=Traceback)")
"""How torch begins the message of an error that it passes on from a worker."""
_NEXT_TRACEBACK = re.compile(
    r"\n\n(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):\n\n(?=Traceback)"
)
_ERROR = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n)*[^\s:]+(?:: )?(?s:(.*))\Z")
"""A traceback, whose frames are indented, and what follows the error's name."""
_POLL = 1.0
"""Seconds between two looks at the parent."""


class Loader(DataLoader[Any]):
    """A DataLoader whose workers do not outlive their parent, and leave an interrupt to it."""

    def __init__(self, dataset: Any, **options: Any) -> None:
        if options.get("num_workers") and torch.cuda.is_available():
            options.setdefault("multiprocessing_context", afresh())
        super().__init__(dataset, worker_init_fn=partial(_begin, trusted_files()), **options)

    def __iter__(self) -> Any:
        # Ctrl-C reaches all processes, and a worker that does not yet ignore it would print a traceback
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().__iter__()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def afresh() -> Any:
    """A context of processes that have imported what they need but not used CUDA, which survives no fork."""
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # asking whether there is a GPU would use it
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["samtok.training.supervised"])
    return context


def _begin(files: list[Path], _: int) -> None:
    """Watch the parent from a thread: a worker that waits for space in a pipe looks at nothing itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for file in files:
        trust(file)
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    parent, adopted = multiprocessing.parent_process(), os.getppid()
    assert parent is not None
    # a forked sibling holds the parent's end of the pipe by which `join` knows; a fork server has the id
    while parent.is_alive() and os.getppid() == adopted:
        parent.join(_POLL)
    os._exit(1)  # nobody is left to hear of it


def _said_in_worker(message: str) -> str | None:
    """The message alone of a worker's error that torch tells with its traceback; None for other errors."""
    if not _CAUGHT.match(message):
        return None
    last = _NEXT_TRACEBACK.split(message)[-1]
    found = _ERROR.search(last)
    return found[1].removesuffix("\n") if found else None


@contextmanager
def deaths_of_workers() -> Iterator[None]:
    """Say in one line that a worker died, and what else it says as it would be said without workers.

    Raises:
        ChildProcessError: instead of torch's RuntimeError.
        ValueError, OSError: of the worker's own type, with its message instead of the worker's traceback.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        if (said := _said_in_worker(str(error))) is None:
            raise
        raise type(error)(said) from error
    except RuntimeError as error:
        # what torch makes of an error whose class takes more than a message
        if re.match(r"Caught (?:JSON|Unicode)DecodeError ", str(error)):
            raise ValueError(_said_in_worker(str(error))) from error
        if not (found := re.match(r"DataLoader worker \(pid[^)]*\) [^.:]*", str(error))):
            raise
        raise ChildProcessError(f"{found[0].strip()}: out of memory, or ended from outside") from error
