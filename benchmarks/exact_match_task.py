"""GRES's questions, scored by whether the answer's text is the sample's id: the least that a task can do."""

from typing import ClassVar

from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Prediction, Sample, Scores
from samtok_tasks.gres.task import GRES


class ExactMatch(GRES):
    """For the benchmark of the harness."""

    name = "exact-match"
    primary = "exact"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (MetricInfo("exact", "exact match", "share of equal texts"),)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return {"exact": float(prediction.text == sample.id)}
