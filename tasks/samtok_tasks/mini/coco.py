"""Instances files in COCO's form, as several benchmarks have them."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_tasks.mini.outlines import polygons
from samtok_tasks.mini.picture import SIZE, MiniPicture, category
from samtok_tasks.mini.scene import Mask
from samtok_tasks.mini.shapes import SHAPES


def instances(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """Every object, of its shape's category."""
    annotations = [
        annotation(picture.annotation_id(item.index), picture, category(item.shape), item.mask)
        for picture in pictures
        for item in picture.scene.objects
    ]
    categories = [{"id": category(name), "name": name, "supercategory": "shape"} for name in SHAPES]
    return instances_file(pictures, annotations, categories)


def instances_file(
    pictures: Sequence[MiniPicture], annotations: list[dict[str, Any]], categories: list[dict[str, Any]]
) -> dict[str, Any]:
    """The content of an instances file."""
    images = [
        {"id": picture.image_id, "file_name": picture.file_name, "height": SIZE, "width": SIZE}
        for picture in pictures
    ]
    return {
        "info": {"description": "mini, generated scenes"},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def annotation(
    id: int, picture: MiniPicture, category: int, mask: Mask, *, compressed: bool = False
) -> dict[str, Any]:
    """A mask's record, as polygons like all of COCO's that are no crowds, or as compressed run lengths."""
    packed = rle.encode(mask)
    x0, y0, x1, y1 = rle.box(packed)
    return {
        "id": id,
        "image_id": picture.image_id,
        "category_id": category,
        "iscrowd": 0,
        "area": rle.area(packed),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "segmentation": packed if compressed else polygons(mask),
    }
