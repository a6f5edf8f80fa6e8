"""Instances files in COCO's form: mini's objects, and regions of every kind."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from samtok_bench import rle
from samtok_tasks.mini.picture import SIZE, Picture, category
from samtok_tasks.mini.regions import KINDS, scene_regions
from samtok_tasks.mini.scene import SHAPES, Mask


def files(pictures: Sequence[Picture]) -> dict[str, Any]:
    """`annotations/instances_SPLIT.json` with regions, of their kind's category."""
    return {
        f"annotations/instances_{split}.json": _regions([one for one in pictures if one.split == split])
        for split in dict.fromkeys(picture.split for picture in pictures)
    }


def instances(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Every object, of its shape's category."""
    annotations = [
        annotation(picture.annotation_id(item.index), picture, category(item.shape), item.mask)
        for picture in pictures
        for item in picture.scene.objects
    ]
    categories = [{"id": category(name), "name": name, "supercategory": "shape"} for name in SHAPES]
    return _content(pictures, annotations, categories)


def _regions(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Regions of every kind, of their kind's category."""
    annotations = []
    for picture in pictures:
        rng = np.random.default_rng((picture.scene.seed, 2))
        for place, (kind, mask) in enumerate(scene_regions(rng, picture.scene)):
            annotations.append(annotation(picture.annotation_id(place), picture, 1 + KINDS.index(kind), mask))
    categories = [{"id": 1 + k, "name": kind, "supercategory": "region"} for k, kind in enumerate(KINDS)]
    return _content(pictures, annotations, categories)


def _content(
    pictures: Sequence[Picture], annotations: list[dict[str, Any]], categories: list[dict[str, Any]]
) -> dict[str, Any]:
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


def annotation(id: int, picture: Picture, category: int, mask: Mask) -> dict[str, Any]:
    packed = rle.encode(mask)
    x0, y0, x1, y1 = rle.box(packed)
    return {
        "id": id,
        "image_id": picture.image_id,
        "category_id": category,
        "iscrowd": 0,
        "area": rle.area(packed),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "segmentation": {"size": list(mask.shape), "counts": rle.run_lengths(packed).tolist()},
    }
