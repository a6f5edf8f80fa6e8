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
masks. A self-relation has the same label twice, and masks with IoU >= 0.5; it is counted and stays. How the
protocols read mask words is in samtok_tasks.scene_graph.answers.

Denominators: *strict* takes all images that have true triplets; one without an answer has recall 0. *skip* is
OpenPSG's own: an image for which nothing takes a rank is left out, which favours models that fail to answer.
The standard protocol has both, strict first; released has skip alone. SAMTok's own script for PSG is not
published: "released" is the script of its public successor (devinxzhang/CycleGRPO, evaluation/psg). That also
merges the masks of objects that are mentioned more than once before it matches: `--option mentions=merged`,
see samtok_tasks.scene_graph.mentions. The option changes what finds a true triplet, so R@K, mR@K, recall,
precision and F1; all else is of the answer as it is.

The metrics named "box" follow R1-SGG (gpt4vision/R1-SGG, src/vg150_eval.py): the boxes of the masks must have
IoU >= 0.5, all triplets of the answer count, names are compared without case and with "-" and "_" as spaces.
Its mapping of synonyms is left out.

All values are 0 to 1 except the number of records; there is no epsilon. A metric without anything in its
denominator is undefined.
"""

from collections import Counter
from collections.abc import Collection, Sequence

from samtok_bench.aggregate import Corpus
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Scores
from samtok_bench.task import Protocol
from samtok_tasks.scene_graph.answers import GraphAnswer
from samtok_tasks.scene_graph.mentions import merged
from samtok_tasks.scene_graph.triplets import (
    IOU,
    Triplet,
    Vocabulary,
    duplicates,
    finds,
    finds_box,
    is_self_relation,
    mask_iou,
)

RANKS = (20, 50, 100)

R1_SGG = "R1-SGG, vg150_eval.py (arXiv 2504.13617)"
OURS = "samtok_tasks/scene_graph/metrics.py"


def relation_metrics(protocol: Protocol) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `relation_scores`, and those of `mean_recalls`; the primary one first."""
    strict = protocol == "standard"
    right = "share of triplets with a rank that find a true one which no earlier triplet found"
    f1 = "of precision and recall, 2 right / (P + T)"
    regions = (
        "share of regions with a true relation for which the answer has a mask of that label, IoU >= 0.5"
    )
    boxed, by_image = "share of true triplets found", "mean over images of the same"
    by_name = "mean of the same over the predicates that true triplets have"
    no_graph = "share of answers without a triplet"
    return (
        *_recalls("judged" if strict else "ranked", "", ""),
        *(_recalls("ranked", "_skip", " skip") if strict else ()),
        MetricInfo("recall", "recall", "share of all true triplets found", "hits", "relations"),
        MetricInfo("precision", "precision", right, "right", "predicted", source=OURS),
        MetricInfo("f1", "F1", f1, "twice_right", "predicted_and_true", source=OURS),
        MetricInfo("object_recall", "object recall", regions, "objects_found", "objects", source=OURS),
        MetricInfo("box_recall", "box ngR", boxed, "box_hits", "relations", source=R1_SGG),
        MetricInfo("box_recall_image", "box ngR image", by_image, "box_recall", "judged", source=R1_SGG),
        MetricInfo("box_mean_recall", "box mean ngR", by_name, source=R1_SGG, aggregate=Corpus()),
        MetricInfo("listed", "triplets", "records per answer", source=OURS, direction="none", unit="records"),
        MetricInfo("no_graph", "no graph", no_graph, source=OURS, direction="lower"),
        *(
            MetricInfo(id, display, f"share of records {what}", id, "listed", source=OURS, direction="lower")
            for id, display, what in (
                ("malformed", "malformed", "that are no triplet"),
                ("unknown", "unknown names", "with a label or predicate that the data set does not have"),
                ("missing_masks", "missing masks", "with less than two masks that are not empty"),
                ("duplicates", "duplicates", "that repeat an earlier one"),
                ("self_relations", "self-relations", "whose subject is its object"),
            )
        ),
    )


