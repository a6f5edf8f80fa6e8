"""Regions to be described, whatever data set they come from; what is left out is counted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench.task import Dropped
from samtok_tasks.formats.annotated_masks import AnnotatedMask, AnnotatedMasks
from samtok_tasks.formats.images import image_size


@dataclass(frozen=True)
class CaptionRegion(AnnotatedMask):
    """One region of one image; its key is unique in the data set."""

    question: str = ""
    """What the data set asks, with `<region>` for the region where it has a place in the text."""
    reference: str = ""
    """A description of the region, or what it is; empty where the data set has none."""
    group: str = ""
    """The data set's own class of the image or region."""


@dataclass(frozen=True)
class CaptionRegions:
    """The regions of a data set, in the order of its files."""

    regions: tuple[CaptionRegion, ...]
    dropped: Dropped


class CaptionCollector:
    """Gathers regions; one whose mask cannot be used is counted with its reason, the reading goes on."""

    def __init__(self) -> None:
        self._masks = AnnotatedMasks()
        self._texts: dict[str, tuple[str, str, str]] = {}

    def add(
        self,
        where: str,
        key: str,
        image: Path,
        size: tuple[int, int] | None,
        segmentation: Any,
        *,
        question: str = "",
        reference: str = "",
        group: str = "",
    ) -> None:
        """Convert a mask and keep the region, or count it.

        Args:
            where: the file and the record, for messages.
            key, question, reference, group: see CaptionRegion.
            image: see CaptionRegion; it is opened for its size where nothing else tells it.
            size: height and width of the image, pixels; None takes the size that the RLE states.
            segmentation: polygons or RLE, as in a COCO annotation.

        Raises:
            ValueError: the key is there already.
        """
        if key in self._texts:
            raise ValueError(f"{where}: two regions are named {key}")
        self._texts[key] = (question, reference, group)
        stated = isinstance(segmentation, dict) and "size" in segmentation
        if size is None and not stated:
            try:
                size = image_size(image)
            except ValueError as error:
                self._masks.dropped.add("masks without a readable image", where, str(error))
                return
        self._masks.add(where, key, image, size, segmentation)

    def regions(self) -> CaptionRegions:
        """All that was gathered."""
        regions = (
            CaptionRegion(mask.key, mask.image, mask.mask, None, *self._texts[mask.key])
            for mask in self._masks.masks
        )
        return CaptionRegions(tuple(regions), self._masks.dropped)
