"""GRES metrics: a truth table by hand, and a dense implementation as the oracle."""

import numpy as np
import pytest

from samtok_bench import rle
from samtok_bench.sample import Outcome, Prediction
from samtok_bench.task import Generation, Task
from samtok_tasks.gres.metrics import gres_metrics, gres_scores


class Metrics(Task):
    """The base class's summary alone."""

    generation = Generation(1)
    default_root = samples = score = None  # type: ignore[assignment]

    @property
    def metrics(self):
        return gres_metrics(self.protocol)


def summary(protocol, scores):
    return Metrics(protocol).summarize(scores, ["an image"] * len(scores))


def strip(first: int, last: int) -> rle.RLE:
    """A 10 x 10 mask of the rows first..last-1: ten pixels a row."""
    mask = np.zeros((10, 10), bool)
    mask[first:last] = True
    return rle.encode(mask)


NOTHING = rle.empty(10, 10)
MISSING = Prediction(outcome=Outcome.SKIPPED)
BROKEN = Prediction(outcome=Outcome.PARSE_ERROR, faults=("unclosed",))


@pytest.mark.parametrize("protocol", ["standard", "released"])
@pytest.mark.parametrize(
    ("target", "prediction", "inter", "union", "iou", "n_right", "t_right", "hits"),
    [
        # no target: refused, answered by an empty mask, answered, not answered at all
        (None, Prediction(), 0, 0, 1.0, 1, 0, 0),
        (None, Prediction(masks=(NOTHING,)), 0, 0, 1.0, 1, 0, 0),
        (None, Prediction(masks=(strip(0, 3),)), 0, 30, 0.0, 0, 0, 0),
        (None, MISSING, 0, 0, 0.0, 0, 0, 0),
        (None, Prediction(outcome=Outcome.TRUNCATED, masks=(strip(0, 3),)), 0, 30, 0.0, 0, 0, 0),
        # target of 40 pixels: refused, not answered, disjoint, partly, exact, two masks united
        ((0, 4), Prediction(), 0, 40, 0.0, 0, 0, 0),
        ((0, 4), MISSING, 0, 40, 0.0, 0, 0, 0),
        ((0, 4), BROKEN, 0, 40, 0.0, 0, 0, 0),
        ((0, 4), Prediction(masks=(strip(6, 8),)), 0, 60, 0.0, 0, 1, 0),
        ((0, 4), Prediction(masks=(strip(0, 2),)), 20, 40, 0.5, 0, 1, 0),
        ((0, 4), Prediction(masks=(strip(0, 4),)), 40, 40, 1.0, 0, 1, 3),
        # cut off after a mask, and before
        ((0, 4), Prediction(outcome=Outcome.TRUNCATED, masks=(strip(0, 4),)), 40, 40, 1.0, 0, 1, 3),
        ((0, 4), Prediction(outcome=Outcome.TRUNCATED), 0, 40, 0.0, 0, 0, 0),
        ((0, 4), Prediction(masks=(strip(0, 3), strip(2, 4))), 40, 40, 1.0, 0, 1, 3),
        # IoU exactly at a threshold is a hit: 7 of 10 rows, 8 of 10, 9 of 10
        ((0, 10), Prediction(masks=(strip(0, 7),)), 70, 100, 0.7, 0, 1, 1),
        ((0, 10), Prediction(masks=(strip(0, 8),)), 80, 100, 0.8, 0, 1, 2),
        ((0, 10), Prediction(masks=(strip(0, 9),)), 90, 100, 0.9, 0, 1, 3),
    ],
)
def test_truth_table(protocol, target, prediction, inter, union, iou, n_right, t_right, hits):
    mask = NOTHING if target is None else strip(*target)
    got = gres_scores(mask, target is None, prediction, protocol)
    assert (got["intersection"], got["union"]) == (inter, union)
    assert got["iou"] == pytest.approx(iou, abs=1e-9)
    assert got["refused_rightly"] == n_right
    assert got["answered_rightly"] == t_right
    assert got["pr70"] + got["pr80"] + got["pr90"] == hits
    assert got["no_target"] + got["targeted"] == 1


