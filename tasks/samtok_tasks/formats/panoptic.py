"""COCO panoptic segmentation: a JSON file, and a PNG for each image whose colours are segment ids."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samtok_bench import rle
from samtok_tasks.formats.coco import CocoImage, nested_name, parse_images
from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.region_masks import RegionCollector, RegionData, RegionMask, find_images

LAYOUT = (
    "Expected below the data root: annotations/panoptic_{split}.json, its PNGs in "
    "annotations/panoptic_{split}/ or panoptic_{split}/ and the images in {split}/ or images/{split}/ "
    "(cocodataset.org)."
)
VOID = 0
"""The id of pixels that belong to no segment."""


def read_panoptic(root: Path, split: str) -> RegionData:
    """Read the segments of COCO panoptic; crowds are left out. Things are objects, the rest is stuff.

    Segments whose PNG is missing, unreadable or of another size than the image are counted, and so are
    segments that the PNG does not hold and ids in it that are not listed.

    Args:
        root: the data root.
        split: as in the file's name, such as val2017.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    layout = LAYOUT.format(split=split)
    path = require_file(root / f"annotations/panoptic_{split}.json", layout)
    folders = [root / f"annotations/panoptic_{split}", root / f"panoptic_{split}"]
    pngs = next((folder for folder in folders if folder.is_dir()), None)
    if pngs is None:
        raise FileNotFoundError(f"{folders[0]} is missing. {layout}")
    content = read_json(path)
    images = parse_images(path, content, nested_name)
    kinds = _kinds(path, content)
    first = next((one.file_name for one in images.values()), None)
    folder = find_images([root / split, root / "images" / split], first)
    found = RegionCollector()
    seen: set[int] = set()
    for place, record in enumerate(field(content, "annotations", list, str(path))):
        where = f"{path}: annotation {place}"
        number = field(record, "image_id", int, where)
        if number not in images:
            raise ValueError(f"{where}: it is on image {number}, not listed")
        if number in seen:
            raise ValueError(f"{where}: it is the second of image {number}")
        seen.add(number)
        segments = _segments(record, kinds, where)
        png = pngs / path_below(record, "file_name", where)
        image = images[number]
        _collect(found, png, f"{path}: image {number}", folder / image.file_name, image, segments)
    return found.data()


def _collect(
    found: RegionCollector,
    png: Path,
    where: str,
    file: Path,
    image: CocoImage,
    segments: dict[int, tuple[str | None, bool]],
) -> None:
    """Cut the PNG of one image into its segments."""
    size = image.height, image.width
    reason, details = "", ""
    try:
        ids = read_ids(png)
    except FileNotFoundError:
        reason, details = "segments without a PNG", f"{png} is missing"
    except ValueError as error:
        reason, details = "segments of unreadable PNGs", str(error)
    else:
        if ids.shape != size:
            reason = "segments of PNGs of another size"
            details = f"{png} is {ids.shape} pixels (height, width), the image {size}"
    held = set() if reason else set(np.unique(ids).tolist()) - {VOID}
    for number, (kind, crowd) in segments.items():
        place = f"{where}: segment {number}"
        if crowd:
            found.drop("crowds", place)
        elif reason:
            found.drop(reason, place, details)
        elif number not in held:
            found.drop("segments not in the PNG", place, f"{png} has no pixel of it")
        else:
            region = RegionMask(str(number), file, *size, rle.encode(ids == number), kind)
            found.keep(place, region)
    for number in sorted(held - set(segments)):
        found.drop("ids not listed", where, f"{png} has pixels of {number}, which is not in segments_info")


def read_ids(path: Path) -> NDArray[np.int32]:
    """The segment id of each pixel, (H, W).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a readable RGB image.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode != "RGB":
                raise ValueError(f"segment ids are RGB, this is {image.mode}")
            colours = np.asarray(image, dtype=np.int32)
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow promises no particular exception for a broken file
        raise ValueError(f"{path}: {error}") from None
    return colours[..., 0] + (colours[..., 1] << 8) + (colours[..., 2] << 16)


def _kinds(path: Path, content: Any) -> dict[int, str | None]:
    """What the segments of each category are; None where the file does not say."""
    kinds: dict[int, str | None] = {}
    for place, record in enumerate(field(content, "categories", list, str(path))):
        where = f"{path}: category {place}"
        number = field(record, "id", int, where)
        if number in kinds:
            raise ValueError(f"{path}: two categories have the id {number}")
        thing = record.get("isthing")
        if thing not in (None, 0, 1):
            raise ValueError(f"{where}: 'isthing' must be 0 or 1, got {thing!r}")
        kinds[number] = None if thing is None else "object" if thing else "stuff"
    return kinds


def _segments(record: Any, kinds: dict[int, str | None], where: str) -> dict[int, tuple[str | None, bool]]:
    """Kind of each segment and whether it is a crowd, by segment id."""
    segments: dict[int, tuple[str | None, bool]] = {}
    for place, segment in enumerate(field(record, "segments_info", list, where)):
        here = f"{where}, segment {place}"
        number = field(segment, "id", int, here)
        category = field(segment, "category_id", int, here)
        if number == VOID:
            raise ValueError(f"{here}: the id {VOID} is that of pixels without a segment")
        if number in segments:
            raise ValueError(f"{where}: two segments have the id {number}")
        if category not in kinds:
            raise ValueError(f"{here}: category {category} is not listed")
        segments[number] = kinds[category], segment.get("iscrowd") in (1, True)
    return segments
