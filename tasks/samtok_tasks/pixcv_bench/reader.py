"""PixCV-Bench's files: the objects that questions of CV-Bench's 2D part are about, as phrases and masks.

MSiam/PixFoundation, data/pixcvbench: `FinalSegmentations.json` of COCO (805 images, 1,672 masks) and of
ADE20K, in COCO's form without sizes, and `Objects.csv` with a line for each question, which names its image
and one object or a pair of them, as `('cat', 'dog')`. Each image has one question.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from samtok_bench import rle
from samtok_bench.images import image_size
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.annotated_masks import stated_size
from samtok_tasks.formats.coco import read_mask
from samtok_tasks.formats.files import (
    PathBelow,
    Record,
    locate_any,
    read_csv,
    read_json,
    read_part,
    require_any,
    require_file,
)

FOLDER, FILE, PHRASES = "CV-Bench", "FinalSegmentations.json", "Objects.csv"
PARTS = {
    "ade20k": (("ADE20K/validation", "ADE20K"), "ADE20K/validation/images"),
    "coco": (("COCO",), "COCO/coco/images"),
}
"""By split the folders of its annotations, as the loader and as the repository has it, and of its images."""
LAYOUT = (
    f"Expected below the data root: {FOLDER}/{PHRASES}, {FOLDER}/COCO/{FILE} and "
    f"{FOLDER}/ADE20K/validation/{FILE} (data/pixcvbench of github.com/MSiam/PixFoundation), and the images "
    f"in {FOLDER}/COCO/coco/images/ and {FOLDER}/ADE20K/validation/images/ (of CV-Bench, "
    "huggingface.co/datasets/nyu-visionx/CV-Bench, by their source's names)."
)


class _Image(Record):
    id: int
    file_name: PathBelow


class _Mask(Record):
    image_id: int
    segmentation: Any = Field(repr=False)


@dataclass(frozen=True)
class AskedImage:
    """An image with the objects that its question is about."""

    image: Path
    objects: tuple[str, ...]
    """One or two names."""
    mask: RLE
    """All of their masks; empty where the image has none."""


def locate_part(root: Path, split: str) -> Path:
    """The annotations of a split, unread."""
    require_file(root / FOLDER / PHRASES, LAYOUT)
    return require_any([root / FOLDER / folder / FILE for folder in PARTS[split][0]], LAYOUT)


def locate_pixcv_bench(root: Path) -> Path:
    """The annotations of the first split that is there."""
    return locate_any(PARTS, lambda split: locate_part(root, split))


def read_pixcv_bench(root: Path, split: str) -> tuple[list[AskedImage], Dropped]:
    """The images of a split in the order of the file; those without an RLE are opened for their size."""
    path, dropped = locate_part(root, split), Dropped()
    content, phrases = read_json(path), _phrases(root / FOLDER / PHRASES)
    masks: dict[int, list[tuple[str, Any]]] = {}
    for where, mask in read_part(content, "annotations", _Mask, path, "annotation"):
        masks.setdefault(mask.image_id, []).append((where, mask.segmentation))
    found = []
    for where, record in read_part(content, "images", _Image, path, "image"):
        image = root / FOLDER / PARTS[split][1] / record.file_name
        objects = phrases.get(image.name)
        if objects is None:
            dropped.add(f"images that {PHRASES} does not name", where)
            continue
        own = masks.get(record.id, [])
        try:
            size = next(_sizes(own), None) or image_size(image)
        except ValueError as error:
            dropped.lose("images of unknown size without a readable image", where, str(error))
            continue
        try:
            drawn = [read_mask(segmentation, size, place, dropped) for place, segmentation in own]
        except ValueError as error:
            dropped.add("images with a broken mask", str(error))
            continue
        found.append(AskedImage(image, objects, rle.union(drawn, size)))
    return found, dropped


def _sizes(masks: list[tuple[str, Any]]) -> Iterator[tuple[int, int]]:
    for _, segmentation in masks:
        if size := stated_size(segmentation):
            yield size


def _phrases(path: Path) -> dict[str, tuple[str, ...]]:
    """The objects of each image, by the name of its file."""
    found = {}
    for where, row in read_csv(path, ("file", "Objects")):
        objects: Any = row["Objects"]
        if objects.startswith("("):
            try:
                objects = ast.literal_eval(objects)
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                objects = None
        else:
            objects = (objects,)
        if not isinstance(objects, tuple) or not all(isinstance(name, str) and name for name in objects):
            raise ValueError(f"{where}: 'Objects' is a name or a pair of names, got {row['Objects']!r:.80}")
        found[PurePosixPath(row["file"]).name] = objects
    return found
