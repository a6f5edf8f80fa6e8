"""Panoptic scene graphs (PSG): segments of COCO panoptic PNGs, and the relations between them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import Side
from samtok_tasks.formats.files import PathBelow, Record, parse, read_json, require_file
from samtok_tasks.formats.images import find_images
from samtok_tasks.formats.panoptic import read_ids

LAYOUT = (
    "Expected below the data root: psg/psg.json (github.com/Jingkang50/OpenPSG), COCO's images as its "
    "`file_name` says below coco/ or images/, and COCO's panoptic PNGs as its `pan_seg_file_name` says below "
    "coco/, coco/annotations/ or annotations/ (cocodataset.org)."
)
SPLITS = ("test", "train")
IMAGE_FOLDERS = ("coco", "images")
PNG_FOLDERS = ("coco", "coco/annotations", "annotations")

Relation = tuple[int, int, int]
"""Subject, object and predicate by number."""


@dataclass(frozen=True)
class Segment:
    """One region of an image."""

    label: str
    mask: RLE
    """Of the image's size; empty where the PNG has no pixel of it."""


@dataclass(frozen=True)
class PsgImage:
    """One image with its graph."""

    image_id: str
    """PSG's own, not COCO's."""
    image: Path
    """Where the image must be; it was not opened."""
    height: int
    width: int
    segments: tuple[Segment, ...]
    """In the file's order; crowds too, as in the official loader."""
    relations: tuple[Relation, ...]
    """At least one, each once: places of subject and object among the segments, whose masks are not empty,
    and of the predicate among the predicates.
    """


@dataclass(frozen=True)
class PsgData:
    """A split."""

    images: tuple[PsgImage, ...]
    things: tuple[str, ...]
    stuff: tuple[str, ...]
    predicates: tuple[str, ...]
    dropped: Dropped
    """Images without relations, and repeated relations (both as in the official loader); images whose PNG
    cannot be used, second records of an image, and relations of segments without a pixel.
    """


