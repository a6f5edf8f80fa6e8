"""cgF1 and what is printed beside it, from a count of each pair of an image and a noun phrase.

Definitions: the official evaluator (facebookresearch/sam3, sam3/eval/cgf1_eval.py), epsilons and order of the
annotators included. One assignment that maximises the sum of IoU serves all ten thresholds; crowds are no
instances; the most favourable annotator decides, the earliest of equals:

- answered with masks: the one with the greatest mean of the ten F1. Where no mask reaches IoU 0.5 with
  anybody, all are 0 and the first one decides whether anything was there.
- answered with nothing: right if any annotator found nothing, else all instances of the first one are missed.

cgF1 is no mean over pairs: the counts are summed, and `IL_MCC` (is anything there?) multiplies `pmF1` (which
pixels, where something is there and something was found). Refusing always and answering always both give 0.

The protocols differ in one point:

======================================  ==========================  ======================================
an answer without a mask that failed    standard                    released (what a results file can say)
======================================  ==========================  ======================================
error, truncated, malformed mask words  wrong: IL_FP where nothing  "nothing found", which is right where
                                        would have been right,      nothing is
                                        else IL_FN
======================================  ==========================  ======================================

Masks that decode to no pixel are left out of an answer and counted; the official evaluator takes one for a
claim of presence. `positive_macro_F1` is a mean over pairs of class IL_TP alone: the "macro F1" of others,
which counts a missed pair as 0, is another metric.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import attrgetter

import numpy as np

from samtok_bench import rle
from samtok_bench.aggregate import Array, OfSums
from samtok_bench.measures.assignment import best_pairs
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Scores

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""(T,) IoU; 0.9 is 0.8999999999999999 here, as in the official evaluator."""
_ASCENDING: list[float] = THRESHOLDS.tolist()
_ONE_MATCH = [
    tuple(int(place < most) for place in range(len(_ASCENDING))) for most in range(len(_ASCENDING) + 1)
]
"""By how many thresholds it reaches, see `_hits`."""
CLASSES = ("il_tp", "il_fp", "il_tn", "il_fn")
"""Of a pair: whether an annotator and the answer have any instance."""
HITS = tuple(f"tp{round(100 * t)}" for t in THRESHOLDS)
"""Matches by threshold."""
COUNTS = (*CLASSES, "found", "found_present", "wanted", *HITS)
"""What is summed: masks of answers, those of pairs of class il_tp, and instances, beside classes and hits."""
EPSILON = 1e-4
IL_EPSILON = 1e-6
"""Of what is counted by pair."""
ALL = slice(None)
AT = {"": ALL, "_50": slice(0, 1), "_75": slice(5, 6)}
"""The thresholds over which a metric is averaged, by the end of its id."""
SHOWN = {"": "", "_50": "@0.5", "_75": "@0.75"}


def pair_scores(
    annotators: Sequence[Sequence[RLE]], predicted: Sequence[RLE], *, failed: bool = False
) -> Scores:
    """What one pair adds.

    Args:
        annotators: the instances that each one found, crowds left out; the order decides ties.
        predicted: the instances of the answer. One of another size than the annotations matches none.
        failed: there is no answer that may be right; `predicted` is then empty.

    Returns:
        COUNTS, as whole numbers; f1, f1_50 and f1_75, 0 to 1 and 0 unless the class is il_tp; `annotator`,
        the place of the one who decided.
    """
    if predicted:
        found = [_match(predicted, wanted) for wanted in annotators]
        chosen = max(range(len(found)), key=lambda place: found[place].mean)  # of equals the first
        wanted = len(annotators[chosen])
        return _scores("il_tp" if wanted else "il_fp", chosen, len(predicted), wanted, found[chosen])
    nothing = next((place for place, wanted in enumerate(annotators) if not wanted), None)
    if nothing is not None:
        return _scores("il_fp" if failed else "il_tn", nothing, 0, 0, _NO_MATCH)
    return _scores("il_fn", 0, 0, len(annotators[0]), _NO_MATCH)


@dataclass(frozen=True)
class _Match:
    """An answer against one annotator, by threshold."""

    hits: list[int]
    f1: list[float]
    mean: float


_NO_MATCH = _Match([0] * len(THRESHOLDS), [0.0] * len(THRESHOLDS), 0.0)


def _match(predicted: Sequence[RLE], wanted: Sequence[RLE]) -> _Match:
    if not wanted:
        return _NO_MATCH
    return _of_hits(_hits(predicted, wanted), len(predicted), len(wanted))


@lru_cache(maxsize=1 << 14)
def _of_hits(reached: tuple[int, ...], predicted: int, wanted: int) -> _Match:
    """Pairs have few different counts: see `_hits`."""
    hits = np.array(reached)
    f1 = _harmonic(hits / (predicted + EPSILON), hits / (wanted + EPSILON), EPSILON)
    return _Match(list(reached), f1.tolist(), float(f1.mean()))


def _scores(kind: str, annotator: int, found: int, wanted: int, match: _Match) -> Scores:
    return {
        **dict.fromkeys(CLASSES, 0),
        kind: 1,
        "found": found,
        "found_present": found if kind == "il_tp" else 0,
        "wanted": wanted,
        **dict(zip(HITS, match.hits, strict=True)),
        "f1": match.mean,
        "f1_50": match.f1[0],
        "f1_75": match.f1[5],
        "annotator": annotator,
    }


def _hits(predicted: Sequence[RLE], wanted: Sequence[RLE]) -> tuple[int, ...]:
    """(T,) how many matches reach each threshold."""
    ious = _ious(predicted, wanted)
    passed = [bisect_right(_ASCENDING, ious[row][column]) for row, column in best_pairs(ious)]  # (M,)
    if len(passed) == 1:
        return _ONE_MATCH[passed[0]]
    return tuple(sum(most > place for most in passed) for place in range(len(_ASCENDING)))


