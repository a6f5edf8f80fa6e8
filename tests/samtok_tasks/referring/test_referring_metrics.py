"""RefCOCO's metrics: by hand, and against SAMTok's script written again on dense arrays."""

import numpy as np
import pytest

from samtok_bench import metric, rle
from samtok_bench.aggregate import Corpus
from samtok_bench.sample import Outcome, Prediction
from samtok_tasks.referring.metrics import referring_metrics, referring_scores, script_figures


def block(x0: int, y0: int, x1: int, y1: int) -> rle.RLE:
    """Pixels of a box, half open, in an image of 10 x 20."""
    return rle.rectangle(x0, y0, x1, y1, 10, 20)


def values(protocol, scores):
    return metric.values(referring_metrics(protocol, False), scores, ["an image"] * len(scores))


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_one_sentence_by_hand(protocol):
    target = block(0, 0, 10, 10)
    got = referring_scores(target, Prediction(masks=(block(0, 0, 4, 10), block(2, 0, 6, 10))), protocol)
    assert (got["intersection"], got["union"], got["iou"]) == (60, 100, 0.6)
    # IoU exactly at a threshold is a hit
    assert [got[key] for key in ("pr50", "pr60", "pr70", "pr80", "pr90")] == [1, 1, 0, 0, 0]
    assert got["box_iou"] == pytest.approx(0.6 if protocol == "standard" else 5 / 9)
    assert got["rec50"] == 1


@pytest.mark.parametrize("protocol", ["standard", "released"])
@pytest.mark.parametrize(
    "prediction",
    [
        Prediction(),
        Prediction(outcome=Outcome.SKIPPED),
        Prediction(outcome=Outcome.MODEL_ERROR),
        Prediction(outcome=Outcome.PARSE_ERROR, faults=("unclosed",)),
        Prediction(masks=(rle.empty(10, 20),)),
    ],
)
def test_no_mask_counts_0_and_the_target_in_the_union(protocol, prediction):
    got = referring_scores(block(0, 0, 4, 4), prediction, protocol)
    assert (got["intersection"], got["union"], got["iou"], got["rec50"]) == (0, 16, 0, 0)
    nothing = referring_scores(rle.empty(10, 20), prediction, protocol)
    assert (nothing["union"], nothing["iou"], nothing["rec50"]) == (0, 0, 0)


def test_ciou_and_miou_are_different_numbers():
    cases = [(block(0, 0, 10, 10), block(0, 0, 5, 10)), (block(0, 0, 2, 2), block(0, 0, 2, 2))]
    scores = [referring_scores(a, Prediction(masks=(b,)), "standard") for a, b in cases]
    got = values("standard", scores)
    assert got["ciou"] == pytest.approx((50 + 4) / (100 + 4))
    assert got["miou"] == pytest.approx((0.5 + 1) / 2)
    assert (got["pr50"], got["pr60"], got["rec50"]) == (1, 0.5, 1)


def test_the_script_collapses_expressions():
    def score(iou, box):
        return {"iou": iou, "box_iou": box}

    names = [("1", "dog"), ("1", "cat"), ("1", "dog")]
    scores = [score(0.9, 0.9), score(0.4, 0.6), score(0.2, 0.1)]
    # dog: the best mask 0.9, the last box 0.1; cat: 0.4 and 0.6
    asked = [("1", "dog"), ("1", "dog"), ("1", "cat"), ("2", "dog")]
    assert script_figures(names, scores, asked) == {
        "script_ciou": pytest.approx((0.9 + 0.4) / 2),
        "script_ap50": 0.5,
        "vlm_r1_ciou": pytest.approx((0.9 + 0.9 + 0.4 + 0) / 4),
        "vlm_r1_ap50": 0.25,
    }
    without = script_figures(names, scores, None)
    assert without["vlm_r1_ciou"] is without["vlm_r1_ap50"] is None
    assert script_figures([], [], [])["script_ciou"] is None


def dense(cases, listed):
    """The script: keyed records in order, boxes (x, y, w, h) between first and last pixel."""

    def box(mask):
        if not mask.any():
            return [0, 0, 0, 0]
        ys, xs = np.nonzero(mask)
        return [xs.min(), ys.min(), xs.max() - xs.min(), ys.max() - ys.min()]

    def overlap(a, b):
        wide = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
        high = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
        union = a[2] * a[3] + b[2] * b[3] - wide * high
        return wide * high / union if union else 0.0

    ious, boxes, pairs = {}, {}, []
    for key, target, predicted in cases:
        inter, union = int((target & predicted).sum()), int((target | predicted).sum())
        pairs.append((inter, union))
        ious[key] = max(inter / union if union else 0.0, ious.get(key, 0.0))
        boxes[key] = overlap(box(target), box(predicted))
    every = np.array([i / u if u else 0.0 for i, u in pairs])
    return {
        "ciou": sum(i for i, _ in pairs) / sum(u for _, u in pairs),
        "miou": every.mean(),
        **{f"pr{t}": (every >= t / 100).mean() for t in (50, 60, 70, 80, 90)},
        "script_ciou": np.mean(list(ious.values())),
        "script_ap50": np.mean([v >= 0.5 for v in boxes.values()]),
        "vlm_r1_ciou": np.mean([ious.get(key, 0.0) for key in listed]),
        "vlm_r1_ap50": np.mean([boxes.get(key, 0.0) >= 0.5 for key in listed]),
    }


def test_equals_the_script_on_random_masks():
    rng = np.random.default_rng(7)

    def draw(shape):
        mask = np.zeros(shape, bool)
        if rng.random() > 0.1:
            y0, x0 = (rng.integers(0, side) for side in shape)
            mask[y0 : y0 + rng.integers(1, 12), x0 : x0 + rng.integers(1, 12)] = True
        return mask

    cases, scores = [], []
    for _ in range(1500):
        shape = tuple(rng.integers(4, 14, 2))
        key = (str(rng.integers(300)), f"text {rng.integers(2)}")
        target = draw(shape)
        predicted = target ^ (draw(shape) & (rng.random(shape) < 0.5)) if rng.random() < 0.6 else draw(shape)
        cases.append((key, target, predicted))
        prediction = Prediction(masks=(rle.encode(predicted),) if predicted.any() else ())
        scores.append(referring_scores(rle.encode(target), prediction, "released"))
    listed = [(str(rng.integers(320)), f"text {rng.integers(2)}") for _ in range(900)]
    keys = [key for key, _, _ in cases]
    figures = script_figures(keys, scores, listed)
    got = {**values("released", scores), **figures}
    for name, value in dense(cases, listed).items():
        assert got[name] == pytest.approx(value, abs=1e-6), name
    assert len(set(keys)) < len(keys)


def test_metrics_name_the_two_apart():
    ids = [info.id for info in referring_metrics("standard", True)]
    assert ids[:2] == ["ciou", "miou"]
    assert not any(info.aggregate == Corpus() for info in referring_metrics("standard", True))
    released = {info.id: info for info in referring_metrics("released", True)}
    assert released["script_ciou"].display == '"CIoU"'
    assert "vlm_r1_ciou" in released
    assert "vlm_r1_ciou" not in {info.id for info in referring_metrics("released", False)}
