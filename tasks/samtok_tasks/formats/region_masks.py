"""Masks of regions with their images, whatever data set they come from; what is left out is counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.formats.coco import MAX_SIDE


@dataclass(frozen=True)
class RegionMask:
    """One region of one image."""

    key: str
    """The place in the data set that names the region for ever; unique together with the image."""
    image: Path
    """Where the image must be; it was not opened, or for its size only."""
    height: int
    width: int
    mask: RLE
    """Of the image's size, never empty."""
    kind: str | None = None
    """object, stuff, part, group, ...; None where the data set does not say."""


@dataclass(frozen=True)
class RegionData:
    """The regions of a split, in the order of the files."""

    regions: tuple[RegionMask, ...]
    dropped: Counter[str]
    """Masks that were left out, by reason."""
    first: dict[str, str]
    """The first place of each reason, with what is wrong there."""


class RegionCollector:
    """Gathers regions; a mask that cannot be used is counted with its reason and never stops the reading."""

    def __init__(self) -> None:
        self._regions: list[RegionMask] = []
        self._dropped: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def drop(self, reason: str, where: str, details: str = "") -> None:
        """Count a mask that is left out.

        Args:
            reason: what the count is called.
            where: the file and the record.
            details: what is wrong there.
        """
        self._dropped[reason] += 1
        self._first.setdefault(reason, f"{where}: {details}" if details else where)

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
            key: see RegionMask.
            image: see RegionMask.
            size: height and width of the image, pixels; None takes the size that the RLE states.
            segmentation: polygons or RLE, as in a COCO annotation.
            kind: see RegionMask.
        """
        stated = _stated_size(segmentation)
        if size is None and stated is None:
            details = f"no size [height, width] of 1 to {MAX_SIDE} pixels"
            self.drop("broken masks", where, details)
            return
        height, width = size or stated or (0, 0)
        if stated not in (None, (height, width)):
            details = f"the mask is {stated} pixels (height, width), the image {(height, width)}"
            self.drop("masks of another size", where, details)
            return
        try:
            mask = rle.from_segmentation(segmentation, height, width)
        except ValueError as error:
            self.drop("broken masks", where, str(error))
            return
        self.keep(where, RegionMask(key, image, height, width, mask, kind))

    def keep(self, where: str, region: RegionMask) -> None:
        """Keep a converted mask unless it is empty."""
        if rle.is_empty(region.mask):
            self.drop("empty masks", where)
        else:
            self._regions.append(region)

    def data(self) -> RegionData:
        """All that was gathered."""
        return RegionData(tuple(self._regions), self._dropped, self._first)


def _stated_size(segmentation: Any) -> tuple[int, int] | None:
    """Height and width that an RLE states; None for polygons and where it is no possible size."""
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    if not isinstance(size, list) or len(size) != 2 or not all(_is_side(side) for side in size):
        return None
    return size[0], size[1]


def _is_side(side: Any) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and 0 < side <= MAX_SIDE


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image as it is stored, from its header.

    Raises:
        ValueError: there is no such file, it is no image, or it is too large to be one.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception as error:  # Pillow promises no particular exception for a broken file
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from None


def find_images(folders: Sequence[Path], name: str | None) -> Path:
    """Which of several folders holds the images: the one with the first image, else the first there is.

    Args:
        folders: at least one, the usual one first; that one is returned if none is there.
        name: the path of the first image below the folder, or None if the data set has no image.
    """
    there = [folder for folder in folders if folder.is_dir()]
    return next((folder for folder in there if name and (folder / name).is_file()), (there or folders)[0])
