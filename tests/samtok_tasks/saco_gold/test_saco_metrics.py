"""cgF1 by hand, against the official formulas written again on dense arrays, and on a real file."""

import itertools
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samtok_bench import metric, rle, statistics
from samtok_tasks.saco_gold.metrics import SACO_METRICS, THRESHOLDS, pair_scores

SIDE = 10
NOTHING = ((), (), ())
CUP = ([0, 0, 4, 5], [5, 0, 10, 4])
EXAMPLE = {
    # crowds and pair 6, where b is not exhaustive, are the reader's to leave out
    1: ((CUP, CUP[:1], CUP), ([0, 0, 4, 4], [5, 0, 10, 5])),
    2: (NOTHING, ()),
    3: ((([0, 0, 2, 2],), (), ()), ()),
    4: (NOTHING, ([1, 1, 3, 3],)),
    5: ((([0, 0, 3, 3], [5, 5, 8, 8]), ([0, 0, 3, 3],), ([0, 0, 3, 3],)), ()),
    7: (((), ([0, 0, 5, 2],), ([0, 0, 5, 4],)), ([0, 0, 5, 3],)),
}
"""By pair what the annotators found, and the masks with a score of 0.5 or more: [x0, y0, x1, y1) each."""
REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
VEVAL = REAL_DATA / "saco-veval"
TOY = "toy_saco_veval_sav_test"


def box(corners, side=SIDE):
    return rle.rectangle(*corners, side, side)


def masks(boxes):
    return tuple(box(corners) for corners in boxes)


def example(**changed):
    """Scores of the pairs of EXAMPLE, some with other answers: p7=(...)."""
    return {
        number: pair_scores([masks(found) for found in annotators], changed.get(f"p{number}", masks(answer)))
        for number, (annotators, answer) in EXAMPLE.items()
    }


def values(scores):
    scores = [score | {"failed": 0, "empty_masks": 0, "negative_share": 0} for score in scores]
    return metric.values(SACO_METRICS, scores, [str(k) for k in range(len(scores))])


def kind(score):
    (found,) = (name for name in ("il_tp", "il_fp", "il_tn", "il_fn") if score[name])
    return found


def test_the_pairs_of_the_example():
    scores = example()
    assert {number: kind(score) for number, score in scores.items()} == {
        **{1: "il_tp", 2: "il_tn", 3: "il_tn"},
        **{4: "il_fp", 5: "il_fn", 7: "il_tp"},
    }
    # a and c are equal on pair 1: the first one decides; on pair 7 c has the better IoU
    assert [scores[number]["annotator"] for number in (1, 3, 5, 7)] == [0, 1, 0, 2]
    assert scores[1]["f1"] == pytest.approx(0.69993, abs=5e-8)
    assert scores[7]["f1"] == pytest.approx(0.59991, abs=5e-8)
    assert (scores[5]["wanted"], scores[5]["found"]) == (2, 0)


def test_the_example_has_the_official_values():
    got = values(example().values())
    printed = {
        "cgf1": 0.1666515448,
        "cgf1_50": 0.2499780983,
        "cgf1_75": 0.2499780983,
        "il_mcc": 0.3333332963,
        "pmf1": 0.4999546899,
        "pmf1_50": 0.7499343782,
        "positive_macro_f1": 0.6499200055,
        "precision": 0.4999875003,
        "recall": 0.3999920002,
        "il_fpr": 0.3333332222,
    }
    assert {id: round(got[id], 10) for id in printed} == printed


def test_the_example_to_sixteen_digits():
    """The formulas with their epsilons, on the counts that stand in the table of the example."""
    hits, found, present, wanted = np.array([3] * 6 + [2] + [0] * 3), 4, 3, 5
    p, r = hits / (present + 1e-4), hits / (wanted + 1e-4)
    pmf1 = 2 * p * r / (p + r + 1e-4)
    mcc = 3 / (9 + 1e-6)
    got = values(example().values())
    exact = {"rel": 2e-16, "abs": 0}
    assert got["il_mcc"] == pytest.approx(mcc, **exact)
    assert got["pmf1"] == pytest.approx(pmf1.mean(), **exact)
    assert got["cgf1"] == pytest.approx((pmf1 * mcc).mean(), **exact)
    assert got["precision"] == pytest.approx((hits / (found + 1e-4)).mean(), **exact)
    assert got["recall"] == pytest.approx(r.mean(), **exact)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        # the record of pair 7 has another category: the evaluator does not see it
        ({"p7": ()}, {"cgf1": 0.116655, "il_mcc": 0.25}),
        ({"p7": (box([0, 0, 5, 3]), box([0, 0, 5, 3]))}, {"cgf1": 0.148133}),
        # a mask of another size matches nothing, so that a decides
        ({"p7": (box([0, 0, 5, 3], 20),)}, {"il_mcc": 0, "pmf1": 0.46662}),
        # an empty mask is a claim
        ({"p2": (rle.empty(SIDE, SIDE),)}, {"il_mcc": 0}),
    ],
)
def test_variants_of_the_example(changed, expected):
    got = values(example(**changed).values())
    assert {id: got[id] for id in expected} == pytest.approx(
        expected, abs=5e-7 if "cgf1" in expected else 5e-6
    )


