"""Scene graphs: recall of triplets (subject, predicate, object) whose subject and object are masks.

Definition: OpenPSG's sgdet with panoptic masks (Jingkang50/OpenPSG, openpsg/evaluation). A predicted triplet
finds a true one when subject label, predicate and object label are equal and both masks have IoU >= 0.5 (an
empty mask has IoU 0 with everything). Labels and predicates are compared letter by letter, without spaces
around. True triplets come without repetition. One prediction may find several true triplets, and a true one
counts once however often it is found.

Rank: answers have no scores, so the order of the answer is the rank. What takes a rank:

==============================  ==================  ==========================================
triplet                         standard            released
==============================  ==================  ==========================================
well formed                     yes                 yes
duplicate of an earlier one     yes                 no
unknown label or predicate      yes                 no
subject or object without mask  yes                 no
malformed record                no                  no
==============================  ==================  ==========================================

A duplicate has the names of an earlier triplet that is none itself, and both masks have IoU > 0.5 with its
masks. A self-relation has the same label twice, and masks with IoU >= 0.5; it is counted and stays.

Denominators: *strict* takes all images that have true triplets; one without an answer has recall 0. *skip* is
OpenPSG's own: an image for which nothing takes a rank is left out, which favours models that fail to answer.
The standard protocol has both, strict first; released has skip alone. SAMTok's own script for PSG is not
published: "released" is the script of its public successor (devinxzhang/CycleGRPO, evaluation/psg), except
that the latter also merges objects of equal label before it matches.

The metrics named "box" follow R1-SGG (gpt4vision/R1-SGG, src/vg150_eval.py): the boxes of the masks must have
IoU >= 0.5, all triplets of the answer count, names are compared without case and with "-" and "_" as spaces.
Its mapping of synonyms is left out.

All values are 0 to 1 except the number of records; there is no epsilon. A metric without anything in its
denominator is undefined.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from samtok_bench import rle
from samtok_bench.metric import Aggregate, MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Scores
from samtok_bench.task import Protocol

RANKS = (20, 50, 100)
IOU = 0.5

_OPENPSG = "OpenPSG, sgg_metrics.py (arXiv 2207.11247)"
_R1_SGG = "R1-SGG, vg150_eval.py (arXiv 2504.13617)"
_OURS = "this file"


@dataclass(frozen=True)
class Triplet:
    """One relation."""

    subject: str
    predicate: str
    object: str
    subject_mask: RLE | None
    """None where the answer has no mask for it; of the image's size, as all masks here."""
    object_mask: RLE | None

    @property
    def names(self) -> tuple[str, str, str]:
        """Subject, predicate, object."""
        return self.subject, self.predicate, self.object

    @property
    def whole(self) -> bool:
        """Whether both masks are there and not empty."""
        return all(mask is not None and not rle.is_empty(mask) for mask in self.masks)

    @property
    def masks(self) -> tuple[RLE | None, RLE | None]:
        """Subject, object."""
        return self.subject_mask, self.object_mask


@dataclass(frozen=True)
class Answer:
    """A graph as it was read."""

    triplets: tuple[Triplet, ...]
    """In the order of the answer."""
    malformed: int = 0
    """Records that are no triplet."""
    loose_masks: int = 0
    """Masks that belong to no triplet."""


@dataclass(frozen=True)
class Names:
    """What an answer may call things."""

    labels: frozenset[str]
    predicates: tuple[str, ...]


