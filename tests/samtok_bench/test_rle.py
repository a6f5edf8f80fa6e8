"""COCO run-length masks against dense numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from samtok_bench import rle

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
masks = shapes.flatmap(lambda s: arrays(np.bool_, s))
pairs = shapes.flatmap(lambda s: st.tuples(arrays(np.bool_, s), arrays(np.bool_, s)))


def runs_by_hand(mask: np.ndarray) -> list[int]:
    runs, value = [0], False
    for pixel in mask.flatten(order="F"):
        if pixel != value:
            runs.append(0)
            value = bool(pixel)
        runs[-1] += 1
    return runs


@given(masks)
def test_round_trip_area_box_and_runs(mask):
    packed = rle.encode(mask)
    assert np.array_equal(rle.decode(packed), mask)
    assert rle.area(packed) == mask.sum()
    assert type(rle.area(packed)) is int
    assert rle.is_empty(packed) == (not mask.any())
    assert rle.run_lengths(packed).tolist() == runs_by_hand(mask)
    if mask.any():
        ys, xs = np.nonzero(mask)
        assert rle.box(packed) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    else:
        assert rle.box(packed) == (0, 0, 0, 0)


@given(pairs)
def test_intersection_union_and_union(pair):
    a, b = pair
    inter, either = rle.intersection_union(rle.encode(a), rle.encode(b))
    assert (inter, either) == ((a & b).sum(), (a | b).sum())
    assert rle.union([rle.encode(a), rle.encode(b)]) == rle.encode(a | b)


@given(masks)
def test_three_forms_of_rle_read_the_same(mask):
    h, w = mask.shape
    packed = rle.encode(mask)
    assert rle.from_segmentation(packed, h, w) == packed
    assert rle.from_segmentation({"size": [h, w], "counts": runs_by_hand(mask)}, h, w) == packed
    assert rle.from_segmentation({"size": [h, w], "counts": packed["counts"].encode()}, h, w) == packed


@settings(max_examples=50)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(lambda r: sum(r) > 0))
def test_long_runs_survive_packing(runs):
    total = sum(runs)
    packed = coco.frPyObjects({"size": [total, 1], "counts": runs}, total, 1)
    got = rle.run_lengths({"size": [total, 1], "counts": packed["counts"].decode()})
    assert got.tolist() == runs


def test_zero_runs_are_joined():
    # 2 outside, 0 inside, 1 outside, 3 inside = 3 outside, 3 inside
    got = rle.from_segmentation({"size": [6, 1], "counts": [2, 0, 1, 3]}, 6, 1)
    assert rle.run_lengths(got).tolist() == [3, 3]


def test_overlapping_polygons_are_united_not_summed():
    square = [1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0]
    shifted = [3.0, 3.0, 7.0, 3.0, 7.0, 7.0, 3.0, 7.0]
    expected = np.zeros((8, 8), bool)
    expected[1:5, 1:5] = True
    expected[3:7, 3:7] = True
    got = rle.from_segmentation([square, shifted], 8, 8)
    assert np.array_equal(rle.decode(got), expected)
    assert rle.area(got) == 16 + 16 - 4


def test_no_polygon_is_an_empty_mask_and_full_is_full():
    assert rle.is_empty(rle.from_segmentation([], 3, 4))
    assert rle.from_segmentation([], 3, 4) == rle.empty(3, 4) == rle.encode(np.zeros((3, 4), bool))
    assert rle.full(3, 4) == rle.encode(np.ones((3, 4), bool))


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[0, 0, 4, 4]], "even list of at least 6 numbers, got 4 numbers"),
        ([[0, 0, 4, 4, 1, 1, 2]], "got 7 numbers"),
        ([[0, 0, 4, float("nan"), 1, 1]], "not a finite number"),
        ([[0, 0, 4, 1e12, 1, 1]], "not a finite number"),
        ([["a"] * 6], "not a finite number"),
        ("abc", "list of polygons or an RLE"),
        ({"size": [3, 3]}, "list of polygons or an RLE"),
        ({"size": [3, 4], "counts": [12]}, "differs from the image's"),
        ({"size": [3, 3], "counts": [8]}, "cover 8 pixels"),
        ({"size": [3, 3], "counts": [10, -1]}, "non-negative"),
        ({"size": [3, 3], "counts": ""}, "empty"),
        ({"size": [3, 3], "counts": "\x7f"}, "alphabet"),
        ({"size": [3, 3], "counts": "o"}, "cut off"),
        ({"size": [3, 3], "counts": "7"}, "cover 7 pixels"),
        ({"size": [3, 3], "counts": "@0"}, "negative run"),
        ({"size": "33", "counts": "9"}, "positive integers"),
    ],
)
def test_malformed_input_is_one_clear_line(segmentation, message):
    with pytest.raises(ValueError, match=message) as caught:
        rle.from_segmentation(segmentation, 3, 3)
    assert "\n" not in str(caught.value)


def test_decode_refuses_counts_of_another_size():
    with pytest.raises(ValueError, match="cover 9 pixels"):
        rle.decode({"size": [2, 2], "counts": "9"})


def test_sizes_must_agree():
    with pytest.raises(ValueError, match=r"different sizes: \[1, 1\], \[2, 2\]"):
        rle.intersection_union(rle.empty(1, 1), rle.empty(2, 2))
    with pytest.raises(ValueError, match="no size"):
        rle.union([])


def test_areas_do_not_wrap_at_32_bits():
    packed = rle.full(40_000, 50_000)
    assert sum([rle.area(packed)] * 3) == 6_000_000_000
