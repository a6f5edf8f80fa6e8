"""Panoptic scene graphs (PSG): segments of COCO panoptic PNGs, and the relations between them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.formats.coco import nested_name, parse_size
from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.panoptic import read_ids
from samtok_tasks.formats.region_masks import find_images

LAYOUT = (
    "Expected below the data root: psg/psg.json (github.com/Jingkang50/OpenPSG), COCO's images as its "
    "`file_name` says below coco/ or images/, and COCO's panoptic PNGs as its `pan_seg_file_name` says below "
    "coco/, coco/annotations/ or annotations/ (cocodataset.org)."
)
SPLITS = ("test", "train")
IMAGE_FOLDERS = ("coco", "images")
PNG_FOLDERS = ("coco", "coco/annotations", "annotations")


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
    relations: tuple[tuple[int, int, int], ...]
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
    dropped: Mapping[str, int]
    """What was left out, by reason: images without relations, and repeated relations (both as in the official
    loader); images whose PNG cannot be used, second records of an image, and relations of segments without a
    pixel.
    """
    first: Mapping[str, str]
    """The first place of each reason."""


def locate_psg(root: Path) -> Path:
    """The file with the graphs.

    Raises:
        FileNotFoundError: with the layout.
    """
    return require_file(root / "psg" / "psg.json", LAYOUT)


def image_folder(root: Path, name: str | None = None) -> Path:
    """The folder below which the images lie; `name` is the path of one of them."""
    return find_images([root / folder for folder in IMAGE_FOLDERS], name)


def read_psg(root: Path, split: str) -> PsgData:
    """Read the graphs of a split: `test` is what `test_image_ids` names, `train` all else.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: an unknown split; a broken file or record.
    """
    if split not in SPLITS:
        raise ValueError(f"PSG has no split {split!r}; there are {', '.join(SPLITS)}")
    path = locate_psg(root)
    content = read_json(path)
    things, stuff, predicates = (
        _names(content, name, path) for name in ("thing_classes", "stuff_classes", "predicate_classes")
    )
    test = {_id(one, f"{path}: test_image_ids") for one in field(content, "test_image_ids", list, str(path))}
    reader = _Reader(path, root, things + stuff, predicates)
    images = [
        image
        for place, record in enumerate(field(content, "data", list, str(path)))
        if (image := reader.read(record, f"{path}: record {place}", test, split == "test")) is not None
    ]
    return PsgData(tuple(images), things, stuff, predicates, reader.dropped, reader.first)


class _Reader:
    """Reads records and counts what is left out."""

    def __init__(self, path: Path, root: Path, labels: tuple[str, ...], predicates: tuple[str, ...]) -> None:
        self.path, self.root, self.labels, self.predicates = path, root, labels, predicates
        self.dropped: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self._seen: set[str] = set()
        self._folders: tuple[Path, Path] | None = None

    def read(self, record: Any, where: str, test: set[str], wanted: bool) -> PsgImage | None:
        """The image of a record; None where it is of the other split or left out."""
        image_id = _id(field(record, "image_id", object, where), where)
        height, width = parse_size(record, where)
        name, png = nested_name(record, where), path_below(record, "pan_seg_file_name", where)
        segments = self._segments(record, where)
        relations = self._relations(record, len(segments), where)
        if (image_id in test) != wanted:
            return None
        if image_id in self._seen:
            self._drop("second records of an image", where)
        elif not relations:
            self._drop("images without relations", where)
        else:
            return self._image(image_id, (height, width), name, png, segments, relations, where)
        return None

    def _image(
        self,
        image_id: str,
        size: tuple[int, int],
        name: str,
        png: str,
        segments: list[tuple[int, int]],
        relations: list[tuple[int, int, int]],
        where: str,
    ) -> PsgImage | None:
        self._seen.add(image_id)
        images, pngs = self._where(name, png)
        masks = self._masks(pngs / png, size, segments, where)
        kept = self._kept(relations, masks, where) if masks else ()
        if not masks or not kept:
            return None
        regions = [Segment(self.labels[kind], mask) for (_, kind), mask in zip(segments, masks, strict=True)]
        return PsgImage(image_id, images / name, *size, tuple(regions), kept)

    def _drop(self, reason: str, where: str, details: str = "") -> None:
        self.dropped[reason] += 1
        self.first.setdefault(reason, f"{where}: {details}" if details else where)

    def _where(self, name: str, png: str) -> tuple[Path, Path]:
        """The folders of images and PNGs, found by the first of each."""
        if self._folders is None:
            pngs = find_images([self.root / folder for folder in PNG_FOLDERS], png)
            self._folders = image_folder(self.root, name), pngs
        return self._folders

    def _segments(self, record: Any, where: str) -> list[tuple[int, int]]:
        """Id in the PNG and category of each."""
        segments: list[tuple[int, int]] = []
        for place, segment in enumerate(field(record, "segments_info", list, where)):
            here = f"{where}, segment {place}"
            kind = field(segment, "category_id", int, here)
            if not 0 <= kind < len(self.labels):
                raise ValueError(f"{here}: there are {len(self.labels)} classes, not one numbered {kind}")
            segments.append((field(segment, "id", int, here), kind))
        return segments

    def _relations(self, record: Any, segments: int, where: str) -> list[tuple[int, int, int]]:
        relations: list[tuple[int, int, int]] = []
        for place, relation in enumerate(field(record, "relations", list, where)):
            here = f"{where}, relation {place}"
            if not isinstance(relation, list) or len(relation) != 3 or not all(map(_is_place, relation)):
                raise ValueError(f"{here}: expected three numbers, subject, object and predicate")
            subject, object, predicate = relation
            if max(subject, object) >= segments or predicate >= len(self.predicates):
                raise ValueError(
                    f"{here}: {relation} names more than the {segments} segments and "
                    f"{len(self.predicates)} predicates there are"
                )
            relations.append((subject, object, predicate))
        return relations

    def _masks(
        self, png: Path, size: tuple[int, int], segments: list[tuple[int, int]], where: str
    ) -> list[RLE] | None:
        """The mask of each segment, or None where the PNG cannot be used."""
        try:
            ids = read_ids(png)
        except FileNotFoundError:
            self._drop("images without a PNG", where, f"{png} is missing")
        except ValueError as error:
            self._drop("images with an unreadable PNG", where, str(error))
        else:
            if ids.shape == size:
                return [rle.encode(np.equal(ids, number)) for number, _ in segments]
            details = f"{png} is {ids.shape} pixels (height, width), the image {size}"
            self._drop("images with a PNG of another size", where, details)
        return None

    def _kept(
        self, relations: list[tuple[int, int, int]], masks: list[RLE], where: str
    ) -> tuple[tuple[int, int, int], ...]:
        """The relations that count, each once."""
        kept: dict[tuple[int, int, int], None] = {}
        for place, relation in enumerate(relations):
            if any(rle.is_empty(masks[segment]) for segment in relation[:2]):
                self._drop("relations of segments not in the PNG", f"{where}, relation {place}")
            elif relation in kept:
                self._drop("repeated relations", f"{where}, relation {place}")
            else:
                kept[relation] = None
        return tuple(kept)


def _names(content: Any, name: str, path: Path) -> tuple[str, ...]:
    """A list of different names."""
    names = field(content, name, list, str(path))
    for place, one in enumerate(names):
        if not isinstance(one, str) or one != one.strip() or not one.isprintable() or not one:
            raise ValueError(f"{path}: {name}, place {place}: expected a name, got {one!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: {name} has a name twice")
    return tuple(names)


def _id(value: Any, where: str) -> str:
    """PSG writes ids as text; numbers pass."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"{where}: an image id is text, got {type(value).__name__}")
    return str(value)


def _is_place(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
