"""Accidents at any moment at which a command brings something to disk: interrupts, full disks, kills."""

import errno
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

MOMENTS = ("fsync", "replace", "rename")
"""Functions of `os`."""


def interrupted() -> None:
    raise KeyboardInterrupt


def full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def accident(what: Callable[[], None], moment: int) -> Iterator[list[str]]:
    """Let something happen before the moment of this number, from 0; the moments that came, until now."""
    came: list[str] = []

    def wrapped(name: str, function: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object, **named: object) -> None:
            came.append(name)
            if len(came) == moment + 1:
                what()
            function(*arguments, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in MOMENTS:
            patch.setattr(os, name, wrapped(name, getattr(os, name)))
        yield came


def kill_at(moment: int, work: Callable[[], object]) -> bool:
    """Do something in a process of its own that is killed at a moment; whether it came to that."""

    def child() -> None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        with accident(killed, moment):
            work()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode == -signal.SIGKILL
