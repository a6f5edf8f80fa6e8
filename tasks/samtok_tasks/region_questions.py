"""Texts that name regions, as questions of several benchmarks do."""

import re
from collections.abc import Callable

from samtok_bench.rle import RLE
from samtok_bench.sample import Region, Text

COUNTS = ("none", "1", "2", "3 or more")
"""Values of the tag `regions`."""


def counted(regions: int) -> str:
    """How many regions a question has, one of COUNTS."""
    return COUNTS[min(regions, len(COUNTS) - 1)]


def with_regions(text: str, place: re.Pattern[str], mask_of: Callable[[str], RLE]) -> list[Text | Region]:
    """A text with its regions in their places.

    Args:
        text: what is asked.
        place: where a region belongs; its one group is the region's name.
        mask_of: the mask by name.
    """
    pieces = place.split(text)  # text, name, text, ...
    parts = [Region(mask_of(piece)) if k % 2 else Text(piece) for k, piece in enumerate(pieces)]
    return [part for part in parts if not isinstance(part, Text) or part.text]