def _recalls(denominator: str, suffix: str, shown: str) -> tuple[MetricInfo, ...]:
    """R@K and mR@K."""
    over, having = "images with true triplets", "images with true triplets that have it"
    if denominator == "ranked":
        over = "those whose answer has a ranked triplet"
        having = "images that have it and whose answer has a ranked triplet"
    share = "share of an image's true triplets that its first {} triplets find; mean over {}"
    mean = "R@{} of a predicate over the {}; mean over all predicates, 0 for absent ones"
    return (
        *(
            MetricInfo(f"r{k}{suffix}", f"R@{k}{shown}", share.format(k, over), f"recall_{k}", denominator)
            for k in RANKS
        ),
        *(
            MetricInfo(f"mr{k}{suffix}", f"mR@{k}{shown}", mean.format(k, having), aggregate=Corpus())
            for k in RANKS
        ),
    )


def ranked_places(listed: Sequence[Triplet], vocabulary: Vocabulary, protocol: Protocol) -> list[int]:
    """Which triplets of an answer take a rank, see the module."""
    if protocol != "released":
        return list(range(len(listed)))
    return [
        place
        for place, (triplet, copy) in enumerate(zip(listed, duplicates(listed), strict=True))
        if None not in triplet.masks and not copy and vocabulary.knows(triplet)
    ]


def relation_scores(
    truth: Sequence[Triplet],
    answer: GraphAnswer,
    vocabulary: Vocabulary,
    protocol: Protocol,
    merge_mentions: bool = False,
) -> Scores:
    """One sample's sufficient statistics.

    Args:
        truth: without repetition, its masks there.
        answer: of any outcome; empty where there is none.
        vocabulary: of the data set.
        protocol: see the module.
        merge_mentions: whether what takes a rank has the masks of samtok_tasks.scene_graph.mentions.

    Returns:
        Numbers of triplets, but judged, ranked and no_graph, which are 0 or 1, and recall_20, recall_50,
        recall_100, box_recall, 0 to 1. For each predicate P of `truth`: `relations P`, `hits_20 P` (50, 100)
        and `box_hits P`.
    """
    listed = answer.triplets
    ranked = [listed[place] for place in ranked_places(listed, vocabulary, protocol)]
    matched = merged(ranked, vocabulary.stuff) if merge_mentions else ranked
    found = [[place for place, true in enumerate(truth) if finds(triplet, true)] for triplet in matched]
    boxed = {place for place, true in enumerate(truth) if any(finds_box(triplet, true) for triplet in listed)}
    right, seen = 0, set[int]()
    for places in found:
        right += not seen.issuperset(places)
        seen.update(places)
    objects = {(label, mask["counts"]): mask for true in truth for label, mask in true.regions}
    regions = [region for triplet in listed for region in triplet.regions]
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
            any(answered == label and mask_iou(mask, part) >= IOU for answered, part in regions)
            for (label, _), mask in objects.items()
        ),
        "box_hits": len(boxed),
        "box_recall": len(boxed) / len(truth) if truth else 0.0,
        "listed": len(listed) + answer.malformed,
        "no_graph": int(not listed),
        "malformed": answer.malformed,
        "loose_masks": answer.loose_masks,
        "unknown": sum(not vocabulary.knows(triplet) for triplet in listed),
        "missing_masks": sum(not triplet.whole for triplet in listed),
        "duplicates": sum(duplicates(listed)),
        "self_relations": sum(map(is_self_relation, listed)),
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
        scores: of `relation_scores`, one per sample.
        predicates: all that the data set has.
        protocol: see the module.
    """
    judged, ranked = ([row for row in scores if row[key]] for key in ("judged", "ranked"))
    groups = {"": judged, "_skip": ranked} if protocol == "standard" else {"": ranked}
    values: dict[str, float | None] = {}
    for suffix, rows in groups.items():
        for k in RANKS:
            recalls = [_predicate_recall(rows, name, k) for name in predicates]
            values[f"mr{k}{suffix}"] = sum(recalls) / len(recalls) if rows and recalls else None
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


def _predicate_recall(scores: Sequence[Scores], name: str, k: int) -> float:
    """R@K of a predicate: the mean share found over the samples that have it; 0 without any, as OpenPSG."""
    having = [row for row in scores if f"relations {name}" in row]
    shares = [row[f"hits_{k} {name}"] / row[f"relations {name}"] for row in having]
    return sum(shares) / len(shares) if shares else 0.0


def _by_predicate(key: str, truth: Sequence[Triplet], places: Collection[int]) -> Scores:
    counts = {f"{key} {triplet.predicate}": 0.0 for triplet in truth}
    for place in places:
        counts[f"{key} {truth[place].predicate}"] += 1
    return counts
