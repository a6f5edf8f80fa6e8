"""Regions to be described, whatever data set they come from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench.images import image_size
from samtok_bench.task import Dropped
from samtok_tasks.formats.annotated_masks import AnnotatedMask, AnnotatedMasks


@dataclass(frozen=True)
class CaptionRegion(AnnotatedMask):
    """One region of one image; its key is unique in the data set."""

    question: str = ""
    """What the data set asks, with `<region>` for the region where it has a place in the text."""
    reference: str = ""
    """A description of the region, or what it is; empty where the data set has none."""
    group: str = ""
    """The data set's own class of the image or region."""


EMPTY_REFERENCES = "empty references"
"""What readers of captions count and keep: the benchmarks' own scripts score such regions too."""


class CaptionRegions:
    """The regions of a data set, in the order of its files.

    One whose mask cannot be used is counted with its reason and never stops the reading.
    """

    def __init__(self) -> None:
        self.regions: list[CaptionRegion] = []
        self.dropped = Dropped()
        self._keys: set[str] = set()

    def add(
        self,
        where: str,
        key: str,
        image: Path,
        size: tuple[int, int] | None,
        segmentation: Any,
        *,
        question: str = "",
        reference: str | None = None,
        group: str = "",
    ) -> None:
        """Convert a mask and keep the region, or count it.

        Args:
            where: the file and the record, for messages.
            key, question, group: see CaptionRegion.
            reference: the same; None where the data set has none, while an empty one is counted.
            image: see CaptionRegion; it is opened for its size where nothing else tells it.
            size: height and width of the image, pixels; None takes the size that the RLE states.
            segmentation: polygons or RLE, as in a COCO annotation.

        Raises:
            ValueError: the key is there already.
        """
        if key in self._keys:
            raise ValueError(f"{where}: two regions are named {key}")
        self._keys.add(key)
        stated = isinstance(segmentation, dict) and "size" in segmentation
        if size is None and not stated:
            try:
                size = image_size(image)
            except ValueError as error:
                self.dropped.lose("masks without a readable image", where, str(error))
                return
        found = AnnotatedMasks(dropped=self.dropped)  # none or one
        found.add(where, key, image, size, segmentation)
        for usable in found.masks:
            if reference is not None and not reference.strip():
                self.dropped.keep(EMPTY_REFERENCES, where)
            self.regions.append(
                CaptionRegion(key, image, usable.mask, None, question, reference or "", group)
            )
