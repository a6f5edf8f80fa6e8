"""Samples in threads, for a predictor that waits for a server."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import chain, islice

from samtok_bench.predictor import Predictor
from samtok_bench.running.engines import careful
from samtok_bench.running.engines.engine import Answered, Engine
from samtok_bench.sample import Prediction, Sample


class ThreadEngine(Engine):
    """One predictor, asked for single samples by several threads.

    Args:
        predictor: whose `predict` several threads may call.
        threads: how many samples are asked for at the same time.
    """

    def __init__(self, predictor: Predictor, threads: int) -> None:
        self._predictor, self._threads = predictor, threads
        self._pool = ThreadPoolExecutor(threads)

    def prepare(self) -> None:
        self._predictor.prepare()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def answer(self, batches: Sequence[Sequence[Sample]]) -> Iterator[list[Answered]]:
        left = chain.from_iterable(batches)
        running: dict[Future[list[Prediction]], Sample] = {}
        while True:
            for sample in islice(left, self._threads - len(running)):
                running[self._pool.submit(careful.predict, self._predictor, [sample])] = sample
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            failed = next((future for future in done if future.exception()), None)
            whole = [future for future in done if not future.exception()]
            if whole:
                yield [Answered([running.pop(future)], future.result()) for future in whole]
            if failed:
                failed.result()
