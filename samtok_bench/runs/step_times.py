"""How long the steps of a predictor took, for those that time them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from samtok_bench.sample import Prediction


@dataclass
class StepTimes:
    """Sums over predictions."""

    masks: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    """By step, those of the first prediction that has any."""

    @classmethod
    def of(cls, predictions: Iterable[Prediction]) -> Self:
        """Of all of them."""
        times = cls()
        for prediction in predictions:
            times.add(prediction)
        return times

    def add(self, prediction: Prediction) -> None:
        """Count one more, if its steps are timed."""
        if prediction.timings:
            self.masks += len(prediction.masks)
            self.seconds = self.seconds or dict.fromkeys(prediction.timings, 0.0)
            for step in self.seconds:
                self.seconds[step] += prediction.timings.get(step, 0.0)
