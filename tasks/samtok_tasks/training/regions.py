"""Images with masks to encode, for the tokenizer: any data set that `reconstruction` reads."""

import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from samtok_bench import rle
from samtok_bench.predictors.pictures import open_at_size
from samtok_bench.rle import RLE
from samtok_tasks.formats.annotated_masks import AnnotatedMasks
from samtok_tasks.reconstruction.data_formats import data_format, read_masks
from samtok_tasks.reconstruction.sa1b import locate_sa1b, read_sa1b_image
from samtok_tasks.training.mask_shards import MaskShards
from samtok_tasks.training.streams import Joined, Options, Part, Records, UnusableError

AREAS = {"small": 0.02, "medium": 0.06, "large": 1.0}
"""Classes of masks by the share of the image that they are below; a tokenizer's evaluation has the same."""
SHARDS, SA1B = "shards", "sa1b"

Regions: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""An image (H, W, 3) and masks (N, H, W)."""


class Drawing(BaseModel):
    """How the masks of an image are drawn."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    masks: int = Field(default=1, gt=0)
    """N of each image; one with fewer gives some again."""
    areas: dict[str, float] | None = Field(default_factory=lambda: dict.fromkeys(AREAS, 1.0))
    """How often a mask of a class comes, whatever the number of masks in it; those of classes that are not
    named do not. None draws all masks of an image alike.
    """
    least_area: float = Field(default=0.0002, ge=0, lt=1)
    """Share of the image; smaller masks would have hardly a pixel left at the tokenizer's size."""

    @model_validator(mode="after")
    def _known(self) -> "Drawing":
        if self.areas is None:
            return self
        unknown = sorted(set(self.areas) - set(AREAS))
        if unknown or not sum(self.areas.values()) > 0 or min(self.areas.values()) < 0:
            raise ValueError(f"areas: positive weights of {', '.join(AREAS)} are expected, got {self.areas}")
        return self

    def chosen(self, found: Sequence[RLE], rng: np.random.Generator) -> list[RLE]:
        """N masks of an image; none if it has none of the classes. Each comes once before any comes again."""
        shares = np.array([rle.area(mask) / np.prod(mask["size"]) for mask in found])
        weights = np.ones(len(found))
        if self.areas is not None:
            classes = np.searchsorted([*AREAS.values()][:-1], shares, side="right")
            counts = np.bincount(classes, minlength=len(AREAS))
            weights = np.array([self.areas.get(name, 0.0) for name in AREAS])[classes] / counts[classes]
        each = np.where(shares >= self.least_area, weights, 0)
        drawn = np.flatnonzero(each)
        if not len(drawn):
            return []
        # the order in which weighted draws without replacement come (Efraimidis and Spirakis)
        order = drawn[np.argsort(rng.exponential(size=len(drawn)) / each[drawn])]
        return [found[order[place % len(order)]] for place in range(self.masks)]


class RegionRecords(Records[Regions]):
    """The images of a data set with their masks."""

    def __init__(self, drawing: Drawing) -> None:
        super().__init__()
        self._drawing = drawing

    @abstractmethod
    def found(self, place: int) -> tuple[Path, Sequence[RLE]]:
        """An image and its masks; UnusableError if they cannot be read."""

    def read(self, place: int, rng: np.random.Generator) -> Regions:
        path, found = self.found(place)
        chosen = self._drawing.chosen(found, rng)
        if not chosen:
            raise UnusableError("images without a mask of the areas that are drawn", str(path))
        height, width = chosen[0]["size"]
        try:
            image = open_at_size(path, (height, width), upright=False)
        except (OSError, ValueError) as error:
            raise UnusableError(
                "images that cannot be read or have another size", str(path), str(error)
            ) from None
        return np.asarray(image), np.stack([rle.decode(mask) for mask in chosen])


class ListedRegions(RegionRecords):
    """A split whose masks are in memory, as run lengths: that of any data format."""

    def __init__(self, name: str, root: Path, split: str, drawing: Drawing) -> None:
        super().__init__(drawing)
        read = read_masks(name, root, split)
        for reason, many in read.dropped.counts.items():
            self.left_out.add(reason, read.dropped.first[reason], count=many)
        by_image: dict[Path, list[RLE]] = {}
        for annotated in read.masks:
            by_image.setdefault(annotated.image, []).append(annotated.mask)
        self._images = sorted(by_image.items())

    def __len__(self) -> int:
        return len(self._images)

    def found(self, place: int) -> tuple[Path, Sequence[RLE]]:
        return self._images[place]


