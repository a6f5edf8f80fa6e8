"""Scores of rounds: by hand, and against the published loops written again."""

from typing import Any

import numpy as np
import pytest

from samtok_bench import metric, rle
from samtok_bench.sample import Outcome, Prediction
from samtok_tasks.multi_round.metrics import multi_round_metrics, multi_round_scores

REFUSED = Prediction(text="No target.", stop_reason="stop")


def score_all(cases: list[tuple[int, rle.RLE, Prediction]], protocol: Any) -> dict[str, float | None]:
    scores = [multi_round_scores(number, target, made, protocol) for number, target, made in cases]
    return metric.values(multi_round_metrics(protocol), scores, [f"image {k}" for k in range(len(cases))])


def test_three_rounds_by_hand() -> None:
    def box(x0: int, x1: int, y1: int = 10) -> rle.RLE:
        return rle.rectangle(x0, 0, x1, y1, 20, 40)

    cases = [
        (1, box(0, 10), Prediction(masks=(box(0, 10),))),  # I 100, U 100
        (2, box(0, 10), Prediction(masks=(box(0, 4),))),  # I 40, U 100, boxes 0.4
        (2, box(0, 10), Prediction(masks=(box(0, 5), box(5, 10, 4)))),  # I 70, U 100, boxes 1
        (3, box(0, 10), Prediction(masks=(box(5, 15),))),  # I 50, U 150, boxes 1/3
        (8, box(0, 10), Prediction(outcome=Outcome.MODEL_ERROR)),  # I 0, U 100
    ]
    values = score_all(cases, "standard")
    assert values["ciou_1"] == 1
    assert values["ciou_2"] == pytest.approx(110 / 200)
    assert values["ciou_3"] == pytest.approx(50 / 150)
    assert values["ciou_4"] is None
    assert values["ciou_later"] == pytest.approx(160 / 450)
    assert values["miou_2"] == pytest.approx(0.55, abs=1e-6)
    assert values["miou_6"] is None
    assert values["miou_later"] == pytest.approx((0.4 + 0.7 + 1 / 3) / 4, abs=1e-6)
    assert values["miou"] == pytest.approx((1 + 0.4 + 0.7 + 1 / 3) / 5, abs=1e-6)
    assert values["box50_later"] == pytest.approx(1 / 4)
    assert values["box50"] == pytest.approx(2 / 5)
    assert values["answered"] == pytest.approx(4 / 5)
    assert set(values) == {info.id for info in multi_round_metrics("standard")}


@pytest.mark.parametrize(("protocol", "epsilon"), [("standard", 1e-4), ("released", 1e-5)])
def test_the_epsilons(protocol: Any, epsilon: float) -> None:
    dot = rle.rectangle(3, 3, 4, 4, 20, 40)
    exact = multi_round_scores(2, dot, Prediction(masks=(dot,)), protocol)
    assert exact["iou"] == pytest.approx(1 / (1 + epsilon), abs=1e-12)
    assert exact["box50"] == 1


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_empty_masks(protocol: Any) -> None:
    nothing, dot = rle.empty(20, 40), rle.rectangle(3, 3, 4, 4, 20, 40)
    for made in (REFUSED, Prediction(masks=(nothing,))):
        right = multi_round_scores(1, nothing, made, protocol)
        assert (right["iou"], right["box50"], right["union"]) == (1, 1, 0)
        wrong = multi_round_scores(1, dot, made, protocol)
        assert (wrong["iou"], wrong["box50"], wrong["union"]) == (0, 0, 1)
    for outcome in (Outcome.MODEL_ERROR, Outcome.SKIPPED):
        lost = multi_round_scores(1, nothing, Prediction(outcome=outcome), protocol)
        assert (lost["iou"], lost["box50"]) == (0, 0)
    for lost in (Prediction(outcome=Outcome.TRUNCATED), Prediction(faults=("odd",))):
        credit = float(protocol == "released")
        scores = multi_round_scores(1, nothing, lost, protocol)
        assert (scores["iou"], scores["box50"]) == (credit, credit)
    extra = multi_round_scores(1, nothing, Prediction(masks=(dot,)), protocol)
    assert (extra["iou"], extra["box50"], extra["union"]) == (0, 0, 1)


def test_half_of_a_box_is_not_enough() -> None:
    whole, half = (rle.rectangle(0, 0, x, 10, 20, 40) for x in (10, 5))
    assert multi_round_scores(1, whole, Prediction(masks=(half,)), "standard")["box50"] == 0


def independent(
    cases: list[tuple[int, np.ndarray, np.ndarray | None]], protocol: str
) -> dict[str, float | None]:
    """The published loops on dense masks: per round, then the rounds from the second on together."""

    def corners(mask: np.ndarray) -> np.ndarray:
        rows, columns = np.nonzero(mask)
        if not len(rows):
            return np.zeros(4)
        return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)

    per_round: dict[int, list[tuple[float, float, float, float]]] = {}
    for number, target, made in cases:
        answer = np.zeros_like(target) if made is None else made
        inter, union = float((target & answer).sum()), float((target | answer).sum())
        if union == 0:
            iou, box = (0.0, 0.0) if made is None else (1.0, 1.0)
        else:
            iou = inter / (union + {"standard": 1e-4, "released": 1e-5}[protocol])
            a, b = corners(target), corners(answer)
            low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
            overlap = np.prod(np.clip(high - low, 0, None))
            box = overlap / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - overlap)
        per_round.setdefault(number, []).append((inter, union, iou, float(box > 0.5)))

    def ciou(rows: list[Any]) -> float | None:
        total = sum(row[1] for row in rows)
        return sum(row[0] for row in rows) / (total + 1e-10) if total else None

    def mean(rows: list[Any], column: int) -> float | None:
        return float(np.mean([row[column] for row in rows])) if rows else None

    later = [row for number, rows in per_round.items() if number >= 2 for row in rows]
    every = [row for rows in per_round.values() for row in rows]
    values = {"ciou_later": ciou(later), "miou_later": mean(later, 2), "box50_later": mean(later, 3)}
    values |= {"miou": mean(every, 2), "box50": mean(every, 3)}
    for k in range(1, 7):
        values |= {f"ciou_{k}": ciou(per_round.get(k, [])), f"miou_{k}": mean(per_round.get(k, []), 2)}
    return values


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_an_independent_implementation_agrees(protocol: Any) -> None:
    rng = np.random.default_rng(7)

    def blob() -> np.ndarray:
        mask = np.zeros((24, 32), bool)
        y, x = rng.integers(0, 20), rng.integers(0, 28)
        mask[y : y + rng.integers(0, 14), x : x + rng.integers(0, 18)] = True
        return mask & (rng.random((24, 32)) < rng.choice([0.3, 1.0]))

    dense = []
    for _ in range(1500):
        target = blob()
        made = None if rng.random() < 0.05 else target.copy() if rng.random() < 0.2 else blob()
        dense.append((int(rng.integers(1, 9)), target, made))
    cases = [
        (
            number,
            rle.encode(target),
            Prediction(outcome=Outcome.MODEL_ERROR)
            if made is None
            else Prediction(masks=(rle.encode(made),)),
        )
        for number, target, made in dense
    ]
    for some in (slice(None), slice(0, 9), slice(9, 15)):
        ours, theirs = score_all(cases[some], protocol), independent(dense[some], protocol)
        for id, value in theirs.items():
            assert ours[id] == (None if value is None else pytest.approx(value, abs=1e-9)), id