def test_a_failed_answer_is_never_right():
    someone, nobody = [masks(CUP), (), ()], [masks(CUP)] * 3
    assert (kind(pair_scores(someone, ())), kind(pair_scores(nobody, ()))) == ("il_tn", "il_fn")
    scores = [pair_scores(found, (), failed=True) for found in (someone, nobody)]
    assert [kind(score) for score in scores] == ["il_fp", "il_fn"]
    assert [(score["found"], score["wanted"]) for score in scores] == [(0, 0), (0, 2)]


def test_nothing_found_anywhere_and_no_pair_with_a_match():
    got = values([pair_scores(NOTHING, ())] * 3)
    assert (got["cgf1"], got["il_mcc"], got["positive_macro_f1"]) == (0, 0, None)


def test_intervals_resample_images_and_divide_the_sums_anew():
    rng = np.random.default_rng(2)
    scores = list(example().values())
    drawn = [scores[k] | {"failed": 0, "empty_masks": 0, "negative_share": 0} for k in rng.integers(0, 6, 40)]
    images = [f"image {k}" for k in rng.integers(0, 9, 40)]
    order = sorted(set(images))
    (weights,) = statistics.draws(len(order), 40, seed=5)
    cgf1s = []
    for row in weights:
        times = dict(zip(order, row, strict=True))
        again = [s for s, image in zip(drawn, images, strict=True) for _ in range(int(times[image]))]
        cgf1s.append(values(again)["cgf1"])
    got = statistics.intervals(SACO_METRICS, drawn, images, resamples=40, seed=5)["cgf1"]
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(cgf1s, [0.025, 0.975])))


def test_the_other_definitions_that_the_page_compares():
    """docs/saco.md: no epsilon in pmF1 and MCC, missed pairs as 0 in the macro F1, and pair 6 kept."""

    def without_epsilon(scores):
        total = {key: sum(score[key] for score in scores) for key in scores[0]}
        hits = np.array([total[f"tp{round(100 * t)}"] for t in THRESHOLDS])
        tp, fp, tn, fn = (total[name] for name in ("il_tp", "il_fp", "il_tn", "il_fn"))
        mcc = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        macro = total["f1"] / (tp + fn)
        return (2 * hits / (total["found_present"] + total["wanted"])).mean() * mcc, macro

    scores = list(example().values())
    cgf1, macro = without_epsilon(scores)
    assert (round(100 * cgf1, 6), round(100 * macro, 2)) == (16.666667, 43.33)
    bowl = box([0, 0, 3, 3])
    kept = [*scores, pair_scores([(bowl,), (bowl,), ()], (bowl,))]
    assert round(100 * without_epsilon(kept)[0], 2) == 25
    assert (round(100 * values(scores)["cgf1"], 6), round(100 * values(scores)["positive_macro_f1"], 2)) == (
        *(16.665154, 64.99),
    )


# ---- the evaluator written again: dense masks, every assignment tried


