"""Shapes of masks, by hand and against scipy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from samtok_bench.measures import shape

masks = arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30)))


@given(masks)
@settings(max_examples=200, deadline=None)
def test_parts_and_holes_equal_scipys(mask):
    assert shape.components(mask) == ndimage.label(mask, np.ones((3, 3)))[1]
    filled = ndimage.binary_fill_holes(mask)
    assert shape.holes(mask) == ndimage.label(filled & ~mask)[1]


def test_shapes_by_hand():
    square = np.zeros((10, 10), bool)
    square[2:6, 2:6] = True
    assert shape.perimeter(square) == 16
    assert shape.compactness(square) == 1 / 16
    assert not shape.touches_border(square)
    line = np.zeros((10, 10), bool)
    line[3, :8] = True
    assert shape.compactness(line) == 8 / 18**2
    assert shape.touches_border(line)
    whole = np.ones((4, 4), bool)
    assert (shape.components(whole), shape.holes(whole), shape.perimeter(whole)) == (1, 0, 16)
    assert shape.compactness(np.zeros((3, 3), bool)) == 0
    # two pixels that touch at a corner are one part; the background between them is no hole
    diagonal = np.eye(3, dtype=bool)
    assert (shape.components(diagonal), shape.holes(diagonal)) == (1, 0)
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    assert shape.holes(ring) == 1
