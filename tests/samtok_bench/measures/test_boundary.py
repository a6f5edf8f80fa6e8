"""Bands along outlines, by hand and against scipy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from samtok_bench.measures.boundary import boundary, boundary_intersection_union, boundary_width

masks = arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30)))


def test_the_band_is_two_percent_of_the_diagonal():
    assert boundary_width(300, 400) == 10
    assert boundary_width(10, 10) == 1


def test_boundary_iou_by_hand():
    # diagonal 99: a band of 2 pixels inside squares of 20 and of 18 pixels
    a, b = np.zeros((70, 70), bool), np.zeros((70, 70), bool)
    a[10:30, 10:30] = True
    b[11:29, 11:29] = True
    assert boundary(a, 2).sum() == 400 - 256
    # b's band is the ring from 11 to 29 less 13 to 27; a's the one from 10 to 30 less 12 to 28
    both, either = boundary_intersection_union(a, b)
    assert both == 18**2 - 16**2
    assert either == 20**2 - 14**2


@given(masks, st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_the_band_equals_repeated_erosion(mask, pixels):
    inner = ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=pixels, border_value=0)
    assert np.array_equal(boundary(mask, pixels), mask & ~inner)
