"""Masks that data sets annotate, each with its image; masks that cannot be used are counted."""

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from samtok_bench import rle
from samtok_bench.images import ImageFileError, check_pixels
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import MAX_SIDE, StatedSize


@dataclass(frozen=True)
class AnnotatedMask:
    """One mask of one image."""

    key: str
    """The place in the data set that names the mask for ever; unique together with the image file's name."""
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


@dataclass
class AnnotatedMasks:
    """The masks of a split, in the order of the files.

    One that cannot be used is counted with its reason and never stops the reading.
    """

    masks: list[AnnotatedMask] = field(default_factory=list)
    dropped: Dropped = field(default_factory=Dropped)

    def add(
        self,
        where: str,
        key: str,
        image: Path,
        size: tuple[int, int] | None,
        segmentation: Any,
        kind: str | None = None,
    ) -> None:
        """Convert a mask and keep it, or count it as empty, broken, too large or of another size.

        Args:
            where: the file and the record, for messages.
            key, image, kind: see AnnotatedMask.
            size: height and width of the image, pixels; None takes the size that the RLE states.
            segmentation: polygons or RLE, as in a COCO annotation.
        """
        stated = stated_size(segmentation)
        size = size or stated
        if size is None:
            self.dropped.add("broken masks", where, f"no size [height, width] of 1 to {MAX_SIDE} pixels")
        elif stated not in (None, size):
            details = f"the mask is {stated} pixels (height, width), the image {size}"
            self.dropped.add("masks of another size", where, details)
        else:
            try:
                check_pixels(*size, "the image")
                mask = rle.from_segmentation(segmentation, *size, self.dropped.at(where))
            except ImageFileError as error:
                self.dropped.add("masks of images that are too large", where, str(error))
            except ValueError as error:
                self.dropped.add("broken masks", where, str(error))
            else:
                self.keep(where, AnnotatedMask(key, image, mask, kind))

    def keep(self, where: str, mask: AnnotatedMask) -> None:
        """Keep a converted mask unless it is empty."""
        if rle.is_empty(mask.mask):
            self.dropped.add("empty masks", where)
        else:
            self.masks.append(mask)


def numbered_key(image: str, number: int) -> str:
    """The key of a mask whose number is unique in its image alone, whose path may have folders."""
    return (PurePosixPath(image).parent / str(number)).as_posix()


def stated_size(segmentation: Any) -> tuple[int, int] | None:
    """Height and width that an RLE states; None for polygons and where it is no possible size."""
    try:
        height, width = StatedSize.model_validate(segmentation).size
    except ValidationError:
        return None
    return height, width
