"""Reconstruction's scores by hand and against another implementation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from samtok_bench import metric, rle
from samtok_bench.sample import Code, Outcome, Prediction
from samtok_tasks.reconstruction.metrics import reconstruction_metrics, reconstruction_scores


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
    values = metric.values(reconstruction_metrics("standard"), [lost, whole], ["a", "b"])
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
    got = metric.values(reconstruction_metrics("standard"), scores, ["an image"] * len(pairs))
    assert got["collisions"] == pytest.approx(sum(pairs.count(pair) > 1 for pair in pairs) / len(pairs))


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
