"""Image, phrase and mask from the rows of parquet files, whatever their columns are called.

A row is an image with a phrase and a mask. Where a column is a list of structs, each of them stands for a row
of its own, with the row's image. A list of phrases are several wordings of one mask, unless there are as many
masks; a list of masks are the instances that one phrase means.

A mask is COCO's RLE, with counts as a string or as a list of runs, polygons, an image file, or rows of
pixels, 0 and one other value inside; all but files also as JSON text. Counts alone, without a size, are of
the image's size. No mask at all, or an empty one, says that there is nothing to be found; polygons without a
pixel do not.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samtok_bench import rle
from samtok_bench.images import ImageFileError, image_size, mask_pixels
from samtok_bench.rle import RLE
from samtok_bench.sample import image_key
from samtok_bench.task import Dropped
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.formats.images import find_below, stored_image
from samtok_tasks.formats.parquet import ParquetTable

_SHARD = re.compile(r"(.+?)(-\d{5}-of-\d{5}.*)?")
"""A file's name without its ending: the split, and which part of it."""


@dataclass(frozen=True)
class Columns:
    """Names of columns; `samples.mask` is the field `mask` of structs, or of a list of them."""

    image: str = "image"
    """Bytes, {bytes, path}, or a path; or a list of one."""
    phrase: str = "text"
    mask: str = "mask"


@dataclass(frozen=True)
class HubImage:
    """The image of a row."""

    path: Path
    size: tuple[int, int]
    """(height, width), pixels."""
    key: str
    """Tells it from all others: its path below the folder of the data, or the hash of one inside a file."""


@dataclass(frozen=True)
class HubRegion:
    """A phrase with what it means."""

    image: HubImage
    phrase: str
    masks: tuple[RLE, ...]
    """Of the image's size, none of them empty; none at all where there is nothing to be found."""
    place: str
    """FILE:ROW, with the number of the region where a row has several."""


@dataclass
class HubRegions:
    """Those of a split in the order of the files; what cannot be used is counted."""

    regions: list[HubRegion] = field(default_factory=list)
    dropped: Dropped = field(default_factory=Dropped)


def split_files(root: Path) -> dict[str, list[Path]]:
    """The parquet files of a data set by split, as the hub names them.

    Args:
        root: one file, or a folder with `SPLIT.parquet` or `SPLIT-00000-of-00002.parquet`, at any depth.

    Raises:
        FileNotFoundError: there is none.
    """
    files = [root] if root.is_file() else sorted(root.rglob("*.parquet"))
    found: dict[str, list[Path]] = {}
    for path in files:
        name = _SHARD.fullmatch(path.name.removesuffix(".parquet"))
        found.setdefault(name[1] if name else path.stem, []).append(path)
    if not found:
        raise FileNotFoundError(f"no parquet file in {root}. Expected SPLIT.parquet or SPLIT-*-of-*.parquet")
    return found


def read_hub_regions(root: Path, split: str, columns: Columns, hint: str = "") -> HubRegions:
    """Read a split, all images once; those inside of the files become files of the cache.

    Args:
        root: see `split_files`; images that are not inside are below it, or beside the one file.
        split: its name.
        columns: of the three things.
        hint: the end of the message about a column that is missing.

    Raises:
        NoSplitError: names the splits that are there.
        ValueError: no pyarrow, no parquet file, a damaged one, or one without a column.
        OSError: as `split_files`, or the cache cannot be written.
    """
    files = split_files(root)
    if split not in files:
        raise NoSplitError(f"{root} has no split {split!r}; it has {', '.join(sorted(files))}")
    found = HubRegions()
    folder = root.parent if root.is_file() else root
    wanted = (columns.image, columns.phrase, columns.mask)
    for path in files[split]:
        table = ParquetTable(path, wanted, columns.image, hint)
        name = path.relative_to(folder).as_posix()
        for number, content in enumerate(table.contents()):
            where = f"{path}: row {number}"
            row = table.row(number)
            try:
                image = _image(content, row.get(columns.image), folder)
            except ValueError as error:
                found.dropped.lose("rows without a readable image", where, str(error))
                continue
            regions = list(_regions(row, columns.phrase, columns.mask))
            for part, (phrase, stated) in enumerate(regions):
                place = f"{name}:{number}" if len(regions) == 1 else f"{name}:{number}.{part}"
                found.regions += _read(image, phrase, stated, place, where, found.dropped)
    return found


def _image(content: bytes | None, stated: Any, folder: Path) -> HubImage:
    """ValueError where there is none."""
    if content:
        path = stored_image(content)
        return HubImage(path, image_size(path), path.stem)
    stated = (stated[0] if stated else None) if isinstance(stated, list) else stated
    stated = stated.get("path") if isinstance(stated, dict) else stated
    if not isinstance(stated, str) or not stated:
        raise ValueError("there is neither an image inside nor a path")
    if (found := find_below(folder, stated)) is None:
        raise ValueError(f"no end of {stated!r} is a file below {folder}")
    return HubImage(found, image_size(found), image_key(found, folder))


