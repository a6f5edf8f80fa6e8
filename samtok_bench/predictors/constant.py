"""Answers that never look at the image: the floor under every score."""

from collections.abc import Sequence
from typing import Any

from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.registry import suggestion
from samtok_bench.sample import Prediction, Sample
from samtok_bench.task import CONSTANT_ANSWERS, constant_answer


class ConstantPredictor(Predictor):
    """`constant:refuse` or `constant:whole`.

    Raises:
        ValueError: another argument.
    """

    summary = "a constant answer: no mask (refuse) or the whole image (whole)"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if argument not in CONSTANT_ANSWERS:
            raise ValueError(f"unknown constant {argument!r}{suggestion(argument, list(CONSTANT_ANSWERS))}")

    def identity(self) -> dict[str, Any]:
        return {"kind": "constant", "answer": self.argument}

    def predict(self, samples: Sequence[Sample]) -> list[Prediction]:
        return [constant_answer(self.argument, sample) for sample in samples]

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return CONSTANT_ANSWERS
