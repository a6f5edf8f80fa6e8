"""COCO panoptic segmentation: a JSON file, and a PNG for each image with its segments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from samtok_bench import rle
from samtok_tasks.formats.annotated_masks import AnnotatedMask, AnnotatedMasks, numbered_key
from samtok_tasks.formats.coco import Crowd, nested_name, parse_images
from samtok_tasks.formats.files import PathBelow, Record, read_json, read_part, require_file
from samtok_tasks.formats.images import find_images
from samtok_tasks.formats.panoptic import VOID, read_ids

LAYOUT = (
    "Expected below the data root: annotations/panoptic_{split}.json, its PNGs in "
    "annotations/panoptic_{split}/ or panoptic_{split}/ and the images in {split}/ or images/{split}/ "
    "(cocodataset.org)."
)

Segments = dict[int, tuple[str | None, bool]]
"""Kind of each segment and whether it is a crowd, by segment id."""


class _Category(Record):
    id: int
    isthing: Literal[0, 1] | None = None

    @property
    def kind(self) -> str | None:
        """What its segments are; None where the file does not say."""
        return None if self.isthing is None else "object" if self.isthing else "stuff"


class _Segment(Record):
    id: Annotated[int, Field(gt=VOID)]
    category_id: int
    iscrowd: Crowd = False


class _Annotation(Record):
    image_id: int
    file_name: PathBelow
    segments_info: list[_Segment]


def locate_panoptic(root: Path, split: str) -> tuple[Path, Path]:
    """The JSON file of a split and the folder of its PNGs."""
    layout = LAYOUT.format(split=split)
    path = require_file(root / f"annotations/panoptic_{split}.json", layout)
    folders = [root / f"annotations/panoptic_{split}", root / f"panoptic_{split}"]
    pngs = next((folder for folder in folders if folder.is_dir()), None)
    if pngs is None:
        raise FileNotFoundError(f"{folders[0]} is missing. {layout}")
    return path, pngs


def read_panoptic(root: Path, split: str) -> AnnotatedMasks:
    """Read the segments of COCO panoptic; crowds are left out. Things are objects, the rest is stuff.

    Segments whose PNG is missing, unreadable or of another size than the image are counted, and so are
    segments that the PNG does not hold and ids in it that are not listed.

    Args:
        root: the data root.
        split: as in the file's name, such as val2017.
    """
    path, pngs = locate_panoptic(root, split)
    content = read_json(path)
    images = parse_images(path, content, nested_name)
    kinds: dict[int, str | None] = {}
    for _, category in read_part(content, "categories", _Category, path, "category"):
        if category.id in kinds:
            raise ValueError(f"{path}: two categories have the id {category.id}")
        kinds[category.id] = category.kind
    first = next((image.file_name for image in images.values()), None)
    folder = find_images([root / split, root / "images" / split], first)
    masks = AnnotatedMasks()
    seen: set[int] = set()
    for where, annotation in read_part(content, "annotations", _Annotation, path, "annotation"):
        number = annotation.image_id
        if number not in images:
            raise ValueError(f"{where}: it is on image {number}, not listed")
        if number in seen:
            raise ValueError(f"{where}: it is the second of image {number}")
        seen.add(number)
        image = images[number]
        png, file = pngs / annotation.file_name, folder / image.file_name
        size = image.height, image.width
        segments = _segments(annotation, kinds, where)
        keys = {id: numbered_key(image.file_name, id) for id in segments}
        _collect(masks, f"{path}: image {number}", png, file, size, segments, keys)
    return masks


def _segments(annotation: _Annotation, kinds: dict[int, str | None], where: str) -> Segments:
    segments: Segments = {}
    for place, segment in enumerate(annotation.segments_info):
        if segment.id in segments:
            raise ValueError(f"{where}: two segments have the id {segment.id}")
        if segment.category_id not in kinds:
            raise ValueError(f"{where}, segment {place}: category {segment.category_id} is not listed")
        segments[segment.id] = kinds[segment.category_id], segment.iscrowd
    return segments


def _collect(
    masks: AnnotatedMasks,
    where: str,
    png: Path,
    file: Path,
    size: tuple[int, int],
    segments: Segments,
    keys: Mapping[int, str],
) -> None:
    """Cut the PNG of one image into its segments; `keys` are those of the masks by segment id."""
    reason, details, count = "", "", masks.dropped.lose
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
            count = masks.dropped.add
    held = set() if reason else set(np.unique(ids).tolist()) - {VOID}
    for number, (kind, crowd) in segments.items():
        place = f"{where}: segment {number}"
        if crowd:
            masks.dropped.add("crowds", place)
        elif reason:
            count(reason, place, details)
        elif number not in held:
            masks.dropped.add("segments not in the PNG", place, f"{png} has no pixel of it")
        else:
            masks.keep(place, AnnotatedMask(keys[number], file, rle.encode(ids == number), kind))
    for number in sorted(held - set(segments)):
        unknown = f"{png} has pixels of {number}, which is not in segments_info"
        masks.dropped.add("ids not listed", where, unknown)