def _regions(row: Any, phrase: str, mask: str) -> Iterator[tuple[Any, Any]]:
    """What stands for phrase and mask in a row, or in each struct of a list in it."""
    head, _, rest = phrase.partition(".")
    same, _, other = mask.partition(".")
    if rest and other and head == same and isinstance(row, dict) and phrase not in row:
        inner = _value(row, head)
        for item in inner if isinstance(inner, list) else [inner]:
            yield from _regions(item, rest, other)
        return
    said, masks = _value(row, phrase), _value(row, mask)
    if not isinstance(said, list):
        yield said, masks
        return
    stated = _parsed(masks) if isinstance(masks, str) else masks
    if len(said) > 1 and _are_masks(stated) and len(stated) == len(said):
        yield from zip(said, stated, strict=True)
    else:
        yield from ((wording, masks) for wording in said)


def _value(row: Any, name: str) -> Any:
    if not isinstance(row, dict) or name in row:
        return row.get(name) if isinstance(row, dict) else None
    head, _, rest = name.partition(".")
    inner = row.get(head)
    return [_value(item, rest) for item in inner] if isinstance(inner, list) else _value(inner, rest)


def _read(
    image: HubImage, phrase: Any, stated: Any, place: str, where: str, dropped: Dropped
) -> list[HubRegion]:
    """The region, or none, and the reason is counted."""
    if not isinstance(phrase, str) or not phrase.strip():
        dropped.add("regions without a phrase", where, f"it is {phrase!r:.80}")
        return []
    try:
        masks = [mask for mask in read_masks(stated, image.size) if not rle.is_empty(mask)]
    except ImageFileError as error:
        dropped.add("regions whose mask is no readable image", where, str(error))
        return []
    except (ValueError, TypeError, RecursionError) as error:
        dropped.add("broken masks", where, str(error))
        return []
    if not masks:
        dropped.keep("regions without a mask, where nothing is to be found", where)
    return [HubRegion(image, phrase.strip(), tuple(masks), place)]


class _NothingDrawnError(ValueError):
    """Polygons without a pixel."""


def read_masks(stated: Any, size: tuple[int, int]) -> list[RLE]:
    """The masks that a cell states, in any form of this module's.

    Args:
        stated: as the file has it.
        size: (height, width) of the image, pixels.

    Raises:
        ValueError: what is wrong, in one line.
    """
    if isinstance(stated, str):
        stated = _parsed(stated)
    if stated is None or (isinstance(stated, list) and not stated):
        return []
    if _are_masks(stated):
        return _instances(stated, size)
    if isinstance(stated, np.ndarray) or _are_pixels(stated, size):
        return [_of_size(_from_pixels(np.asarray(stated)), size)]
    if isinstance(stated, dict) and stated.get("bytes"):
        stated = stated["bytes"]
    if isinstance(stated, bytes):
        return [_of_size(rle.encode(mask_pixels("the mask", content=stated)), size)]
    if isinstance(stated, str) or (isinstance(stated, dict) and not stated.get("size")):
        counts = stated if isinstance(stated, str) else stated.get("counts")
        return [rle.validate({"size": list(size), "counts": counts})]
    mask = rle.from_segmentation(stated, *size)
    if isinstance(stated, list) and rle.is_empty(mask):
        raise _NothingDrawnError("its polygons have no pixel in the image")
    return [mask]


def _instances(stated: list[Any], size: tuple[int, int]) -> list[RLE]:
    """The masks of a list; polygons without a pixel are passed over beside others."""
    found: list[RLE] = []
    fault: ValueError | None = None
    for one in stated:
        try:
            found += read_masks(one, size)
        except _NothingDrawnError as error:
            fault = error
    if fault and not found:
        raise fault
    return found


def _parsed(text: str) -> Any:
    """What a text holds as JSON; else the text, which may be an RLE's counts."""
    try:
        return json.loads(text) if text.strip() else None
    except (ValueError, RecursionError):
        return text


def _are_masks(stated: Any) -> bool:
    """Whether it is a list whose elements are masks by themselves, or none; numbers are of one mask."""
    return (
        isinstance(stated, list)
        and any(one != [] for one in stated)
        and all(
            isinstance(one, dict | bytes | str | None)
            or (isinstance(one, list) and not any(isinstance(value, int | float) for value in one[:1]))
            for one in stated
        )
    )


def _are_pixels(stated: Any, size: tuple[int, int]) -> bool:
    """Whether lists of numbers are rows of pixels, of this size or another: no polygons look like that."""
    if not isinstance(stated, list) or not all(isinstance(row, list) for row in stated):
        return False
    widths = {len(row) for row in stated}
    if len(stated) == size[0] and widths == {size[1]}:
        return True
    if len(stated) == 1 or len(widths) > 1:
        return False
    width = widths.pop()
    values = {value for row in stated for value in row if isinstance(value, int | float)}
    return width < 6 or width % 2 == 1 or len(values | {0}) <= 2


def _from_pixels(rows: NDArray[Any]) -> RLE:
    """The mask of (H, W) numbers by the rule of `mask_pixels`."""
    if rows.dtype.kind not in "biuf":
        raise ValueError("the mask's rows of pixels are not numbers alone")
    inside = rows[rows != 0]
    if (inside != inside[:1]).any():
        raise ValueError("the mask has more than two values, or two and no 0")
    return rle.encode(rows)


def _of_size(mask: RLE, size: tuple[int, int]) -> RLE:
    if tuple(mask["size"]) != size:
        raise ValueError(f"the mask is {mask['size']} pixels (height, width), the image {list(size)}")
    return mask