def _image_id(value: Any) -> str:
    """PSG writes ids as text; numbers pass."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"an image id is text, got {type(value).__name__}")
    return str(value)


def _name(text: str) -> str:
    if text != text.strip() or not text.isprintable() or not text:
        raise ValueError(f"expected a name, got {text!r}")
    return text


def _different(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError("a name comes twice")
    return names


ImageId = Annotated[str, BeforeValidator(_image_id)]
ClassNames = Annotated[list[Annotated[str, AfterValidator(_name)]], AfterValidator(_different)]
Place = Annotated[int, Field(ge=0)]


class _SegmentRecord(Record):
    id: int
    category_id: Place


class _ImageRecord(Record):
    image_id: ImageId
    height: Side
    width: Side
    file_name: PathBelow
    pan_seg_file_name: PathBelow
    segments_info: list[_SegmentRecord]
    relations: list[Annotated[list[Place], Field(min_length=3, max_length=3)]]


class _File(Record):
    data: list[Any]
    thing_classes: ClassNames
    stuff_classes: ClassNames
    predicate_classes: ClassNames
    test_image_ids: list[ImageId]


def locate_psg(root: Path) -> Path:
    """The file with the graphs."""
    return require_file(root / "psg" / "psg.json", LAYOUT)


def image_folder(root: Path, name: str | None = None) -> Path:
    """The folder below which the images lie; `name` is the path of one of them."""
    return find_images([root / folder for folder in IMAGE_FOLDERS], name)


def require_images(root: Path) -> None:
    """FileNotFoundError where no images are below their folder."""
    folder = image_folder(root)
    if not any(folder.glob("*/*.jpg")):
        raise FileNotFoundError(f"no images below {folder}")


def read_psg(root: Path, split: str) -> PsgData:
    """Read the graphs of a split: `test` is what `test_image_ids` names, `train` all else.

    Raises:
        ValueError: an unknown split; a broken file or record.
    """
    if split not in SPLITS:
        raise ValueError(f"PSG has no split {split!r}; there are {', '.join(SPLITS)}")
    path = locate_psg(root)
    content = parse(_File, read_json(path), str(path))
    labels, dropped = content.thing_classes + content.stuff_classes, Dropped()
    records = _records(path, content, split, dropped)
    images = tuple(_images(root, records, labels, dropped))
    things, stuff = tuple(content.thing_classes), tuple(content.stuff_classes)
    return PsgData(images, things, stuff, tuple(content.predicate_classes), dropped)


def _records(path: Path, content: _File, split: str, dropped: Dropped) -> Iterator[tuple[str, _ImageRecord]]:
    """The records of a split with their places; all of the file are checked."""
    labels = len(content.thing_classes) + len(content.stuff_classes)
    test, seen = set(content.test_image_ids), set[str]()
    for number, raw in enumerate(content.data):
        where = f"{path}: record {number}"
        record = parse(_ImageRecord, raw, where)
        _check_numbers(record, labels, len(content.predicate_classes), where)
        if (record.image_id in test) != (split == "test"):
            continue
        if record.image_id in seen:
            dropped.add("second records of an image", where)
        elif not record.relations:
            dropped.add("images without relations", where)
        else:
            seen.add(record.image_id)
            yield where, record


def _check_numbers(record: _ImageRecord, labels: int, predicates: int, where: str) -> None:
    """ValueError where a segment or a relation names what is not there."""
    for place, segment in enumerate(record.segments_info):
        if segment.category_id >= labels:
            raise ValueError(
                f"{where}, segment {place}: there are {labels} classes, not one numbered "
                f"{segment.category_id}"
            )
    segments = len(record.segments_info)
    for place, (subject, object, predicate) in enumerate(record.relations):
        if max(subject, object) >= segments or predicate >= predicates:
            raise ValueError(
                f"{where}, relation {place}: {[subject, object, predicate]} names more than the "
                f"{segments} segments and {predicates} predicates there are"
            )


def _images(
    root: Path, records: Iterable[tuple[str, _ImageRecord]], labels: Sequence[str], dropped: Dropped
) -> Iterator[PsgImage]:
    """The images with their masks; one whose PNG leaves it no relation is left out."""
    pngs: Path | None = None
    for where, record in records:
        if pngs is None:  # the first record tells where all files are
            pngs = find_images([root / folder for folder in PNG_FOLDERS], record.pan_seg_file_name)
            images = image_folder(root, record.file_name)
        masks = _masks(pngs / record.pan_seg_file_name, record, where, dropped)
        relations = _usable_relations(record, masks, where, dropped) if masks else ()
        if not relations:
            continue
        segments = tuple(
            Segment(labels[segment.category_id], mask)
            for segment, mask in zip(record.segments_info, masks, strict=True)
        )
        image = images / record.file_name
        yield PsgImage(record.image_id, image, record.height, record.width, segments, relations)


def _masks(png: Path, record: _ImageRecord, where: str, dropped: Dropped) -> list[RLE]:
    """The mask of each segment; none where the PNG cannot be used."""
    size = (record.height, record.width)
    try:
        ids = read_ids(png)
    except FileNotFoundError:
        dropped.lose("images without a PNG", where, f"{png} is missing")
    except ValueError as error:
        dropped.lose("images with an unreadable PNG", where, str(error))
    else:
        if ids.shape == size:
            return [rle.encode(np.equal(ids, segment.id)) for segment in record.segments_info]
        details = f"{png} is {ids.shape} pixels (height, width), the image {size}"
        dropped.add("images with a PNG of another size", where, details)
    return []


def _usable_relations(
    record: _ImageRecord, masks: Sequence[RLE], where: str, dropped: Dropped
) -> tuple[Relation, ...]:
    """The relations that count, each once."""
    usable: dict[Relation, None] = {}
    for place, (subject, object, predicate) in enumerate(record.relations):
        relation, here = (subject, object, predicate), f"{where}, relation {place}"
        if rle.is_empty(masks[subject]) or rle.is_empty(masks[object]):
            dropped.add("relations of segments not in the PNG", here)
        elif relation in usable:
            dropped.add("repeated relations", here)
        else:
            usable[relation] = None
    return tuple(usable)
