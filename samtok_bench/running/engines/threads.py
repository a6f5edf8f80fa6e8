"""Samples in threads, for a predictor that waits for a server."""

from collections.abc import Sequence
from itertools import chain

from samtok_bench.predictor import Predictor
from samtok_bench.running.engines import careful
from samtok_bench.running.engines.engine import Answered, Engine, Keep
from samtok_bench.sample import Sample
from samtok_bench.serving.asking import ask_all


class ThreadEngine(Engine):
    """One predictor, asked for single samples by several threads.

    Args:
        predictor: whose `predict` several threads may call.
        threads: how many samples are asked for at the same time.
    """

    def __init__(self, predictor: Predictor, threads: int) -> None:
        self._predictor, self._threads = predictor, threads

    def prepare(self) -> None:
        self._predictor.prepare()

    def answer(self, batches: Sequence[Sequence[Sample]], keep: Keep) -> None:
        samples = list(chain.from_iterable(batches))
        ask_all(self._ask, samples, self._threads, lambda answered: keep([answered]))

    def _ask(self, sample: Sample) -> Answered:
        return Answered([sample], careful.predict(self._predictor, [sample]))
