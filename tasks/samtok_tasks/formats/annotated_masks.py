"""Masks that data sets annotate, each with its image; masks that cannot be used are counted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import MAX_SIDE


@dataclass(frozen=True)
class AnnotatedMask:
    """One mask of one image."""

    key: str
    """The place in the data set that names the mask for ever; unique together with the image."""
    image: Path
    """Where the image must be; it was not opened, or for its size only."""
    mask: RLE
    """Of the image's size, never empty."""
    kind: str | None = None
    """object, stuff, part, group, ...; None where the data set does not say."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the image, pixels."""
        height, width = self.mask["size"]
        return height, width


@dataclass(frozen=True)
class AnnotatedMasks:
    """The masks of a split, in the order of the files."""

    masks: tuple[AnnotatedMask, ...]
    dropped: Dropped
    """The masks that were left out."""


class MaskCollector:
    """Gathers masks; one that cannot be used is counted with its reason and never stops the reading."""

    def __init__(self) -> None:
        self._masks: list[AnnotatedMask] = []
        self.dropped = Dropped()

    def add(
        self,
        where: str,
        key: str,
        image: Path,
        size: tuple[int, int] | None,
        segmentation: Any,
        kind: str | None = None,
    ) -> None:
        """Convert a mask and keep it, or count it as empty, broken or of another size than its image.

        Args:
            where: the file and the record, for messages.
            key: see AnnotatedMask.
            image: see AnnotatedMask.
            size: height and width of the image, pixels; None takes the size that the RLE states.
            segmentation: polygons or RLE, as in a COCO annotation.
            kind: see AnnotatedMask.
        """
        stated = _stated_size(segmentation)
        size = size or stated
        if size is None:
            details = f"no size [height, width] of 1 to {MAX_SIDE} pixels"
            self.dropped.add("broken masks", where, details)
            return
        if stated not in (None, size):
            details = f"the mask is {stated} pixels (height, width), the image {size}"
            self.dropped.add("masks of another size", where, details)
            return
        try:
            mask = rle.from_segmentation(segmentation, *size)
        except ValueError as error:
            self.dropped.add("broken masks", where, str(error))
            return
        self.keep(where, AnnotatedMask(key, image, mask, kind))

    def keep(self, where: str, mask: AnnotatedMask) -> None:
        """Keep a converted mask unless it is empty."""
        if rle.is_empty(mask.mask):
            self.dropped.add("empty masks", where)
        else:
            self._masks.append(mask)

    def found(self) -> AnnotatedMasks:
        """All that was gathered."""
        return AnnotatedMasks(tuple(self._masks), self.dropped)


def _stated_size(segmentation: Any) -> tuple[int, int] | None:
    """Height and width that an RLE states; None for polygons and where it is no possible size."""
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    if not isinstance(size, list) or len(size) != 2 or not all(_is_side(side) for side in size):
        return None
    return size[0], size[1]


def _is_side(side: Any) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and 0 < side <= MAX_SIDE
