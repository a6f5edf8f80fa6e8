"""GSEval's metrics: by hand, against a dense implementation, and on recorded boxes."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from samtok_bench import metric, rle
from samtok_bench.measures.boxes import box_iou
from samtok_bench.sample import Outcome, Prediction
from samtok_tasks.grounding_suite.metrics import BOX_THRESHOLD, GROUNDING_METRICS, grounding_scores
from samtok_tasks.grounding_suite.reader import CLASSES

REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
GSEVAL = REAL_DATA / "grounding-suite"
NAMES = tuple(CLASSES.values())


def values(scores):
    return metric.values(GROUNDING_METRICS, scores, ["an image"] * len(scores))


def test_classes_and_total_by_hand():
    left, all_of_it = rle.rectangle(0, 0, 5, 10, 10, 10), rle.full(10, 10)
    box = (0.0, 0.0, 10.0, 10.0)
    cases = [("stuff", all_of_it), ("stuff", left), ("part", left), ("multi", None)]
    scores = [
        grounding_scores(kind, all_of_it, box, Prediction(masks=(mask,) if mask else ()), "standard")
        for kind, mask in cases
    ]
    assert values(scores) == {
        "giou": 0.5,  # over samples; the mean of the classes would be 5/12
        "giou_stuff": 0.75,
        "giou_part": 0.5,
        "giou_multi": 0,
        "giou_single": None,
        "box50": 0.75,  # exactly 0.5 is a hit
        "box50_stuff": 1,
        "box50_part": 1,
        "box50_multi": 0,
        "box50_single": None,
    }


@pytest.mark.parametrize("protocol", ["standard", "released"])
@pytest.mark.parametrize("outcome", [Outcome.SKIPPED, Outcome.MODEL_ERROR, Outcome.OK])
def test_a_sample_without_mask_stays_in_the_denominator(protocol, outcome):
    score = grounding_scores("part", rle.full(4, 4), (0, 0, 4, 4), Prediction(outcome=outcome), protocol)
    got = values([score])
    assert (got["giou"], got["giou_part"], got["box50"], got["box50_part"]) == (0, 0, 0, 0)
    assert (score["intersection"], score["union"]) == (0, 16)


def test_the_protocols_differ_in_the_box_of_a_mask():
    mask = rle.rectangle(0, 0, 2, 2, 4, 4)
    answer = Prediction(masks=(mask,))
    # the file's box is 2 x 2: the mask's is that, or 1 x 1 between first and last pixel
    assert grounding_scores("single", mask, (0, 0, 2, 2), answer, "standard")["box50"] == 1
    assert grounding_scores("single", mask, (0, 0, 2, 2), answer, "released")["box50"] == 0


def test_equals_a_dense_implementation_on_random_masks():
    rng = np.random.default_rng(3)
    scores = []
    ious: dict[str, list[float]] = {name: [] for name in NAMES}
    hits: dict[str, list[bool]] = {name: [] for name in NAMES}
    for _ in range(1200):
        height, width = rng.integers(2, 24, 2)
        y, x = np.mgrid[:height, :width]
        target, first, second = (
            (np.abs(y - rng.integers(height)) < rng.integers(1, 9))
            & (np.abs(x - rng.integers(width)) < rng.integers(1, 9))
            for _ in range(3)
        )
        if rng.random() < 0.5:
            first = target & (rng.random(target.shape) < 0.9)
        kind = NAMES[rng.integers(4)]
        box = tuple(np.sort(rng.random((2, 2)) * (width, height), axis=0).ravel().tolist())
        masks = [first, second][: rng.integers(3)]
        prediction = Prediction(masks=tuple(map(rle.encode, masks)))
        scores.append(grounding_scores(kind, rle.encode(target), box, prediction, "standard"))
        union = np.any(masks, axis=0) if masks else np.zeros_like(target)
        ious[kind].append((target & union).sum() / (target | union).sum())
        hit = False
        if union.any():
            ys, xs = np.nonzero(union)
            a = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
            sides = np.minimum(a[2:], box[2:]) - np.maximum(a[:2], box[:2])
            inter = np.prod(np.maximum(sides, 0))
            total = np.prod(a[2:] - a[:2]) + (box[2] - box[0]) * (box[3] - box[1]) - inter
            hit = bool(inter / total >= 0.5)
        hits[kind].append(hit)
    got = values(scores)
    assert got["giou"] == pytest.approx(np.concatenate(list(ious.values())).mean(), abs=1e-9)
    assert got["box50"] == pytest.approx(np.concatenate(list(hits.values())).mean(), abs=1e-9)
    for name in NAMES:
        assert got[f"giou_{name}"] == pytest.approx(np.mean(ious[name]), abs=1e-9)
        assert got[f"box50_{name}"] == pytest.approx(np.mean(hits[name]), abs=1e-9)


@pytest.mark.skipif(not GSEVAL.is_dir(), reason=f"no GroundingSuite-Eval in {GSEVAL}")
def test_recorded_boxes_have_the_accuracy_that_the_official_scorer_prints():
    def read(name):
        return [json.loads(line) for line in (GSEVAL / name).read_text().splitlines()]

    records = read("GroundingSuite-Eval.jsonl")
    recorded = {answer["idx"]: answer["predicted_box"] for answer in read("claude_predictions.jsonl")}
    assert (len(records), sum(box is None for box in recorded.values())) == (3715, 280)
    # an answer without a box is in the file and so counts, as wrong; the official scorer leaves out samples
    # that have no answer at all: 883 of 3,435, if these were such
    hits: Counter[int] = Counter()
    for record in records:
        box = recorded[record["idx"]]
        hits[record["class_id"]] += box is not None and box_iou(record["box"], box) >= BOX_THRESHOLD
    sizes = Counter(record["class_id"] for record in records)
    assert sizes == {1: 1011, 2: 455, 3: 769, 4: 1480}
    assert hits == {1: 573, 2: 12, 3: 159, 4: 139}
    assert hits.total() / sizes.total() == 883 / 3715 == pytest.approx(0.2377, abs=5e-5)
    assert hits.total() / (sizes.total() - 280) == 883 / 3435 == pytest.approx(0.2571, abs=5e-5)


@pytest.mark.skipif(not GSEVAL.is_dir(), reason=f"no GroundingSuite-Eval in {GSEVAL}")
def test_recorded_boxes_as_masks_agree_with_the_recorded_figures():
    """Answers that are filled boxes have these boxes, up to pixels: the scores count as the boxes do."""
    records = [json.loads(line) for line in (GSEVAL / "GroundingSuite-Eval.jsonl").read_text().splitlines()]
    answers = [json.loads(line) for line in (GSEVAL / "claude_predictions.jsonl").read_text().splitlines()]
    recorded = {answer["idx"]: answer["predicted_box"] for answer in answers}
    scores = []
    for record in records:
        height, width = record["segmentation"]["size"]
        box, masks = recorded[record["idx"]], ()
        if box is not None:
            (x0, x1), (y0, y1) = (
                (min(max(round(low), 0), side - 1), min(max(round(high), 1), side))
                for low, high, side in ((box[0], box[2], width), (box[1], box[3], height))
            )
            masks = (rle.rectangle(x0, y0, max(x1, x0 + 1), max(y1, y0 + 1), height, width),)
        kind = CLASSES[record["class_id"]]
        prediction = Prediction(masks=masks)
        scores.append(
            grounding_scores(kind, record["segmentation"], tuple(record["box"]), prediction, "standard")
        )
    got = values(scores)
    assert got["box50"] == pytest.approx(883 / 3715, abs=0.002)
    assert got["box50_part"] == pytest.approx(12 / 455, abs=0.005)
