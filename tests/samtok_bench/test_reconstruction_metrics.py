"""Boundary IoU, shapes and reconstruction scores by hand and against other implementations."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from samtok_bench import metric, rle, statistics
from samtok_bench.measures import shape
from samtok_bench.measures.boundary import boundary, boundary_intersection_union, boundary_width
from samtok_bench.sample import Code, Outcome, Prediction
from samtok_tasks.reconstruction.metrics import reconstruction_metrics, reconstruction_scores

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


def strip(first, last):
    mask = np.zeros((10, 10), bool)
    mask[first:last] = True
    return rle.encode(mask)


CODE = Code(4, 16.0, (7, 9))


def test_scores_by_hand():
    got = reconstruction_scores(strip(0, 4), Prediction(masks=(strip(1, 5),), codes=(CODE,)))
    assert (got["intersection"], got["union"], got["iou"]) == (30, 50, 0.6)
    assert (got["iou50"], got["iou75"], got["iou90"]) == (1, 0, 0)
    # bands of 1 pixel, the image's border included: 24 pixels each, and the ends of rows 1, 2 and 3 in both
    assert got["biou"] == pytest.approx(6 / 42)
    assert (got["bits"], got["tokens"], got["code_1"], got["code_2"], got["coded_2"]) == (16, 4, 7, 9, 1)


def test_a_lost_mask_counts_as_zero_and_has_no_cost():
    lost = reconstruction_scores(strip(0, 4), Prediction(outcome=Outcome.SKIPPED))
    whole = reconstruction_scores(strip(0, 4), Prediction(masks=(strip(0, 4),), codes=(CODE,)))
    rows, count = statistics.numbered(["a", "b"])
    values = {
        info.id: metric.value(info, [lost, whole], rows, count) for info in reconstruction_metrics("standard")
    }
    assert values["mean_iou"] == values["boundary_iou"] == values["median_iou"] == 0.5
    assert (values["bits"], values["tokens"]) == (16, 4)
    assert (values["perplexity_1"], values["used_2"], values["collisions"]) == (1, 1, 0)
    assert values["worst_decile"] == 0


def test_the_released_protocol_prints_one_figure():
    (info,) = reconstruction_metrics("released")
    assert (info.id, info.display) == ("mean_iou", "rMaskIoU")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30))
def test_equal_codes_and_no_others_collide(pairs):
    target = strip(0, 4)
    scores = [
        reconstruction_scores(target, Prediction(masks=(target,), codes=(Code(4, 16.0, pair),)))
        for pair in pairs
    ]
    info = next(one for one in reconstruction_metrics("standard") if one.id == "collisions")
    got = metric.value(info, scores, np.zeros(len(pairs), np.int64), 1)
    assert got == pytest.approx(sum(pairs.count(pair) > 1 for pair in pairs) / len(pairs))


def test_dense_oracle_over_random_masks():
    """1,000 pairs scored without run lengths, scipy's erosion and plain counting."""
    rng = np.random.default_rng(0)
    for _ in range(1000):
        height, width = rng.integers(2, 40, 2)
        target, answer = (ndimage.uniform_filter(rng.random((height, width)), 5) > 0.5 for _ in range(2))
        if not target.any():
            continue
        got = reconstruction_scores(rle.encode(target), Prediction(masks=(rle.encode(answer),)))
        pixels = max(1, round(0.02 * math.sqrt(height**2 + width**2)))
        bands = [
            m & ~ndimage.binary_erosion(m, np.ones((3, 3)), iterations=pixels, border_value=0)
            for m in (target, answer)
        ]
        assert got["iou"] == pytest.approx((target & answer).sum() / (target | answer).sum())
        assert got["biou"] == pytest.approx((bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum())
