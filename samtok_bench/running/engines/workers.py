"""Batches on several workers: what they are given, and what becomes of the batch of one that died.

A worker gets whole batches and answers them; the driver scores and writes. The batch of a worker that died is
asked again, then sample by sample; a sample that was asked in vain three times is a model error. So a sample
that kills its worker costs three workers and nothing else.
"""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, Literal

from samtok_bench import images, registry
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.running.engines.engine import Answered
from samtok_bench.sample import Outcome, Prediction, Sample

MOST_DEATHS = 3


@dataclass(frozen=True)
class Place:
    """A worker's part of a machine."""

    number: int
    """From 0."""
    count: int
    """Of workers there."""

    def take(self, options: PredictorOptions, gpus: int) -> PredictorOptions:
        """Set the threads of what is not imported yet; the options with the worker's own GPU."""
        threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
        os.environ["OMP_NUM_THREADS"] = str(max(1, threads // self.count))
        if gpus and options.device in ("auto", "cuda"):
            return replace(options, device=f"cuda:{self.number % gpus}")
        return options


@dataclass(frozen=True)
class WorkerModel:
    """What a worker needs to make the predictor for itself."""

    model: str
    """As `--model` has it."""
    answered_by: Literal["model", "codec"]
    options: PredictorOptions

    gpus: int = 0
    """How many a machine has."""
    max_pixels: int = field(default_factory=images.max_pixels)
    """Of an image, as in the driver."""
    trusted: bool = False
    """Whether the user typed the name: a file's code may run."""

    def make(self, place: Place | None = None) -> Predictor:
        """The predictor; of a worker at its place."""
        if self.max_pixels != images.max_pixels():
            images.allow_pixels(self.max_pixels)
        if self.trusted:
            registry.trust_model(self.model)
        kind, argument = registry.predictor_class(self.model, self.answered_by)
        return kind(argument, place.take(self.options, self.gpus) if place else self.options)


@dataclass(frozen=True)
class Job:
    """A batch, and how many workers died on it."""

    samples: Sequence[Sample]
    deaths: int = 0


class Jobs:
    """The batches that wait."""

    def __init__(self, batches: Iterable[Sequence[Sample]]) -> None:
        self._waiting = deque(Job(batch) for batch in batches)

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self) -> Job:
        """The next one."""
        return self._waiting.popleft()

    def lost(self, job: Job, how: str) -> Answered | None:
        """Put the batch of a dead worker back, or give up its only sample."""
        deaths = job.deaths + 1
        if deaths >= MOST_DEATHS and len(job.samples) == 1:
            detail = f"{deaths} workers died on this sample, the last {how}"
            return Answered(job.samples, [Prediction(outcome=Outcome.MODEL_ERROR, detail=detail)])
        batches = [job.samples] if deaths < MOST_DEATHS - 1 else [[sample] for sample in job.samples]
        self._waiting.extendleft(Job(batch, deaths) for batch in reversed(batches))
        return None


def sendable(samples: Sequence[Sample]) -> list[Sample]:
    """Samples without what only their task looks at: it may be of a class that a worker cannot import."""
    return [replace(sample, truth=None) for sample in samples]


def spawned(work: Callable[..., None], *args: Any) -> tuple[SpawnProcess, Connection]:
    """Start `work(connection, *args)` in a process that ends with this one; our end of its connection.

    Ctrl-C reaches all processes, and one that does not ignore it from its start on would print a traceback.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, *args), daemon=True)
    resource_tracker.ensure_running()  # the first start would do that, which unblocks SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        theirs.close()  # or the end of the worker would not be seen
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return process, ours
