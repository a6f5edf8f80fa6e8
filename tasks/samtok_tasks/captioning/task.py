"""What all benchmarks of region captions share: the region in the prompt, and the caption in an answer."""

from collections.abc import Mapping
from typing import ClassVar

from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import MASK_PLACE, Part, Prediction, Region, Sample, Scores, Text
from samtok_bench.shown import Statement
from samtok_bench.task import Task
from samtok_tasks.answers import without_tags

CAPTION_METRICS = (
    MetricInfo(
        "captioned", "captioned", "share of regions with a caption of any words", source="this project"
    ),
    MetricInfo(
        "words", "words", "mean words of a caption", source="this project", direction="none", unit="words"
    ),
)
"""Over the scores of `RegionCaption.score`."""


class RegionCaption(Task):
    """Describe the region of a mask."""

    group = "region_caption"
    answer_form = "text"
    data_name: ClassVar[str]
    """The benchmark's name in the ids of samples."""

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        words = len(caption(prediction.text).split())
        return {"captioned": float(words > 0), "words": float(words)}

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """The same caption for every region."""
        return {"one caption": Prediction(text="An object.", stop_reason="stop")}

    def shown(self, sample: Sample, prediction: Prediction) -> Statement:
        return Statement(sample.target.text, caption(prediction.text))


def caption(answer: str) -> str:
    """An answer without mask words and special tokens, in one line."""
    return " ".join(without_tags(answer).split())


def with_region(prompt: str, mask: RLE) -> tuple[Part, ...]:
    """A prompt with the region in its place, or after it where it names none."""
    before, place, after = prompt.partition(MASK_PLACE)
    parts = (Text(before if place else f"{before} "), Region(mask), Text(after))
    return tuple(part for part in parts if not isinstance(part, Text) or part.text)