@pytest.mark.parametrize(
    "lost",
    [
        BROKEN,
        Prediction(outcome=Outcome.TRUNCATED, text="<think> It may be"),
        Prediction(outcome=Outcome.TRUNCATED, masks=(NOTHING,)),
        # as a file of answers made elsewhere may say it
        Prediction(outcome=Outcome.PARSE_ERROR),
    ],
)
def test_an_answer_that_failed_is_a_refusal_to_the_released_script_alone(lost):
    ours, theirs = (gres_scores(NOTHING, True, lost, protocol) for protocol in ("standard", "released"))
    assert (ours["iou"], ours["refused_rightly"]) == (0, 0)
    assert (theirs["iou"], theirs["refused_rightly"]) == (1, 1)


def test_what_a_refusal_is_changed_in_one_protocol():
    changed = {info.id for info in gres_metrics("standard") if info.version == 2}
    assert changed == {"giou", "n_acc"}
    assert {info.version for info in gres_metrics("released")} == {1}


def test_summary_by_hand():
    cases = [
        (None, Prediction()),
        (None, Prediction(masks=(strip(0, 3),))),
        ((0, 4), Prediction(masks=(strip(0, 2),))),
        ((0, 4), Prediction(masks=(strip(0, 4),))),
        ((0, 4), Prediction()),
    ]
    scores = [gres_scores(strip(*t) if t else NOTHING, t is None, p, "standard") for t, p in cases]
    got = summary("standard", scores)
    assert got == {
        "giou": pytest.approx((1 + 0 + 0.5 + 1 + 0) / 5),
        "ciou": pytest.approx((20 + 40) / (30 + 40 + 40 + 40)),
        "n_acc": 0.5,
        "t_acc": pytest.approx(2 / 3),
        "pr70": pytest.approx(1 / 3),
        "pr80": pytest.approx(1 / 3),
        "pr90": pytest.approx(1 / 3),
        "miou_targeted": pytest.approx(1.5 / 3),
        "no_target_share": 0.4,
    }


def test_empty_denominators_are_undefined_not_a_crash():
    refused = [gres_scores(NOTHING, True, Prediction(), "standard")]
    got = summary("standard", refused)
    assert got["giou"] == 1
    assert got["n_acc"] == 1
    assert [k for k, v in got.items() if v is None] == [
        "ciou",
        "t_acc",
        "pr70",
        "pr80",
        "pr90",
        "miou_targeted",
    ]
    # the released script adds an epsilon to cIoU's denominator
    released = summary("released", [gres_scores(NOTHING, True, Prediction(), "released")])
    assert released["ciou"] == 0
    assert released["t_acc"] is None
    assert summary("standard", [])["giou"] is None


def dense_summary(pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """SAMTok's released script, written again on dense arrays."""
    ious, inter, union = [], 0, 0
    tp = fn = tn = fp = 0
    for target, predicted in pairs:
        if not target.any():
            if predicted.any():
                fn += 1
                union += int(predicted.sum())
            else:
                tp += 1
            ious.append(0.0 if predicted.any() else 1.0)
        else:
            if predicted.any():
                tn += 1
            else:
                fp += 1
            i, u = int((target & predicted).sum()), int((target | predicted).sum())
            inter, union = inter + i, union + u
            ious.append(i / (u + 1e-8))
    return {
        "giou": float(np.mean(ious)),
        "ciou": inter / (union + 1e-10),
        "n_acc": tp / (tp + fn),
        "t_acc": tn / (tn + fp),
    }


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_equals_a_dense_implementation_on_random_masks(protocol):
    rng = np.random.default_rng(5)
    pairs, scores = [], []
    for _ in range(1200):
        shape = tuple(rng.integers(1, 30, 2))
        target, first, second = (
            (rng.random(shape) < density) if rng.random() > 0.25 else np.zeros(shape, bool)
            for density in rng.random(3)
        )
        pairs.append((target, first | second))
        prediction = Prediction(masks=(rle.encode(first), rle.encode(second)))
        scores.append(gres_scores(rle.encode(target), not target.any(), prediction, protocol))
    got = summary(protocol, scores)
    for name, value in dense_summary(pairs).items():
        assert got[name] == pytest.approx(value, abs=1e-7), name
    share = got["no_target_share"]
    # identity of section 2.4 of the benchmark's notes: gIoU = p N-acc + (1 - p) targeted mIoU
    assert got["giou"] == pytest.approx(share * got["n_acc"] + (1 - share) * got["miou_targeted"], abs=1e-9)


def test_sums_pass_two_to_the_31():
    big = rle.full(40_000, 50_000)
    score = gres_scores(big, False, Prediction(masks=(big,)), "standard")
    assert summary("standard", [score] * 3)["ciou"] == 1
    assert sum(s["union"] for s in [score] * 3) == 6_000_000_000
