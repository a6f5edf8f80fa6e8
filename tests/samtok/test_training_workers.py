"""Processes that draw training data, when something is killed or interrupted."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from samtok.training.workers import Loader, deaths_of_workers


class Endless:
    """A pipe is soon full of these."""

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> bytes:
        return bytes(100_000)


def wait_with_workers(method: str, said: Path, pids: Connection) -> None:
    """A process that takes one batch of two workers and then does something else."""
    os.setsid()
    shown = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(shown, 1)
    os.dup2(shown, 2)
    batches = iter(Loader(Endless(), num_workers=2, collate_fn=list, multiprocessing_context=method))
    next(batches)
    try:
        pids.send([worker.pid for worker in batches._workers])
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted")


@pytest.fixture
def started(tmp_path, request) -> Iterator[tuple[multiprocessing.Process, list[int], Path]]:
    """That process, the ids of its workers, and the file of what all of them say."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["samtok.training.workers"])
    ours, theirs = context.Pipe()
    process = context.Process(
        target=wait_with_workers, args=(getattr(request, "param", "fork"), tmp_path / "said", theirs)
    )
    process.start()
    assert ours.poll(60)
    yield process, ours.recv(), tmp_path / "said"
    process.kill()
    process.join()


def ended(pids: list[int]) -> bool:
    """Whether all of them end within some seconds."""
    for _ in range(100):
        states = [path.read_text() for pid in pids if (path := Path(f"/proc/{pid}/stat")).exists()]
        if all(state.rpartition(")")[2].split()[0] == "Z" for state in states):
            return True
        time.sleep(0.1)
    return False


# Linux starts workers the first way, and from Python 3.14 on the second one
@pytest.mark.parametrize(
    "started", ["fork", pytest.param("forkserver", marks=pytest.mark.slow)], indirect=True
)
def test_workers_end_with_a_killed_parent_although_their_pipe_is_full(started):
    process, workers, said = started
    time.sleep(0.5)
    process.kill()
    process.join()
    assert ended(workers)
    assert said.read_text() == ""


def test_an_interrupt_is_the_parents_own(started):
    process, workers, said = started
    os.killpg(process.pid, signal.SIGINT)
    process.join(30)
    assert process.exitcode == 0
    assert ended(workers)
    assert said.read_text() == "interrupted\n"


def test_a_termination_of_all_is_silent(started):
    process, workers, said = started
    os.killpg(process.pid, signal.SIGTERM)
    process.join(30)
    assert process.exitcode == -signal.SIGTERM
    assert ended(workers)
    assert said.read_text() == ""


def lose_a_worker() -> None:
    batches = iter(Loader(Endless(), num_workers=1, collate_fn=list))
    next(batches)
    os.kill(batches._workers[0].pid, signal.SIGKILL)
    for _ in batches:
        pass


def test_the_death_of_a_worker_is_one_line():
    line = r"DataLoader worker \(pid.*: out of memory, or ended from outside$"
    with pytest.raises(ChildProcessError, match=line), deaths_of_workers():
        lose_a_worker()


class Unusable(ValueError):
    """Other packages have errors of their own."""


class Broken:
    """Numbers whose errors torch passes on from a worker."""

    errors = (
        ValueError("200 records in a row cannot be used: 3 images, the first: a.json: record 1: no image"),
        ValueError("two lines:\nTraceback (most recent call last):\n  of another program\nValueError: x"),
        FileNotFoundError(2, "No such file or directory", "coco/1.jpg"),
        Unusable("a.json: record 3"),
        ValueError(""),
        ValueError("ends with a break\n"),
    )

    def __init__(self, *, chained: bool) -> None:
        self.chained = chained

    def __len__(self) -> int:
        return len(self.errors)

    def __getitem__(self, index: int) -> None:
        if not self.chained:
            raise self.errors[index]
        try:
            raise KeyError("turns")
        except KeyError as error:
            raise self.errors[index] from (error if index % 2 else self.errors[0])


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("place", range(len(Broken.errors)))
def test_an_error_in_a_worker_reads_as_without_workers(chained, place):
    messages = []
    for workers in (0, 1):
        loader = Loader(Broken(chained=chained), sampler=[place], num_workers=workers, batch_size=None)
        with pytest.raises(type(Broken.errors[place])) as caught, deaths_of_workers():
            next(iter(loader))
        messages.append(str(caught.value))
    assert caught.type is type(Broken.errors[place])
    assert messages[0] == messages[1]


@pytest.mark.parametrize(("raw", "message"), [(b"{", "Expecting property name"), (b"\xff", "'utf-8' codec")])
def test_an_error_that_torch_cannot_build_again_reads_as_its_message(raw, message):
    with pytest.raises(ValueError, match=f"^{message}") as caught, deaths_of_workers():
        next(iter(Loader([raw], num_workers=1, collate_fn=lambda items: json.loads(items[0].decode()))))
    assert "\n" not in str(caught.value)


def test_other_errors_of_a_worker_keep_its_traceback():
    """They are bugs."""
    with pytest.raises(TypeError, match="Traceback"), deaths_of_workers():
        next(iter(Loader([lambda: 1], num_workers=1, collate_fn=lambda items: items[0] + 1)))
    with pytest.raises(ValueError, match=r"^Caught cold in DataLoader worker"), deaths_of_workers():
        raise ValueError("Caught cold in DataLoader worker")


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="of a model"), deaths_of_workers():
        raise RuntimeError("of a model")
