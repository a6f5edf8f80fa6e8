"""Batches on the machines of a Ray cluster: plain actors, one GPU each where the cluster has some.

Actors are neither restarted nor asked again by Ray: the driver hands out the batch of a dead one itself, as
it does for processes. Every machine must have the images at the same paths, which is checked before it
answers.
"""

import logging
import os
import sys
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


@dataclass
class _Actor:
    handle: Any
    node: str
    """Id of its machine."""


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
        self._failed_starts = 0
        self._checked: set[str] = set()

    def prepare(self) -> None:
        """Load the model in every actor; OSError or ValueError where there is no cluster, or no model."""
        if not self._ray.is_initialized():
            self._connect()
        while len(self._actors) < self._count:
            self._start(self._count - len(self._actors))

    def close(self) -> None:
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        self._ray.shutdown()

    def answer(self, batches: Sequence[Sequence[Sample]], keep: Keep) -> None:
        self._check([sample.image for batch in batches for sample in batch])
        jobs, running = Jobs(batches), dict[Any, tuple[_Actor, Job]]()
        idle = list(self._actors)
        while jobs or running:
            while jobs and idle:
                actor, job = idle.pop(), jobs.take()
                running[actor.handle.predict.remote(sendable(job.samples))] = actor, job
            done, _ = self._ray.wait(list(running), num_returns=1)
            answered = []
            for reply in done:
                actor, job = running.pop(reply)
                try:
                    answered.append(Answered(job.samples, self._got(reply)))
                    idle.append(actor)
                except self._ray.exceptions.RayActorError:
                    if given_up := jobs.lost(job, "within Ray"):
                        answered.append(given_up)
                    self._actors.remove(actor)
                    while len(self._actors) < self._count:
                        idle += self._start(1)
            if answered:
                keep(answered)

    def _connect(self) -> None:
        # Ray has no public way to keep its words about dead actors out of stdout, which belongs to --json
        self._ray._private.worker._worker_logs_enabled = False
        local = self._address == LOCAL
        # whatever made this process find its packages
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        try:
            self._ray.init(
                address=None if local else self._address,
                runtime_env={"env_vars": paths} if local else None,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # Ray promises no particular one
            reason = str(error).strip().split("\n")[0]
            raise OSError(f"no Ray cluster at {self._address}: {reason}") from None

    def _start(self, count: int) -> list[_Actor]:
        """More actors, with their model loaded."""
        gpus = 1 if self._ray.cluster_resources().get("GPU") else 0
        kind = self._ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_task_retries=0)(_Worker)
        handles = [kind.remote(self._model) for _ in range(count)]
        started = []
        for handle in handles:
            try:
                started.append(_Actor(handle, self._got(handle.prepare.remote())))
                self._failed_starts = 0
            except self._ray.exceptions.RayActorError as error:
                self._failed_starts += 1
                if self._failed_starts >= MOST_DEATHS:
                    reason = str(error).strip().split("\n")[0]
                    raise OSError(
                        f"{self._failed_starts} workers died while they loaded the model: {reason}"
                    ) from None
        self._actors += started
        return started

    def _got(self, reply: Any) -> Any:
        """What an actor returns; what it raises, but for its death, as the error itself."""
        try:
            return self._ray.get(reply)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, Unavailable | OSError | ValueError):
                raise error.cause from None
            raise

    def _check(self, images: Sequence[Path]) -> None:
        """OSError where a machine has other images than this one."""
        here = self._ray.get_runtime_context().get_node_id()
        others = {actor.node: actor for actor in self._actors if actor.node != here}
        new = [actor for node, actor in others.items() if node not in self._checked]
        if not new:
            return
        paths = list(dict.fromkeys(images))
        ours = provenance.file_hash(paths)
        for actor in new:
            if self._got(actor.handle.hash_of.remote(paths)) != ours:
                raise OSError(f"the machine {actor.node[:12]} of the cluster has other images at these paths")
            self._checked.add(actor.node)


class _Worker:
    """The actor."""

    def __init__(self, model: WorkerModel) -> None:
        self._predictor: Predictor = model.make()

    def prepare(self) -> str:
        """Load the model; the id of the machine."""
        import ray

        self._predictor.prepare()
        return str(ray.get_runtime_context().get_node_id())

    def hash_of(self, paths: Sequence[Path]) -> str:
        """Of files here."""
        return provenance.file_hash(paths)

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        """As `careful.predict`."""
        return careful.predict(self._predictor, samples)
