"""Triplets of subject, predicate and object with masks, and when two of them are the same."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from samtok_bench import rle
from samtok_bench.measures.boxes import box_iou, pixel_box
from samtok_bench.rle import RLE

IOU = 0.5


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
    def masks(self) -> tuple[RLE | None, RLE | None]:
        """Subject, object."""
        return self.subject_mask, self.object_mask

    @property
    def whole(self) -> bool:
        """Whether both masks are there and not empty."""
        return all(mask is not None and not rle.is_empty(mask) for mask in self.masks)

    @property
    def regions(self) -> list[tuple[str, RLE]]:
        """Labels with their masks, where there are any."""
        pairs = zip((self.subject, self.object), self.masks, strict=True)
        return [(label, mask) for label, mask in pairs if mask is not None]


@dataclass(frozen=True)
class Vocabulary:
    """What an answer may call things."""

    labels: frozenset[str]
    predicates: tuple[str, ...]
    stuff: frozenset[str] = frozenset()
    """The labels that are no things."""

    def knows(self, triplet: Triplet) -> bool:
        """Whether the data set has all names of a triplet."""
        return {triplet.subject, triplet.object} <= self.labels and triplet.predicate in self.predicates


def finds(answered: Triplet, true: Triplet) -> bool:
    """Whether an answered triplet finds a true one: equal names, both masks with IoU >= 0.5."""
    return answered.names == true.names and all(iou >= IOU for iou in _ious(mask_iou, answered, true))


def finds_box(answered: Triplet, true: Triplet) -> bool:
    """The same by boxes, names compared without case and with "-" and "_" as spaces."""
    same = _plain(answered.names) == _plain(true.names)
    return same and all(iou >= IOU for iou in _ious(_box_iou, answered, true))


def is_self_relation(triplet: Triplet) -> bool:
    """Whether subject and object have one label, and masks with IoU >= 0.5."""
    return triplet.subject == triplet.object and mask_iou(*triplet.masks) >= IOU


def duplicates(triplets: Sequence[Triplet]) -> list[bool]:
    """Whether each repeats an earlier one that is no duplicate: equal names, both masks with IoU > 0.5."""
    kept: dict[tuple[str, str, str], list[Triplet]] = {}
    found = []
    for triplet in triplets:
        earlier = kept.setdefault(triplet.names, [])
        found.append(any(all(iou > IOU for iou in _ious(mask_iou, triplet, other)) for other in earlier))
        if not found[-1]:
            earlier.append(triplet)
    return found


def mask_iou(a: RLE | None, b: RLE | None) -> float:
    """I / U in pixels; 0 where a mask is missing, or both are empty."""
    if a is None or b is None:
        return 0.0
    inter, union = rle.intersection_union(a, b)
    return inter / union if union else 0.0


def _box_iou(a: RLE | None, b: RLE | None) -> float:
    return 0.0 if a is None or b is None else box_iou(pixel_box(a), pixel_box(b))


def _ious(
    measure: Callable[[RLE | None, RLE | None], float], first: Triplet, second: Triplet
) -> Iterable[float]:
    """Of the subjects and of the objects; lazy, since the second is rarely needed."""
    return map(measure, first.masks, second.masks)


def _plain(names: tuple[str, str, str]) -> list[str]:
    return [name.replace("_", " ").replace("-", " ").strip().lower() for name in names]
