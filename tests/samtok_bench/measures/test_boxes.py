"""Boxes of masks, and their overlap."""

import pytest

from samtok_bench import rle
from samtok_bench.measures.boxes import box_iou, inclusive_box, pixel_box


def block(x0: int, y0: int, x1: int, y1: int) -> rle.RLE:
    """Pixels of a box, half open, in an image of 10 x 20."""
    return rle.rectangle(x0, y0, x1, y1, 10, 20)


def test_box_iou_by_hand():
    assert box_iou((0, 0, 4, 4), (2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert box_iou((0, 0, 4, 4), (4, 0, 6, 4)) == 0, "boxes that touch"
    assert box_iou((0, 0, 4, 4), (5, 5, 6, 6)) == 0
    assert box_iou((1, 1, 1, 5), (1, 1, 1, 5)) == 0, "no area, not 1"


def test_the_two_boxes_of_a_mask():
    assert (pixel_box(block(2, 3, 5, 9)), inclusive_box(block(2, 3, 5, 9))) == ((2, 3, 5, 9), (2, 3, 4, 8))
    assert pixel_box(rle.empty(10, 20)) == inclusive_box(rle.empty(10, 20)) == (0, 0, 0, 0)
    # 3 x 2 and 3 x 3 pixels: 6/9 of pixels, 2/4 between first and last
    small, large = block(0, 0, 3, 2), block(0, 0, 3, 3)
    assert box_iou(pixel_box(small), pixel_box(large)) == pytest.approx(6 / 9)
    assert box_iou(inclusive_box(small), inclusive_box(large)) == pytest.approx(2 / 4)