def dense_values(pairs):
    """cgF1, IL_MCC, pmF1 and positive_macro_F1 of pairs (annotators, answer) of dense masks."""
    counts = dict.fromkeys(("TP", "FP", "TN", "FN"), 0)
    tp, fp, fn = np.zeros((3, 10))
    macro = []
    for annotators, answer in pairs:
        rows = [one_annotator(found, answer) for found in annotators]
        if answer:
            name, *more, f1 = max(rows, key=lambda row: row[-1].mean())
        else:
            name, *more, f1 = next((row for row in rows if row[0] == "TN"), rows[0])
        counts[name] += 1
        if name in ("TP", "FN"):
            tp, fp, fn = (total + new for total, new in zip((tp, fp, fn), more, strict=True))
        if name == "TP":
            macro.append(f1)
    p, r = tp / (tp + fp + 1e-4), tp / (tp + fn + 1e-4)
    pmf1 = 2 * p * r / (p + r + 1e-4)
    TP, FP, TN, FN = counts.values()
    mcc = (TP * TN - FP * FN) / (math.sqrt((TP + FP) * (TP + FN) * (TN + FP) * (TN + FN)) + 1e-6)
    return {
        "cgf1": (pmf1 * mcc).mean(),
        "il_mcc": mcc,
        "pmf1": pmf1.mean(),
        "positive_macro_f1": np.mean(macro) if macro else math.nan,
    }


def one_annotator(found, answer):
    name = {(1, 1): "TP", (0, 1): "FP", (1, 0): "FN", (0, 0): "TN"}[bool(found), bool(answer)]
    few, many = sorted((found, answer), key=len)
    best = max(
        (
            [iou(a, b) for a, b in zip(few, order, strict=True)]
            for order in itertools.permutations(many, len(few))
        ),
        key=sum,
    )
    tp = np.array([sum(value >= t for value in best) for t in THRESHOLDS])
    fp, fn = len(answer) - tp, len(found) - tp
    p, r = tp / (tp + fp + 1e-4), tp / (tp + fn + 1e-4)
    f1 = 2 * p * r / (p + r + 1e-4)
    return name, tp, fp, fn, f1 if name == "TP" else np.zeros(10)


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


RECTANGLES = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(4, 7), st.integers(4, 7))
FOUND = st.lists(RECTANGLES, max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.tuples(FOUND, FOUND, FOUND), FOUND), min_size=1, max_size=5))
def test_equals_the_evaluator_written_again(pairs):
    def dense(boxes):
        return [rle.decode(box(corners)) for corners in boxes]

    expected = dense_values(
        [([dense(found) for found in annotators], dense(answer)) for annotators, answer in pairs]
    )
    got = values(
        pair_scores([masks(found) for found in annotators], masks(answer)) for annotators, answer in pairs
    )
    found = {id: math.nan if got[id] is None else got[id] for id in expected}
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-15, nan_ok=True)


# ---- the toy file of SA-Co/VEval: one annotator, and a masklet is one mask over all frames


def masklet(frames, height, width):
    """The frames of a masklet beside each other, as one mask: run lengths are column by column."""
    runs: list[int] = []
    for frame in frames:
        lengths = [height * width] if frame is None else rle.run_lengths(rle.validate(frame)).tolist()
        # each frame begins outside; an odd number of runs ends outside
        if runs and len(runs) % 2:
            runs[-1] += lengths[0]
            runs += lengths[1:]
        else:
            runs += lengths
    return rle.from_runs(runs, height, width * len(frames))


@pytest.mark.skipif(not VEVAL.is_dir(), reason=f"no SA-Co/VEval in {VEVAL}")
def test_a_real_file_has_the_counts_of_the_official_evaluator():
    truth, answers, official = (
        json.loads((VEVAL / f"{TOY}_{name}.json").read_text()) for name in ("gt", "pred", "eval_res")
    )
    (video,) = truth["videos"]

    def masklets(records, pair):
        return [
            masklet(record["segmentations"], video["height"], video["width"])
            for record in records
            if record["category_id"] == pair["category_id"] and record.get("score", 1) >= 0.5
        ]

    scores = [
        pair_scores([masklets(truth["annotations"], pair)], masklets(answers, pair))
        for pair in truth["video_np_pairs"]
    ]
    assert [score["wanted"] for score in scores if score["il_tp"] or score["il_fn"]] == [1, 4, 4, 4, 4, 4, 12]
    got, printed = values(scores), official["dataset_results"]
    for ours, theirs in {
        "recall": "recall_50_95",
        "f1_all": "f1_50_95",
        "positive_macro_f1": "pmf1_50_95",
        "precision": "precision_50_95",
        "il_mcc": "ilmcc_50_95",
        "pmf1_50": "positive_micro_f1_50",
        "pmf1_75": "positive_micro_f1_75",
        "cgf1_50": "cgf1_micro_50",
        "cgf1_75": "cgf1_micro_75",
    }.items():
        assert got[ours] == pytest.approx(printed[f"video_mask_demo_{theirs}"], abs=1e-12), ours
