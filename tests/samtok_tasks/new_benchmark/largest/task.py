"""Segment the largest object."""

from pathlib import Path
from typing import ClassVar

from samtok_tasks.largest.metrics import METRICS, largest_scores
from samtok_tasks.largest.reader import locate_largest, read_largest

from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Generation, SampleSet
from samtok_tasks.mini.task import MiniTask


class Largest(MiniTask):
    """The largest object of an image."""

    name = "largest"
    summary = "the largest object"
    primary = "miou"
    splits: ClassVar[tuple[str, ...]] = ("val",)
    metrics = METRICS
    generation = Generation(128)

    def locate(self, root: Path) -> str:
        return f"the largest objects, in {locate_largest(root, 'val')}"

    def samples(self, root: Path, split: str) -> SampleSet:
        return SampleSet(
            [
                Sample(
                    id=content_id("largest", image_key(image, root), mask["counts"]),
                    image=image,
                    size=(mask["size"][0], mask["size"][1]),
                    turns=question(image, "Please segment the largest object."),
                    cluster=image_key(image, root),
                    target=Target((mask,)),
                )
                for image, mask in read_largest(root, split)
            ]
        )

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return largest_scores(sample.target.masks[0], prediction)