class _Folder:
    """The names of files of one folder."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._parent = paths[0].parent
        self.names = np.array([os.fsencode(path.name) for path in paths])

    def path(self, place: int) -> Path:
        return self._parent / os.fsdecode(self.names[place])


class SA1BRegions(RegionRecords):
    """Folders of SA-1B, of which only the names are in memory: a file is read when it is drawn."""

    def __init__(self, root: Path, splits: Sequence[str], drawing: Drawing) -> None:
        super().__init__(drawing)
        # sixteen bytes an image, where a path has three hundred
        self._folders = [_Folder(locate_sa1b(root, split)) for split in splits]
        self._files = Joined(len(folder.names) for folder in self._folders)

    def __len__(self) -> int:
        return len(self._files)

    def found(self, place: int) -> tuple[Path, Sequence[RLE]]:
        which, number = self._files.find(place)
        path = self._folders[which].path(number)
        read = AnnotatedMasks(dropped=self.left_out)
        try:
            name = read_sa1b_image(path, read)
        except (OSError, ValueError) as error:
            raise UnusableError("files that cannot be read", str(path), str(error)) from None
        return path.parent / name, [annotated.mask for annotated in read.masks]


class ShardRegions(RegionRecords):
    """A folder that `samtok-bench data masks` wrote."""

    def __init__(self, folder: Path, root: Path | None, drawing: Drawing) -> None:
        super().__init__(drawing)
        self._shards = MaskShards(folder, root)

    def __len__(self) -> int:
        return len(self._shards)

    def found(self, place: int) -> tuple[Path, Sequence[RLE]]:
        return self._shards[place]


class RegionSet(BaseModel):
    """One data set of a mixture."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    data: str
    """A data format of `reconstruction`, or `shards`."""
    folder: Path
    """The data root, or the folder of shards."""
    split: str | list[str] | None = None
    """The usual one of the format if absent; of sa1b several folders, or every folder below the root."""
    data_root: Path | None = None
    """Of shards: the folder below which the images are, if it is not where they were."""
    weight: float = Field(default=1, gt=0)

    @model_validator(mode="after")
    def _has_effect(self) -> "RegionSet":
        if self.data == SHARDS and self.split is not None:
            raise ValueError("split: shards are of one split, the one that they were written of")
        if self.data != SHARDS and self.data_root is not None:
            raise ValueError(f"data_root is of shards: the folder of {self.data} is its data root")
        return self

    def open(self, drawing: Drawing) -> RegionRecords:
        """The data set; ValueError or OSError, in one line, if it cannot be read."""
        if self.data == SHARDS:
            return ShardRegions(self.folder, self.data_root, drawing)
        usual = data_format(self.data).splits[:1]
        splits = [self.split] if isinstance(self.split, str) else self.split
        if self.data == SA1B:
            return SA1BRegions(self.folder, splits or _folders(self.folder), drawing)
        if splits is not None and len(splits) != 1:
            raise ValueError(f"{self.data}: one split is expected, got {len(splits)}")
        [split] = splits or usual
        return ListedRegions(self.data, self.folder, split, drawing)


def _folders(root: Path) -> list[str]:
    """The splits of SA-1B below a root that is not one itself."""
    below = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return below or ["all"]


class RegionOptions(Options, Drawing):
    """See `regions`."""

    sets: list[RegionSet] = Field(min_length=1)

    def parts(self) -> list[Part[Regions]]:
        return [Part(each.open(self), each.weight) for each in self.sets]


def regions(
    seed: int,
    *,
    start: int = 0,
    sets: Sequence[Mapping[str, Any]],
    masks: int = 1,
    areas: Mapping[str, float] | None = None,
    least_area: float = 0.0002,
) -> Iterator[Regions]:
    """Images of data sets with masks to encode, for ever.

    Args:
        seed: equal seeds give equal streams.
        start: the number in the stream of the first image.
        sets: the fields of `RegionSet` for each. A weight is the share of the images that are drawn, whatever
            the size of the data set.
        masks, areas, least_area: see `Drawing`.

    Raises:
        ValueError, OSError: wrong options, or data that cannot be read.
    """
    given = {"sets": list(sets), "masks": masks, "least_area": least_area}
    return RegionOptions.stream(seed, start, given | ({"areas": dict(areas)} if areas is not None else {}))
