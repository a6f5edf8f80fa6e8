"""What several benchmarks do with an answer."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.sample import Outcome, Prediction

_TAG = re.compile(r"<\|[^<>|]*\|>")


def without_tags(answer: str) -> str:
    """An answer without mask words and other tokens of the form <|...|>."""
    return _TAG.sub("", answer)


class Enclosed(NamedTuple):
    """text[start:stop] between two tags, which with it are text[begin:end]."""

    begin: int
    start: int
    stop: int
    end: int


def enclosed(text: str, *tags: tuple[str, str], at: int = 0) -> Iterator[Enclosed]:
    """What stands between a first tag and the next second tag of the same pair, in reading order.

    As the matches of `first(.*?)second`, but in linear time: a pair that never closes is given up.

    Args:
        text: any.
        tags: pairs of tags.
        at: where to begin.
    """
    places = dict.fromkeys(tags, -1)  # of the next first tag; the text's end where there is none
    while True:
        for pair, place in places.items():
            if place < at:
                found = text.find(pair[0], at)
                places[pair] = found if found >= 0 else len(text)
        pair = min(places, key=places.__getitem__)
        begin = places[pair]
        if begin == len(text):
            return
        start = begin + len(pair[0])
        stop = text.find(pair[1], start)
        if stop < 0:
            places[pair] = len(text)
            continue
        at = stop + len(pair[1])
        yield Enclosed(begin, start, stop, at)


def without_enclosed(text: str, first: str, second: str) -> str:
    """A text without the tags of a pair and what stands between them."""
    kept, at = [], 0
    for begin, _, _, end in enclosed(text, (first, second)):
        kept.append(text[at:begin])
        at = end
    return "".join([*kept, text[at:]])


def failed(prediction: Prediction) -> bool:
    """Whether an answer without a mask does not say that nothing is there.

    So it is where there is none at all (an error), where it was cut off before it came to a mask, and where
    its mask words are malformed.
    """
    return prediction.outcome is not Outcome.OK or bool(prediction.faults)


def overlap(target: RLE, prediction: Prediction) -> tuple[RLE, int, int]:
    """The union of an answer's masks, and its intersection and union with the target in pixels."""
    height, width = target["size"]
    united = rle.union(prediction.masks, (height, width))
    return united, *rle.intersection_union(target, united)
