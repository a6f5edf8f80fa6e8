"""Boxes as masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench import rle
from samtok_tasks.formats.boxes import box_polygon


@given(
    st.lists(st.floats(-20, 80, width=16) | st.integers(-20, 80), min_size=4, max_size=4),
    st.integers(1, 50), st.integers(1, 50),
)  # fmt: skip
def test_boxes_are_drawn_as_rounded_slices(box, height, width):
    x, y, w, h = box
    drawn = rle.decode(rle.from_segmentation(box_polygon(box, "here"), height, width))
    dense = np.zeros((height, width), bool)

    def at(value, side):
        return int(np.floor(min(max(value, 0), side) + 0.5))

    if w > 0 and h > 0:
        dense[at(y, height) : at(y + h, height), at(x, width) : at(x + w, width)] = True
    assert (drawn == dense).all()


@pytest.mark.parametrize(
    "box", [[], [1, 2, 3], [1, 2, 3, None], [1, 2, 3, True], [1, 2, 3, float("nan")], [10**400, 0.5, 1, 1]]
)
def test_what_is_no_box_is_refused(box):
    with pytest.raises(ValueError, match="here: a box is x, y, width and height in pixels"):
        box_polygon(box, "here")
