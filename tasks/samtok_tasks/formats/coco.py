"""COCO instances files: images, and annotations with their masks."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.files import Record, field, path_below, read_json

MAX_SIDE = (1 << 16) - 1
"""Of an image, pixels; run lengths are counted in 32 bits."""
Side = Annotated[int, Field(gt=0, le=MAX_SIDE)]
"""Height or width of an image, pixels."""
REGION = "region"
"""The supercategory of categories that say what kind of region a mask is (mini's), not what is in it."""


class StatedSize(Record):
    """Run lengths by their size alone."""

    size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    """[height, width], pixels."""


@dataclass(frozen=True)
class CocoImage:
    """An image's record; the file itself is not opened."""

    id: int
    file_name: str
    height: int
    width: int


@dataclass(frozen=True)
class CocoAnnotation:
    """One instance."""

    id: int
    image_id: int
    category_id: int
    iscrowd: bool
    segmentation: Any = dataclass_field(repr=False)
    """As in the file; unusable polygons are already taken out."""
    unusable_polygons: int = 0
    """How many were taken out."""


@dataclass(frozen=True)
class Instances:
    """An instances file."""

    path: Path
    images: dict[int, CocoImage]
    annotations: dict[int, CocoAnnotation]
    dropped: Dropped
    """What was left out: "polygons" with fewer than three points or half a point (the official
    loaders skip them too), and "empty annotations", whose mask has nothing left."""
    kinds: dict[int, str] = dataclass_field(default_factory=dict)
    """The names of the categories whose supercategory is REGION, by id."""

    def mask(self, annotation_id: int) -> RLE:
        """The mask of an annotation: the union of its polygons; ValueError if it is not there, or broken."""
        annotation = self.annotations.get(annotation_id)
        if annotation is None:
            raise ValueError(f"{self.path}: there is no annotation {annotation_id}")
        image = self.images[annotation.image_id]
        size = image.height, image.width
        return read_mask(annotation.segmentation, size, f"{self.path}: annotation {annotation_id}")


def read_mask(segmentation: Any, size: tuple[int, int], where: str) -> RLE:
    """An annotation's mask, of an image (height, width); ValueError says where it is broken."""
    try:
        return rle.from_segmentation(segmentation, *size)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def plain_name(record: Any, where: str) -> str:
    """The `file_name` of an image's record; ValueError if it names a folder."""
    name = field(record, "file_name", str, where)
    if Path(name).name != name or name in ("", ".", ".."):
        raise ValueError(f"{where}: file_name must be a plain name, got {name!r}")
    return name


def nested_name(record: Any, where: str) -> str:
    """The `file_name` of an image's record, which may be a path; ValueError if it leaves the image folder."""
    return path_below(record, "file_name", where)


def read_instances(
    path: Path, name_of: Callable[[Any, str], str] = plain_name, content: Any = None
) -> Instances:
    """Read an instances file. Masks are converted when they are asked for.

    Args:
        path: the file.
        name_of: gives the file name of an image's record; the second argument is its place, for messages.
        content: of the file, if it is read already.
    """
    content = read_json(path) if content is None else content
    images = parse_images(path, content, name_of)
    annotations: dict[int, CocoAnnotation] = {}
    dropped = Dropped()
    for place, record in enumerate(field(content, "annotations", list, str(path))):
        annotation = _annotation(record, f"{path}: annotation {place}", dropped)
        if annotation.id in annotations:
            raise ValueError(f"{path}: two annotations have the id {annotation.id}")
        if annotation.image_id not in images:
            raise ValueError(
                f"{path}: annotation {annotation.id} is on image {annotation.image_id}, not listed"
            )
        annotations[annotation.id] = annotation
    return Instances(path, images, annotations, dropped, _kinds(path, content))


def parse_images(path: Path, content: Any, name_of: Callable[[Any, str], str]) -> dict[int, CocoImage]:
    """The `images` of a COCO file, by id."""
    images: dict[int, CocoImage] = {}
    for place, record in enumerate(field(content, "images", list, str(path))):
        where = f"{path}: image {place}"
        number = field(record, "id", int, where)
        height, width = parse_size(record, where)
        if number in images:
            raise ValueError(f"{path}: two images have the id {number}")
        images[number] = CocoImage(number, name_of(record, where), height, width)
    return images


def parse_size(record: Any, where: str) -> tuple[int, int]:
    """Height and width in pixels, from an image's record; ValueError unless they are 1 to MAX_SIDE."""
    height, width = field(record, "height", int, where), field(record, "width", int, where)
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise ValueError(f"{where}: impossible size, height {height}, width {width}")
    return height, width


def _kinds(path: Path, content: dict[str, Any]) -> dict[int, str]:
    kinds: dict[int, str] = {}
    records = field(content, "categories", list, str(path)) if "categories" in content else []
    for place, record in enumerate(records):
        if isinstance(record, dict) and record.get("supercategory") == REGION:
            where = f"{path}: category {place}"
            kinds[field(record, "id", int, where)] = field(record, "name", str, where)
    return kinds


def _annotation(record: Any, where: str, dropped: Dropped) -> CocoAnnotation:
    segmentation: Any = field(record, "segmentation", object, where)
    unusable = 0
    if isinstance(segmentation, list):
        usable = [
            polygon
            for polygon in segmentation
            if not isinstance(polygon, list) or (len(polygon) >= 6 and len(polygon) % 2 == 0)
        ]
        unusable = len(segmentation) - len(usable)
        dropped.add("polygons", where, count=unusable)
        dropped.add("empty annotations", where, count=not usable)
        segmentation = usable
    return CocoAnnotation(
        id=field(record, "id", int, where),
        image_id=field(record, "image_id", int, where),
        category_id=field(record, "category_id", int, where),
        iscrowd=isinstance(record, dict) and record.get("iscrowd") in (1, True),
        segmentation=segmentation,
        unusable_polygons=unusable,
    )
