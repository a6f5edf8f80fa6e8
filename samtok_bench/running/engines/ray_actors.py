"""Batches on the machines of a Ray cluster: plain actors, one GPU each where the cluster has some.

Actors are neither restarted nor asked again by Ray: the driver hands out the batch of a dead one itself, as
it does for processes. It waits for all of them at once, whatever they do, so that those that are there go on
while another finds no room. Every machine must have the images at the same paths, which is checked before it
answers, whenever it comes.
"""

import functools
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench import provenance
from samtok_bench.predictor import Predictor, Unavailable
from samtok_bench.running.engines import careful
from samtok_bench.running.engines.engine import Answered, Engine, Keep
from samtok_bench.running.engines.workers import MOST_DEATHS, Job, Jobs, WorkerModel, sendable
from samtok_bench.sample import Prediction, Sample

LOCAL = "local"
"""Stands for an address: a cluster of this machine alone, for the time of the run."""


PATIENCE = 30
"""Seconds without a word of any actor, after which a line says what is waited for."""


@dataclass(eq=False)
class _Actor:
    handle: Any
    node: str = ""
    """Id of its machine, once the model is loaded."""
    job: Job | None = None
    """What it answers."""
    paths: Sequence[Path] = ()
    """Images that it compares."""


class RayEngine(Engine):
    """Actors, each with the predictor for itself.

    Args:
        model: what each of them loads.
        count: how many.
        address: of the cluster, as ray.init takes it, or LOCAL.

    Raises:
        ValueError: Ray is not installed.
    """

    def __init__(self, model: WorkerModel, count: int, address: str) -> None:
        try:
            import ray
        except ImportError:
            raise ValueError("--ray needs Ray: pip install 'samtok-bench[ray]'") from None
        self._ray, self._model, self._count, self._address = ray, model, count, address
        self._actors: list[_Actor] = []
        self._replies = dict[Any, _Actor]()
        """Those that are waited for, one an actor, whether it loads, compares images or answers."""
        self._failed_starts = 0
        self._hash = functools.cache(lambda path: provenance.file_hash([path]))
        self._checked = defaultdict[str, set[Path]](set)
        """Images that a machine has as this one has them."""

    def prepare(self) -> None:
        """Load the model in every actor; OSError or ValueError where there is no cluster, room or model.

        What takes the place of one that died meanwhile is not waited for, if there is another one.
        """
        if self._actors:
            return
        if not self._ray.is_initialized():
            self._connect()
        self._here = self._ray.get_runtime_context().get_node_id()
        room = self._ray.cluster_resources()
        self._gpus = 1 if room.get("GPU") else 0
        for what, each in (("CPU", 1), ("GPU", self._gpus)):
            if self._count * each > (have := room.get(what, 0)):
                raise ValueError(f"--workers {self._count}: one {what} each, and the cluster has {have:g}")
        for _ in range(self._count):
            self._start()
        first = set(self._replies)
        while first & self._replies.keys() or not any(actor.node for actor in self._actors):
            self._hear()

    def close(self) -> None:
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        self._replies.clear()
        self._ray.shutdown()

    def answer(self, batches: Sequence[Sequence[Sample]], keep: Keep) -> None:
        jobs = Jobs(batches)
        images = list(dict.fromkeys(sample.image for batch in batches for sample in batch))
        sound = {self._here}
        while jobs or any(actor.job for actor in self._actors):
            for actor in self._actors:
                if not actor.node or actor.job or actor.paths:
                    continue
                if actor.node not in sound and self._check(actor, images):
                    sound.add(actor.node)
                if jobs and actor.node in sound:
                    actor.job = jobs.take()
                    self._replies[actor.handle.predict.remote(sendable(actor.job.samples))] = actor
            if answered := self._hear(jobs):
                keep([answered])

    def _connect(self) -> None:
        # Ray has no public way to keep its words about dead actors out of stdout, which belongs to --json
        self._ray._private.worker._worker_logs_enabled = False
        local = self._address == LOCAL
        # whatever made this process find its packages
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            self._ray.init(
                address=self._address,  # Ray's own "local" is a new cluster, whatever else runs here
                runtime_env={"env_vars": paths} if local else None,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # Ray promises no particular one
            reason = str(error).strip().split("\n")[0]
            raise OSError(f"no Ray cluster at {self._address}: {reason}") from None

    def _start(self) -> None:
        """One more actor, which loads the model as soon as there is room for it."""
        kind = self._ray.remote(num_cpus=1, num_gpus=self._gpus, max_restarts=0, max_task_retries=0)(_Worker)
        actor = _Actor(kind.remote(self._model))
        self._actors.append(actor)
        self._replies[actor.handle.prepare.remote()] = actor

    def _hear(self, jobs: Jobs | None = None) -> Answered | None:
        """Wait for a word of any actor; a batch that is answered, or given up."""
        done, _ = self._ray.wait(list(self._replies), num_returns=1, timeout=PATIENCE)
        if not done:
            self._say_what_is_missing()
            return None
        actor = self._replies.pop(done[0])
        lost = self._ray.exceptions
        try:
            said = self._got(done[0])
        except (lost.RayActorError, lost.ObjectLostError, lost.OutOfMemoryError) as error:
            return self._lost(actor, jobs, error)
        if actor.job:
            answered, actor.job = Answered(actor.job.samples, said), None
            return answered
        if actor.paths:
            self._compare(actor, said)
        else:
            actor.node, self._failed_starts = said, 0
        return None

    def _say_what_is_missing(self) -> None:
        if any(actor.job or actor.paths for actor in self._actors):
            return
        ready = sum(bool(actor.node) for actor in self._actors)
        print(
            f"note: {ready} of {self._count} workers are ready: waiting for room in the cluster, or for the "
            "model to load",
            file=sys.stderr,
            flush=True,
        )

    def _lost(self, actor: _Actor, jobs: Jobs | None, error: Exception) -> Answered | None:
        """Put another actor in the place of one that died, or whose answer did not arrive."""
        self._ray.kill(actor.handle)
        self._actors.remove(actor)
        if not actor.node:
            self._failed_starts += 1
            if self._failed_starts >= MOST_DEATHS:
                reason = str(error).strip().split("\n")[0]
                raise OSError(f"{self._failed_starts} workers died while they loaded the model: {reason}")
        self._start()
        return jobs.lost(actor.job, "within Ray") if jobs is not None and actor.job else None

    def _got(self, reply: Any) -> Any:
        """What an actor returns; what it raises, but for its death, as the error itself."""
        try:
            return self._ray.get(reply)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, Unavailable | OSError | ValueError):
                raise error.cause from None
            raise

    def _check(self, actor: _Actor, images: Sequence[Path]) -> bool:
        """Whether its machine has these images; where that is not known, one actor there compares them."""
        if any(other.paths and other.node == actor.node for other in self._actors):
            return False
        actor.paths = [path for path in images if path not in self._checked[actor.node]]
        if actor.paths:
            self._replies[actor.handle.hash_of.remote(actor.paths)] = actor
        return not actor.paths

    def _compare(self, actor: _Actor, hashes: Sequence[str]) -> None:
        for path, there in zip(actor.paths, hashes, strict=True):
            if there != self._hash(path):
                where = f"the machine {actor.node[:12]} of the cluster"
                raise OSError(f"{where} has not the same {path} as this one")
        self._checked[actor.node].update(actor.paths)
        actor.paths = ()


class _Worker:
    """The actor."""

    def __init__(self, model: WorkerModel) -> None:
        self._predictor: Predictor = model.make()

    def prepare(self) -> str:
        """Load the model; the id of the machine."""
        import ray

        self._predictor.prepare()
        return str(ray.get_runtime_context().get_node_id())

    def hash_of(self, paths: Sequence[Path]) -> list[str]:
        """Of each file, as it is here."""
        return [provenance.file_hash([path]) for path in paths]

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        """As `careful.predict`."""
        return careful.predict(self._predictor, samples)
