"""What several benchmarks do with an answer."""

import re

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction

_TAG = re.compile(r"<\|[^<>|]*\|>")


def without_tags(answer: str) -> str:
    """An answer without mask words and other tokens of the form <|...|>."""
    return _TAG.sub("", answer)


def overlap(target: RLE, prediction: Prediction) -> tuple[RLE, int, int]:
    """The union of an answer's masks, and its intersection and union with the target in pixels."""
    height, width = target["size"]
    united = rle.union(prediction.masks, (height, width))
    return united, *rle.intersection_union(target, united)
