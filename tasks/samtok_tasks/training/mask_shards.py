"""Masks of a data set by image, written once so that a training reads only those that it draws.

A folder with `masks.json`, which says what they are of, see `MaskSettings`, and with shards,
`shard-00000.jsonl`: files of JSON lines, a `MaskLine` for each image.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from samtok_bench import rle
from samtok_bench.files import folder_aside, write_whole
from samtok_bench.rle import RLE
from samtok_bench.sample import image_key
from samtok_bench.validation import PathBelow
from samtok_tasks.formats.annotated_masks import AnnotatedMasks
from samtok_tasks.formats.coco import Side
from samtok_tasks.formats.files import parse, read_json, require_file
from samtok_tasks.training.record_files import RecordFile
from samtok_tasks.training.shards import shard_path
from samtok_tasks.training.streams import Joined, UnusableError

SETTINGS = "masks.json"
WRITTEN_BY = "`samtok-bench data masks` writes it."
IMAGES_PER_SHARD = 1000


class MaskSettings(BaseModel):
    """What the masks of a folder are of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    data: str
    """The format that was read."""
    split: str
    data_root: str
    """Below which the images were."""
    images: int
    masks: int
    shards: int
    left_out: dict[str, int]
    """By reason."""


class MaskLine(BaseModel):
    """An image with its masks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: PathBelow
    """Below the data root."""
    size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    """[height, width], pixels."""
    masks: Annotated[list[str], Field(min_length=1)]
    """Counts of COCO RLE."""


def write_mask_shards(read: AnnotatedMasks, data: str, split: str, root: Path, out: Path) -> MaskSettings:
    """Write the masks of a split by image; the folder appears once it is whole.

    Raises:
        FileExistsError: there is such a folder.
        OSError: it cannot be written.
    """
    if out.exists():
        raise FileExistsError(f"{out} exists: choose another folder")
    by_image: dict[Path, list[RLE]] = {}
    for annotated in read.masks:
        by_image.setdefault(annotated.image, []).append(annotated.mask)
    lines = [_line(image, by_image[image], root) for image in sorted(by_image)]
    shards = [lines[k : k + IMAGES_PER_SHARD] for k in range(0, len(lines), IMAGES_PER_SHARD)]
    settings = MaskSettings(
        data=data,
        split=split,
        data_root=str((root.parent if root.is_file() else root).resolve()),
        images=len(lines),
        masks=len(read.masks),
        shards=len(shards),
        left_out=dict(read.dropped.counts),
    )
    with folder_aside(out) as part:
        for number, shard in enumerate(shards):
            content = "".join(f"{line.model_dump_json()}\n" for line in shard)
            write_whole(shard_path(part, number), content.encode())
        write_whole(part / SETTINGS, settings.model_dump_json(indent=1).encode())
        part.rename(out)
    return settings


def _line(image: Path, masks: Sequence[RLE], root: Path) -> MaskLine:
    counts = [mask["counts"] for mask in masks]
    return MaskLine(image=image_key(image, root), size=masks[0]["size"], masks=counts)


class MaskShards:
    """The images of a folder with their masks, read when asked for.

    Args:
        folder: what `write_mask_shards` wrote.
        root: the folder below which the images are; None for that where they were.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is not what it should be.
    """

    def __init__(self, folder: Path, root: Path | None) -> None:
        path = require_file(folder / SETTINGS, WRITTEN_BY)
        self.settings = parse(MaskSettings, read_json(path), str(path))
        self._root = root or Path(self.settings.data_root)
        paths = [shard_path(folder, number) for number in range(self.settings.shards)]
        self._files = [RecordFile(require_file(path, WRITTEN_BY)) for path in paths]
        self._lines = Joined(map(len, self._files))
        if len(self) != self.settings.images:
            raise ValueError(f"{folder} has {len(self)} images, {path} says {self.settings.images}")

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, place: int) -> tuple[Path, list[RLE]]:
        """An image and its masks; UnusableError for a broken line."""
        which, number = self._lines.find(place)
        file = self._files[which]
        where = file.where(number)
        try:
            line = parse(MaskLine, file[number], where)
            stated = [{"size": line.size, "counts": counts} for counts in line.masks]
            return self._root / line.image, [rle.validate(mask) for mask in stated]
        except UnusableError:
            raise
        except ValueError as error:
            raise UnusableError("malformed lines of shards", where, str(error)) from None