def relation_metrics(protocol: Protocol) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `relation_scores`, and those of `mean_recalls`; the primary one first."""
    strict = protocol == "standard"
    metrics = [
        *_recalls("judged" if strict else "ranked", "", ""),
        *(_recalls("ranked", "_skip", " skip") if strict else ()),
        _metric("recall", "recall", "hits", "relations", _OPENPSG, "share of all true triplets found"),
        _metric(
            "precision",
            "precision",
            "right",
            "predicted",
            _OURS,
            "share of triplets with a rank that find a true one which no earlier triplet found",
        ),
        _metric(
            "f1",
            "F1",
            "twice_right",
            "predicted_and_true",
            _OURS,
            "of precision and recall, 2 right / (P + T)",
        ),
        _metric(
            "object_recall",
            "object recall",
            "objects_found",
            "objects",
            _OURS,
            "share of regions with a true relation for which the answer has a mask of that label, IoU >= 0.5",
        ),
        _metric("box_recall", "box ngR", "box_hits", "relations", _R1_SGG, "share of true triplets found"),
        _metric(
            "box_recall_image",
            "box ngR image",
            "box_recall",
            "judged",
            _R1_SGG,
            "mean over images of the same",
        ),
        _metric(
            "box_mean_recall",
            "box mean ngR",
            "",
            None,
            _R1_SGG,
            "mean of the same over the predicates that true triplets have",
            aggregate="corpus",
        ),
        _metric("listed", "triplets", "listed", None, _OURS, "records an answer", "none", unit="records"),
        _metric(
            "no_graph", "no graph", "no_graph", None, _OURS, "share of answers without a triplet", "lower"
        ),
        *(
            _metric(id, display, id, "listed", _OURS, f"share of records {what}", "lower")
            for id, display, what in (
                ("malformed", "malformed", "that are no triplet"),
                ("unknown", "unknown names", "with a label or predicate that the data set does not have"),
                ("missing_masks", "missing masks", "with less than two masks that are not empty"),
                ("duplicates", "duplicates", "that repeat an earlier one"),
                ("self_relations", "self-relations", "whose subject is its object"),
            )
        ),
    ]
    return tuple(metrics)


def _recalls(denominator: str, suffix: str, shown: str) -> list[MetricInfo]:
    """R@K and mR@K."""
    over = (
        "images with true triplets" if denominator == "judged" else "those whose answer has a ranked triplet"
    )
    recalls = [
        _metric(
            f"r{k}{suffix}",
            f"R@{k}{shown}",
            f"recall_{k}",
            denominator,
            _OPENPSG,
            f"share of an image's true triplets that its first {k} triplets find; mean over {over}",
        )
        for k in RANKS
    ]
    means = [
        _metric(
            f"mr{k}{suffix}",
            f"mR@{k}{shown}",
            "",
            None,
            _OPENPSG,
            f"R@{k} of a predicate over the {over} that have it; mean over all predicates, 0 for absent ones",
            aggregate="corpus",
        )
        for k in RANKS
    ]
    return recalls + means


def _metric(
    id: str,
    display: str,
    numerator: str,
    denominator: str | None,
    source: str,
    description: str,
    direction: Literal["higher", "lower", "none"] = "higher",
    aggregate: Aggregate = "ratio",
    unit: str = "",
) -> MetricInfo:
    return MetricInfo(
        id, 1, display, direction, numerator, denominator, source, description, aggregate=aggregate, unit=unit
    )


def relation_scores(truth: Sequence[Triplet], answer: Answer, names: Names, protocol: Protocol) -> Scores:
    """One sample's sufficient statistics.

    Args:
        truth: without repetition, its masks there.
        answer: of any outcome; empty where there is none.
        names: of the data set.
        protocol: see the module.

    Returns:
        Numbers of triplets, but judged, ranked and no_graph, which are 0 or 1, and recall_20, recall_50,
        recall_100, box_recall, 0 to 1. For each predicate P of `truth`: `relations P`, `hits_20 P` (50, 100)
        and `box_hits P`.
    """
    copies = _duplicates(answer.triplets)
    unknown = [not _known(one, names) for one in answer.triplets]
    ranked = list(answer.triplets)
    if protocol == "released":
        ranked = [
            one
            for one, copy, strange in zip(answer.triplets, copies, unknown, strict=True)
            if None not in one.masks and not copy and not strange
        ]
    found = [[k for k, true in enumerate(truth) if finds(one, true)] for one in ranked]
    boxed = {k for k, true in enumerate(truth) if any(finds_box(one, true) for one in answer.triplets)}
    right, seen = 0, set[int]()
    for places in found:
        right += not seen.issuperset(places)
        seen.update(places)
    objects = {(name, mask["counts"]): mask for one in truth for name, mask in _regions(one)}
    listed = len(answer.triplets) + answer.malformed
    scores: Scores = {
        "relations": len(truth),
        "judged": int(bool(truth)),
        "ranked": int(bool(truth and ranked)),
        "predicted": len(ranked),
        "hits": len(seen),
        "right": right,
        "twice_right": 2 * right,
        "predicted_and_true": len(ranked) + len(truth),
        "objects": len(objects),
        "objects_found": sum(
            any(
                name == label and _iou(mask, part) >= IOU
                for one in answer.triplets
                for label, part in _regions(one)
            )
            for (name, _), mask in objects.items()
        ),
        "box_hits": len(boxed),
        "box_recall": len(boxed) / len(truth) if truth else 0.0,
        "listed": listed,
        "no_graph": int(not answer.triplets),
        "malformed": answer.malformed,
        "loose_masks": answer.loose_masks,
        "unknown": sum(unknown),
        "missing_masks": sum(not one.whole for one in answer.triplets),
        "duplicates": sum(copies),
        "self_relations": sum(
            one.subject == one.object and _iou(*one.masks) >= IOU for one in answer.triplets
        ),
    }
    scores |= _by_predicate("relations", truth, range(len(truth)))
    scores |= _by_predicate("box_hits", truth, boxed)
    for k in RANKS:
        hits = {place for places in found[:k] for place in places}
        scores[f"recall_{k}"] = len(hits) / len(truth) if truth else 0.0
        scores |= _by_predicate(f"hits_{k}", truth, hits)
    return scores


def mean_recalls(
    scores: Sequence[Scores], predicates: Collection[str], protocol: Protocol
) -> dict[str, float | None]:
    """The metrics of `relation_metrics` that are means over predicates, by id; None without true triplets.

    Args:
        scores: of `relation_scores`, one a sample.
        predicates: all that the data set has.
        protocol: see the module.
    """
    judged = [row for row in scores if row["judged"]]
    ranked = [row for row in scores if row["ranked"]]
    groups = {"": judged, "_skip": ranked} if protocol == "standard" else {"": ranked}
    values: dict[str, float | None] = {}
    for suffix, rows in groups.items():
        for k in RANKS:
            by_predicate = predicate_recalls(rows, predicates, k)
            # absent predicates count 0, as in the source
            known = [value or 0.0 for value in by_predicate.values()]
            values[f"mr{k}{suffix}"] = sum(known) / len(known) if rows and known else None
    totals: Counter[str] = Counter()
    for row in judged:
        totals.update(row)
    shares = [
        totals[f"box_hits {name}"] / totals[f"relations {name}"]
        for name in predicates
        if totals[f"relations {name}"]
    ]
    values["box_mean_recall"] = sum(shares) / len(shares) if shares else None
    return values


def predicate_recalls(
    scores: Sequence[Scores], predicates: Collection[str], k: int
) -> Mapping[str, float | None]:
    """R@K of each predicate: the mean over the samples that have it of the share found.

    Args:
        scores: of `relation_scores`, those that count.
        predicates: which ones.
        k: one of RANKS.

    Returns:
        by predicate, None for those that no sample has.
    """
    recalls: dict[str, float | None] = {}
    for name in predicates:
        shares = [
            row[f"hits_{k} {name}"] / row[f"relations {name}"] for row in scores if f"relations {name}" in row
        ]
        recalls[name] = sum(shares) / len(shares) if shares else None
    return recalls


def finds(one: Triplet, true: Triplet) -> bool:
    """Whether a predicted triplet finds a true one: equal names, both masks with IoU >= 0.5."""
    return one.names == true.names and all(
        _iou(a, b) >= IOU for a, b in zip(one.masks, true.masks, strict=True)
    )


def finds_box(one: Triplet, true: Triplet) -> bool:
    """The same by boxes: see the module."""
    same = all(_plain(a) == _plain(b) for a, b in zip(one.names, true.names, strict=True))
    return same and all(_box_iou(a, b) >= IOU for a, b in zip(one.masks, true.masks, strict=True))


def _known(one: Triplet, names: Names) -> bool:
    return {one.subject, one.object} <= names.labels and one.predicate in names.predicates


def _duplicates(triplets: Sequence[Triplet]) -> list[bool]:
    """Whether each repeats an earlier one."""
    kept: dict[tuple[str, str, str], list[Triplet]] = {}
    copies = []
    for one in triplets:
        earlier = kept.setdefault(one.names, [])
        copies.append(
            any(all(_iou(a, b) > IOU for a, b in zip(one.masks, old.masks, strict=True)) for old in earlier)
        )
        if not copies[-1]:
            earlier.append(one)
    return copies


def _by_predicate(key: str, truth: Sequence[Triplet], places: Collection[int]) -> Scores:
    counts = {f"{key} {one.predicate}": 0.0 for one in truth}
    for place in places:
        counts[f"{key} {truth[place].predicate}"] += 1
    return counts


def _regions(one: Triplet) -> list[tuple[str, RLE]]:
    """Labels with their masks, where there are any."""
    pairs = zip((one.subject, one.object), one.masks, strict=True)
    return [(name, mask) for name, mask in pairs if mask is not None]


def _iou(a: RLE | None, b: RLE | None) -> float:
    if a is None or b is None:
        return 0.0
    inter, union = rle.intersection_union(a, b)
    return inter / union if union else 0.0


def _box_iou(a: RLE | None, b: RLE | None) -> float:
    if a is None or b is None:
        return 0.0
    first, second = rle.box(a), rle.box(b)
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    inter = max(width, 0) * max(height, 0)
    union = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (first, second)) - inter
    return inter / union if union else 0.0


def _plain(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").strip().lower()
