"""Batches one after the other, in this process."""

from collections.abc import Sequence

from samtok_bench.predictor import Predictor
from samtok_bench.running.engines import careful
from samtok_bench.running.engines.engine import Answered, Engine, Keep
from samtok_bench.sample import Sample


class LocalEngine(Engine):
    """The predictor itself."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def prepare(self) -> None:
        self._predictor.prepare()

    def answer(self, batches: Sequence[Sequence[Sample]], keep: Keep) -> None:
        for number, batch in enumerate(batches):
            for coming in batches[number + 1 : number + 2]:
                self._predictor.read_ahead(coming)
            keep([Answered(batch, careful.predict(self._predictor, batch))])
