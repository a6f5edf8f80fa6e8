"""COCO instances files: images, and annotations with their masks."""

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

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
    """As in the file, unchecked."""


@dataclass(frozen=True)
class Instances:
    """An instances file."""

    path: Path
    images: dict[int, CocoImage]
    annotations: dict[int, CocoAnnotation]
    dropped: Dropped
    """Of the masks that were asked for: polygons that are not drawn whole, and "empty annotations"."""
    kinds: dict[int, str] = dataclass_field(default_factory=dict)
    """The names of the categories whose supercategory is REGION, by id."""
    _asked: set[int] = dataclass_field(default_factory=set, repr=False)

    def mask(self, annotation_id: int) -> RLE:
        """The mask of an annotation: the union of its polygons; ValueError if it is not there, or broken.

        What is left out of it is counted when it is first asked for.
        """
        annotation = self.annotations.get(annotation_id)
        if annotation is None:
            raise ValueError(f"{self.path}: there is no annotation {annotation_id}")
        image = self.images[annotation.image_id]
        where, size = f"{self.path}: annotation {annotation_id}", (image.height, image.width)
        again = annotation_id in self._asked
        self._asked.add(annotation_id)
        dropped = Dropped() if again else self.dropped
        mask = read_mask(annotation.segmentation, size, where, dropped)
        dropped.add("empty annotations", where, count=rle.is_empty(mask))
        return mask


def read_mask(segmentation: Any, size: tuple[int, int], where: str, dropped: Dropped) -> RLE:
    """An annotation's mask, of an image (height, width); ValueError says where it is broken.

    Polygons that are not drawn whole are counted, see `rle.from_segmentation`.
    """
    try:
        return rle.from_segmentation(segmentation, *size, dropped.at(where))
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
    for place, record in enumerate(field(content, "annotations", list, str(path))):
        annotation = _annotation(record, f"{path}: annotation {place}")
        if annotation.id in annotations:
            raise ValueError(f"{path}: two annotations have the id {annotation.id}")
        if annotation.image_id not in images:
            raise ValueError(
                f"{path}: annotation {annotation.id} is on image {annotation.image_id}, not listed"
            )
        annotations[annotation.id] = annotation
    return Instances(path, images, annotations, Dropped(), _kinds(path, content))


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


def _annotation(record: Any, where: str) -> CocoAnnotation:
    segmentation: Any = field(record, "segmentation", object, where)
    try:
        iscrowd = _crowd(record.get("iscrowd", 0))
    except ValueError as error:
        raise ValueError(f"{where}: 'iscrowd' {error}") from None
    return CocoAnnotation(
        id=field(record, "id", int, where),
        image_id=field(record, "image_id", int, where),
        category_id=field(record, "category_id", int, where),
        iscrowd=iscrowd,
        segmentation=segmentation,
    )


def _crowd(value: Any) -> bool:
    if not isinstance(value, int | float) or value not in (0, 1):
        raise ValueError(f"must be 0 or 1, got {value!r:.80}")
    return bool(value)


Crowd = Annotated[bool, BeforeValidator(_crowd)]
"""Whether a region is a crowd: 0 or 1, which nothing else passes for."""
