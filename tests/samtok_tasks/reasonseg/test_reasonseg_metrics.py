"""ReasonSeg's metrics: by hand, and against LISA's histograms written again."""

import numpy as np
import pytest

from samtok_bench import metric, rle
from samtok_bench.sample import Outcome, Prediction
from samtok_tasks.reasonseg.metrics import REASONSEG_METRICS, reasonseg_scores


def values(scores):
    return metric.values(REASONSEG_METRICS, scores, ["an image"] * len(scores))


def columns(first: int, last: int) -> rle.RLE:
    return rle.rectangle(first, 0, last, 10, 10, 10)


@pytest.mark.parametrize(
    ("ignore", "answer", "inter", "union"),
    [
        (None, columns(0, 4), 40, 40),
        (None, columns(2, 6), 20, 60),
        # 4..6 are ignored: they are no error, and no credit
        (columns(4, 6), columns(0, 6), 40, 40),
        (columns(4, 6), columns(2, 8), 20, 60),
        (columns(4, 6), columns(4, 6), 0, 40),
        (columns(4, 6), None, 0, 40),
    ],
)
def test_ignored_pixels_are_in_neither_sum(ignore, answer, inter, union):
    got = reasonseg_scores(columns(0, 4), ignore, Prediction(masks=(answer,) if answer else ()))
    assert (got["intersection"], got["union"], got["iou"]) == (inter, union, inter / union)


def test_both_empty_counts_1_but_not_without_an_answer():
    nothing = rle.empty(10, 10)
    assert reasonseg_scores(nothing, None, Prediction())["iou"] == 1
    assert reasonseg_scores(nothing, columns(4, 6), Prediction(masks=(columns(4, 5),)))["iou"] == 1
    assert reasonseg_scores(nothing, None, Prediction(masks=(columns(4, 5),)))["iou"] == 0
    assert reasonseg_scores(nothing, None, Prediction(outcome=Outcome.SKIPPED))["iou"] == 0
    assert reasonseg_scores(nothing, None, Prediction(outcome=Outcome.TRUNCATED))["iou"] == 0
    assert reasonseg_scores(nothing, None, Prediction(faults=("odd",)))["iou"] == 0
    assert reasonseg_scores(columns(0, 4), None, Prediction(outcome=Outcome.MODEL_ERROR))["union"] == 40


def test_equals_lisa_on_random_labels():
    rng = np.random.default_rng(11)
    scores, ious, inter, union = [], [], 0, 0
    for _ in range(1200):
        shape = tuple(rng.integers(1, 20, 2))
        labels = rng.choice([0, 1, 255], shape, p=rng.dirichlet((1, 1, 1)))
        if rng.random() < 0.1:
            labels[labels == 1] = 0
        answer = rng.random(shape) < rng.random() if rng.random() > 0.1 else np.zeros(shape, bool)
        # LISA copies the ignored labels into the answer and then counts label 1
        output = np.where(labels == 255, 255, answer)
        i = int(((output == labels) & (labels == 1)).sum())
        u = int((output == 1).sum() + (labels == 1).sum()) - i
        inter, union = inter + i, union + u
        ious.append(i / (u + 1e-5) + (u == 0))
        ignore = rle.encode(labels == 255) if (labels == 255).any() else None
        prediction = Prediction(masks=(rle.encode(answer),))
        scores.append(reasonseg_scores(rle.encode(labels == 1), ignore, prediction))
    got = values(scores)
    assert got["giou"] == pytest.approx(np.mean(ious), abs=2e-5)
    assert got["ciou"] == pytest.approx(inter / (union + 1e-10), abs=1e-9)
