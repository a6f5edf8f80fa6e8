"""COCO instances files: images, and annotations with their masks."""

from collections import Counter
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

from samtok_bench.metrics import rle
from samtok_bench.metrics.rle import RLE
from samtok_tasks.formats.files import field, read_json

MAX_SIDE = 1 << 16


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


@dataclass(frozen=True)
class Instances:
    """An instances file."""

    path: Path
    images: dict[int, CocoImage]
    annotations: dict[int, CocoAnnotation]
    dropped: Counter[str]
    """What was left out: "polygons" with fewer than three points or half a point (the official
    loaders skip them too), and "empty annotations", whose mask has nothing left."""

    def mask(self, annotation_id: int) -> RLE:
        """The mask of an annotation: the union of its polygons.

        Raises:
            ValueError: there is no such annotation, or its segmentation is broken.
        """
        annotation = self.annotations.get(annotation_id)
        if annotation is None:
            raise ValueError(f"{self.path}: there is no annotation {annotation_id}")
        image = self.images[annotation.image_id]
        try:
            return rle.from_segmentation(annotation.segmentation, image.height, image.width)
        except ValueError as error:
            raise ValueError(f"{self.path}: annotation {annotation_id}: {error}") from None


def read_instances(path: Path) -> Instances:
    """Read an instances file. Masks are converted when they are asked for.

    Raises:
        ValueError: names the file and the record that is broken.
        OSError: the file cannot be read.
    """
    content = read_json(path)
    images: dict[int, CocoImage] = {}
    for place, record in enumerate(field(content, "images", list, str(path))):
        image = _image(record, f"{path}: image {place}")
        if image.id in images:
            raise ValueError(f"{path}: two images have the id {image.id}")
        images[image.id] = image
    annotations: dict[int, CocoAnnotation] = {}
    dropped: Counter[str] = Counter()
    for place, record in enumerate(field(content, "annotations", list, str(path))):
        annotation = _annotation(record, f"{path}: annotation {place}", dropped)
        if annotation.id in annotations:
            raise ValueError(f"{path}: two annotations have the id {annotation.id}")
        if annotation.image_id not in images:
            raise ValueError(
                f"{path}: annotation {annotation.id} is on image {annotation.image_id}, not listed"
            )
        annotations[annotation.id] = annotation
    return Instances(path, images, annotations, dropped)


def _image(record: Any, where: str) -> CocoImage:
    image = CocoImage(
        id=field(record, "id", int, where),
        file_name=field(record, "file_name", str, where),
        height=field(record, "height", int, where),
        width=field(record, "width", int, where),
    )
    if not (0 < image.height <= MAX_SIDE and 0 < image.width <= MAX_SIDE):
        raise ValueError(f"{where}: impossible size, height {image.height}, width {image.width}")
    if Path(image.file_name).name != image.file_name or image.file_name in ("", ".", ".."):
        raise ValueError(f"{where}: file_name must be a plain name, got {image.file_name!r}")
    return image


def _annotation(record: Any, where: str, dropped: Counter[str]) -> CocoAnnotation:
    segmentation: Any = field(record, "segmentation", object, where)
    if isinstance(segmentation, list):
        usable = [
            polygon
            for polygon in segmentation
            if not isinstance(polygon, list) or (len(polygon) >= 6 and len(polygon) % 2 == 0)
        ]
        dropped["polygons"] += len(segmentation) - len(usable)
        dropped["empty annotations"] += not usable
        segmentation = usable
    return CocoAnnotation(
        id=field(record, "id", int, where),
        image_id=field(record, "image_id", int, where),
        category_id=field(record, "category_id", int, where),
        iscrowd=isinstance(record, dict) and record.get("iscrowd") in (1, True),
        segmentation=segmentation,
    )
