"""Batches in several processes of this machine, one GPU each where there are some."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from samtok_bench.predictor import Unavailable
from samtok_bench.running.engines import careful
from samtok_bench.running.engines.engine import Answered, Engine, Keep
from samtok_bench.running.engines.workers import MOST_DEATHS, Job, Jobs, Place, WorkerModel, sendable, spawned
from samtok_bench.sample import Sample


@dataclass
class _Worker:
    process: SpawnProcess
    connection: Connection
    place: Place
    job: Job | None = None
    ready: bool = False


class ProcessEngine(Engine):
    """Spawned processes, each with the predictor for itself.

    Args:
        model: what each of them loads.
        count: how many.
    """

    def __init__(self, model: WorkerModel, count: int) -> None:
        self._model, self._count = model, count
        self._workers: list[_Worker] = []
        self._failed_starts = 0

    def prepare(self) -> None:
        """Load the model in every worker; OSError or ValueError of the first that cannot."""
        for number in range(len(self._workers), self._count):
            self._start(Place(number, self._count))
        while not all(worker.ready for worker in self._workers):
            self._hear()

    def close(self) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()
        self._workers.clear()

    def answer(self, batches: Sequence[Sequence[Sample]], keep: Keep) -> None:
        jobs = Jobs(batches)
        while True:
            for worker in self._workers:
                if jobs and worker.ready and worker.job is None:
                    worker.job = jobs.take()
                    self._send(worker)
            if not jobs and not any(worker.job for worker in self._workers):
                return
            if answered := self._hear(jobs):
                keep(answered)

    def _start(self, place: Place) -> None:
        self._workers.append(_Worker(*spawned(_work, self._model, place), place))

    def _send(self, worker: _Worker) -> None:
        assert worker.job is not None
        try:
            worker.connection.send(sendable(worker.job.samples))
        except OSError:
            return  # it died, which the next look at it shows

    def _hear(self, jobs: Jobs | None = None) -> list[Answered]:
        """Wait for a word of any worker; the batches that are answered, or given up."""
        answered = []
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection)):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                said = worker.connection.recv()
            except (EOFError, OSError):
                if given_up := self._lost(worker, jobs):
                    answered.append(given_up)
                continue
            if isinstance(said, Exception):
                raise said
            worker.ready, self._failed_starts = True, 0
            if worker.job is not None:
                answered.append(Answered(worker.job.samples, said))
                worker.job = None
        return answered

    def _lost(self, worker: _Worker, jobs: Jobs | None) -> Answered | None:
        worker.process.join()
        code = worker.process.exitcode or 0
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        self._workers.remove(worker)
        worker.connection.close()
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MOST_DEATHS:
                raise OSError(
                    f"{self._failed_starts} workers died while they loaded the model, the last {how}"
                )
        self._start(worker.place)  # whose device is free now
        return jobs.lost(worker.job, how) if jobs is not None and worker.job is not None else None


def _work(connection: Connection, model: WorkerModel, place: Place) -> None:
    """The life of a worker: load, then answer batches until the driver is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver ends it
    try:
        predictor = model.make(place)
        predictor.prepare()
        connection.send(None)
        while True:
            connection.send(careful.predict(predictor, connection.recv()))
    except (EOFError, ConnectionError):
        return
    except Unavailable as error:
        connection.send(error)
    except (OSError, ValueError) as error:
        connection.send(ValueError(str(error)))
