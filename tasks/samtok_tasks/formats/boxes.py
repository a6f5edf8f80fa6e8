"""Boxes as masks: data sets that mark a region by a box get the filled box, as Osprey and Ferret-Bench do."""

from collections.abc import Sequence
from typing import Any

from samtok_bench.rle import MAX_COORDINATE


def box_polygon(box: Sequence[Any], where: str) -> list[list[float]]:
    """A box as a segmentation of COCO's form: one rectangle, which is cut off at the image when it is drawn.

    Args:
        box: x, y, width, height in pixels. One without width or height makes an empty mask.
        where: the file and the record, for messages.

    Raises:
        ValueError: these are no four finite numbers near an image.
    """
    if len(box) != 4 or not all(_is_coordinate(value) for value in box):
        raise ValueError(f"{where}: a box is x, y, width and height in pixels, got {str(list(box))[:80]}")
    x0, y0, width, height = box
    x1, y1 = x0 + max(width, 0), y0 + max(height, 0)
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def _is_coordinate(value: Any) -> bool:
    # half of what a mask allows, so that the sum of two is within it; false for NaN
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_COORDINATE / 2
