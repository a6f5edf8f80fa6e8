"""What is right and wrong in each triplet of an answer, beside the true triplet that it is closest to.

A triplet is right if it finds a true one (samtok_tasks.scene_graph.metrics). It is half right if it has all
three names of a true one, or both regions of it, each by label and mask; else it is wrong.
"""

from collections.abc import Sequence

from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction
from samtok_bench.shown import Linked, Relation, Relations, Verdict
from samtok_bench.task import Protocol
from samtok_tasks.scene_graph.answers import GraphAnswer
from samtok_tasks.scene_graph.mentions import merged
from samtok_tasks.scene_graph.metrics import ranked_places
from samtok_tasks.scene_graph.triplets import IOU, Triplet, Vocabulary, duplicates, finds, mask_iou

SIDES = ("subject", "object")


def shown_graph(
    truth: Sequence[Triplet],
    answer: GraphAnswer,
    prediction: Prediction,
    vocabulary: Vocabulary,
    protocol: Protocol,
    merge_mentions: bool,
) -> Relations:
    """The triplets of target and answer with their verdicts.

    Args:
        truth: in the order of the target, whose masks are subject, object, subject, ...
        answer: as it was read.
        prediction: that it was read from.
        vocabulary, protocol, merge_mentions: as for `relation_scores`.
    """
    listed = answer.triplets
    places = ranked_places(listed, vocabulary, protocol)
    ranked = [listed[place] for place in places]
    matched = dict(zip(places, merged(ranked, vocabulary.stuff) if merge_mentions else ranked, strict=True))
    copies = duplicates(listed)
    rows, found = [], dict[int, int]()
    for place, triplet in enumerate(listed):
        verdict, why = _compared(matched.get(place, triplet), truth, vocabulary)
        hits = [k for k, true in enumerate(truth) if place in matched and finds(matched[place], true)]
        if place not in matched:
            verdict, why = "wrong", f"takes no rank: {'a repetition' if copies[place] else why}"
        elif hits and all(k in found for k in hits):
            why = f"found already by triplet {found[hits[0]] + 1}"
        elif copies[place]:
            why = "; ".join(filter(None, ["a repetition", why]))
        for k in hits:
            found.setdefault(k, place)
        masks = [_number(prediction.masks, mask) for mask in triplet.masks]
        rows.append(_row(triplet, masks, verdict, why))
    target = [
        _row(
            true, ((2 * k,), (2 * k + 1,)), "right" if k in found else "wrong", "" if k in found else "missed"
        )
        for k, true in enumerate(truth)
    ]
    besides = {"malformed records": answer.malformed, "masks outside of triplets": answer.loose_masks}
    return Relations(
        tuple(target), tuple(rows), ", ".join(f"{count} {name}" for name, count in besides.items() if count)
    )


def _row(triplet: Triplet, masks: Sequence[tuple[int, ...]], verdict: Verdict, why: str) -> Relation:
    return Relation(
        Linked(triplet.subject, masks[0]), triplet.predicate, Linked(triplet.object, masks[1]), verdict, why
    )


def _number(masks: Sequence[RLE], mask: RLE | None) -> tuple[int, ...]:
    return tuple([number for number, own in enumerate(masks) if own is mask][:1])


def _compared(triplet: Triplet, truth: Sequence[Triplet], vocabulary: Vocabulary) -> tuple[Verdict, str]:
    """The verdict beside the closest true triplet, and what differs from it."""
    closest = max(truth, key=lambda true: sum(_alike(triplet, true)), default=None)
    strange = "" if vocabulary.knows(triplet) else "a name that the data does not have"
    if closest is None or sum(_alike(triplet, closest)) < 2:
        return "wrong", strange or "no true triplet is like it"
    faults = []
    ious = [mask_iou(*pair) for pair in zip(triplet.masks, closest.masks, strict=True)]
    for side, own, iou in zip(SIDES, triplet.masks, ious, strict=True):
        said, wanted = getattr(triplet, side), getattr(closest, side)
        if said != wanted:
            faults.append(f"{side}: the target says {wanted}")
        if own is None:
            faults.append(f"{side} without a mask")
        elif iou < IOU:
            faults.append(f"{side}'s mask has IoU {100 * iou:.0f}")
    if triplet.predicate != closest.predicate:
        faults.insert(0, f"the target says {closest.predicate}")
    if not faults:
        return "right", ""
    regions = all(iou >= IOU for iou in ious) and triplet.names[::2] == closest.names[::2]
    half = regions or triplet.names == closest.names
    return "half" if half else "wrong", "; ".join(filter(None, [strange, *faults]))


def _alike(triplet: Triplet, true: Triplet) -> list[bool]:
    """What of two triplets is the same: the three names, the two masks."""
    names = [own == other for own, other in zip(triplet.names, true.names, strict=True)]
    masks = [mask_iou(*pair) >= IOU for pair in zip(triplet.masks, true.masks, strict=True)]
    return names + masks