def _ious(predicted: Sequence[RLE], wanted: Sequence[RLE]) -> list[list[float]]:
    """(P, W) IoU; -1 for masks of different sizes, 0 for two empty ones."""
    size = predicted[0]["size"]
    if all(mask["size"] == size for mask in (*predicted, *wanted)):
        ious = rle.iou_matrix(predicted, wanted)
        return np.where(np.isnan(ious), 0.0, ious).tolist()
    return [[_iou(one, other) for other in wanted] for one in predicted]


def _iou(one: RLE, other: RLE) -> float:
    return _ious([one], [other])[0][0] if one["size"] == other["size"] else -1.0


class Totals:
    """Sums over all pairs of R runs."""

    def __init__(self, sums: Array, at: slice) -> None:
        """Of sums (R, K) of COUNTS; `at` chooses thresholds."""
        self.il_tp, self.il_fp, self.il_tn, self.il_fn, found, present, wanted = sums.T[: -len(HITS)]  # (R,)
        self.hits = sums[:, -len(HITS) :][:, at]  # (R, T)
        self.precision = self.hits / (found[:, None] + EPSILON)
        self.present_precision = self.hits / (present[:, None] + EPSILON)
        self.recall = self.hits / (wanted[:, None] + EPSILON)

    @property
    def pmf1(self) -> Array:
        """(R, T)."""
        return _harmonic(self.present_precision, self.recall, EPSILON)

    @property
    def f1(self) -> Array:
        """(R, T), with the masks on pairs without any instance."""
        return _harmonic(self.precision, self.recall, EPSILON)

    @property
    def mcc(self) -> Array:
        """(R, 1)."""
        tp, fp, tn, fn = self.il_tp, self.il_fp, self.il_tn, self.il_fn
        spread = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return ((tp * tn - fp * fn) / (spread + IL_EPSILON))[:, None]

    @property
    def il_precision(self) -> Array:
        """(R, 1)."""
        return (self.il_tp / (self.il_tp + self.il_fp + IL_EPSILON))[:, None]

    @property
    def il_recall(self) -> Array:
        """(R, 1)."""
        return (self.il_tp / (self.il_tp + self.il_fn + IL_EPSILON))[:, None]

    @property
    def il_f1(self) -> Array:
        """(R, 1)."""
        return _harmonic(self.il_precision, self.il_recall, IL_EPSILON)

    @property
    def il_fpr(self) -> Array:
        """(R, 1)."""
        return (self.il_fp / (self.il_fp + self.il_tn + IL_EPSILON))[:, None]

    @property
    def cgf1(self) -> Array:
        """(R, T)."""
        return self.pmf1 * self.mcc


def _harmonic(precision: Array, recall: Array, epsilon: float) -> Array:
    return 2 * precision * recall / (precision + recall + epsilon)


def _mean(of: str, at: slice, sums: Array) -> Array:
    found: Array = attrgetter(of)(Totals(sums, at))
    return found.mean(axis=1)


def _averaged(of: str, at: slice = ALL) -> OfSums:
    return OfSums(COUNTS, partial(_mean, of, at))


def _sum(sums: Array) -> Array:
    return sums[:, 0]


def _at_thresholds(id: str, display: str, description: str, of: str) -> tuple[MetricInfo, ...]:
    return tuple(
        MetricInfo(id + end, display + SHOWN[end], description, aggregate=_averaged(of, at))
        for end, at in AT.items()
    )


def _number(key: str, display: str, description: str, unit: str) -> MetricInfo:
    return MetricInfo(key, display, description, unit=unit, direction="none", aggregate=OfSums((key,), _sum))


SACO_METRICS = (
    *_at_thresholds("cgf1", "cgF1", "IL_MCC times pmF1", "cgf1"),
    MetricInfo(
        "il_mcc",
        "IL_MCC",
        "Matthews correlation of 'something is there', -1 to 1",
        unit="MCC",
        aggregate=_averaged("mcc"),
    ),
    *_at_thresholds("pmf1", "pmF1", "F1 of masks over pairs with instances, masks of il_tp pairs", "pmf1"),
    MetricInfo(
        "il_fpr",
        "IL_FPR",
        "share of pairs without an instance that got a mask",
        direction="lower",
        aggregate=_averaged("il_fpr"),
    ),
    *(
        MetricInfo(f"il_{name}", f"IL {shown}", "of 'something is there'", aggregate=_averaged(f"il_{name}"))
        for name, shown in (("precision", "precision"), ("recall", "recall"), ("f1", "F1"))
    ),
    *_at_thresholds(
        "positive_micro_precision", "pos. precision", "of masks of il_tp pairs", "present_precision"
    ),
    *_at_thresholds("precision", "precision", "of all masks", "precision"),
    *_at_thresholds("recall", "recall", "of all instances", "recall"),
    *_at_thresholds("f1_all", "F1", "of precision and recall, all masks", "f1"),
    *(
        MetricInfo(
            f"positive_macro_f1{end}",
            f"pos. macro F1{SHOWN[end]}",
            "mean F1 of il_tp pairs; missed pairs take no part",
            f"f1{end}",
            "il_tp",
        )
        for end in AT
    ),
    _number("failed", "failed", "answers without a mask that failed", "pairs"),
    _number("empty_masks", "empty masks", "masks without a pixel, left out of answers", "masks"),
    MetricInfo(
        "negative_share", "nothing there", "share of pairs where an annotator found nothing", direction="none"
    ),
)
"""Over the scores of `pair_scores` with failed, empty_masks and negative_share; the primary one first."""
