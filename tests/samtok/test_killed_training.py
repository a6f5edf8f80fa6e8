"""Trainings that are killed, interrupted or run out of disk: the next one ends as if nothing had happened."""

import json
import multiprocessing
import os
import random
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import test_supervised
import test_train_tokenizer
import torch
from safetensors.torch import load_file

from samtok.training import supervised, tokenizer
from samtok.training.folders import UNFINISHED, checkpoint_fault, weights_fault

KINDS = ("sft", "tokenizer")
KILLS = 16
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGKILL, signal.SIGINT)
FREE = ("seconds", "steps_per_second", "train_runtime", "train_samples_per_second", "train_steps_per_second")
"""What a log says of time."""


class Moment(NamedTuple):
    """When a training gets a signal."""

    signal: signal.Signals
    operation: int | None = None
    """Before this operation on a file of its folder, or at the torn end of one that torch writes."""
    seconds: float = 0.0


def train(kind: str, folder: Path, resume: bool = False) -> Path:
    """A training of seconds that saves more often than it logs."""
    often = {"log_every": 3, "save_every": 2}
    if kind == "sft":
        path = test_supervised.recipe(folder.parent, threads=1, **often)
        return supervised.train(path, folder, resume)
    return tokenizer.train(test_train_tokenizer.written_recipe(folder.parent, **often), folder, resume)


def in_child(kind: str, folder: Path, moment: Moment | None, counter: Any) -> None:
    """Train in a process of its own until the moment; what it says goes to `said`."""
    said = os.open(folder.with_name("said"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    count_operations(folder, moment, counter)
    if moment is not None and moment.operation is None:
        timer = threading.Timer(moment.seconds, os.kill, (os.getpid(), moment.signal))
        timer.daemon = True
        timer.start()
    try:
        train(kind, folder, resume=True)
    except KeyboardInterrupt:
        os._exit(128 + signal.SIGINT)


def count_operations(folder: Path, moment: Moment | None, counter: Any) -> None:
    """Count what is done to files of the folder, and send the signal before one of these operations."""

    def step() -> None:
        counter.value += 1
        if moment is not None and counter.value == moment.operation:
            os.kill(os.getpid(), moment.signal)

    def audit(event: str, arguments: tuple) -> None:
        if event in ("open", "os.mkdir", "os.rename", "os.rmdir", "os.remove") and str(folder) in str(
            arguments[:2]
        ):
            step()

    sys.addaudithook(audit)
    writer = torch.serialization._open_zipfile_writer_file
    close = writer.__exit__

    def torn(self: Any, *details: Any) -> None:
        step()
        close(self, *details)

    writer.__exit__ = torn  # only in this process


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Train in a fork of a process that has imported everything: (exit code, number of operations)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([*sys.path]))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["test_killed_training"])
        counter = context.Value("i", 0)

        def run(kind: str, folder: Path, moment: Moment | None = None) -> tuple[int, int]:
            counter.value = 0
            process = context.Process(target=in_child, args=(kind, folder, moment, counter))
            process.start()
            process.join(120)
            assert process.exitcode is not None, "the training hangs"
            return process.exitcode, counter.value

        yield run


def logged(folder: Path) -> list[str]:
    """The log without what depends on time."""
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [json.dumps({key: value for key, value in entry.items() if key not in FREE}) for entry in entries]


def assert_same(folder: Path, reference: Path) -> None:
    """Weights and log are those of an uninterrupted training, bit by bit."""
    ours, theirs = (load_file(path / "final/model.safetensors") for path in (folder, reference))
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    assert logged(folder) == logged(reference)
    assert not list(folder.rglob(UNFINISHED))


def assert_whole(folder: Path) -> None:
    """Whatever has the name of something whole is whole."""
    checkpoints = [path for path in folder.rglob("checkpoint-*") if UNFINISHED not in path.parts]
    assert [(path, fault) for path in checkpoints if (fault := checkpoint_fault(path))] == []
    for name in ("done", "final"):
        found = [path for path in folder.rglob(name) if UNFINISHED not in path.parts]
        assert [(path, fault) for path in found if (fault := weights_fault(path))] == []


@pytest.fixture(scope="module")
def reference(run, tmp_path_factory):
    """The folder of an uninterrupted training of a kind, and how many operations it took."""
    known: dict[str, tuple[Path, int]] = {}

    def reference(kind: str) -> tuple[Path, int]:
        if kind not in known:
            folder = tmp_path_factory.mktemp(f"reference-{kind}") / "out"
            code, operations = run(kind, folder)
            assert code == 0, folder.with_name("said").read_text()
            known[kind] = folder, operations
        return known[kind]

    return reference


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_many_kills_change_nothing(run, reference, tmp_path, kind):
    whole, operations = reference(kind)
    assert operations > 60
    draw = random.Random(40)
    codes: Counter[int] = Counter()
    for training in range(KILLS):
        folder = tmp_path / str(training) / "out"
        folder.parent.mkdir()
        while sum(codes.values()) < KILLS:
            number = SIGNALS[sum(codes.values()) % len(SIGNALS)]
            moment = Moment(number, draw.randrange(1, operations))
            if draw.random() < 0.25:
                moment = Moment(number, seconds=draw.uniform(0.05, 2))
            code, _ = run(kind, folder, moment)
            said = folder.with_name("said").read_text()
            assert code in (0, -number, 128 + number), said
            assert_whole(folder)
            if code == 0:
                break
            codes[code] += 1
        else:
            assert run(kind, folder)[0] == 0, folder.with_name("said").read_text()
        assert_same(folder, whole)
        if sum(codes.values()) == KILLS:
            break
    assert codes[-signal.SIGKILL] > KILLS / 4
    assert codes.keys() == {-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGINT}
