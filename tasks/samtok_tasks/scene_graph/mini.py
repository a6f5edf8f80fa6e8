"""PSG's file: segments in panoptic PNGs, and on which side of the one nearest to it each object is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samtok_bench import rle
from samtok_tasks.mini.meaning import SIDES, related
from samtok_tasks.mini.picture import IMAGE_FOLDER, SIZE, MiniPicture
from samtok_tasks.mini.scene import Mask, Scene
from samtok_tasks.mini.scene_masks import background
from samtok_tasks.mini.shapes import SHAPES
from samtok_tasks.mini.textures import BACKGROUNDS

HASH = "c1a3796c4bcb652f4cd4b2eb0551d3957b628135b52d8fd234c4b6e4efdcd4ee"

FOLDER = IMAGE_FOLDER.split("/")[-1]
STUFF = tuple(f"{name} background" for name in BACKGROUNDS)


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`psg/psg.json`, whose test images are all but train's, and `annotations/panoptic_train2014/`."""
    made: dict[str, Any] = {
        "psg/psg.json": {
            "data": [_record(picture) for picture in pictures],
            "thing_classes": list(SHAPES),
            "stuff_classes": list(STUFF),
            "predicate_classes": list(SIDES),
            "test_image_ids": [str(picture.image_id) for picture in pictures if picture.split != "train"],
        }
    }
    return made | {f"annotations/{_png(picture)}": _colours(picture.scene) for picture in pictures}


def relations(scene: Scene) -> list[tuple[int, int, int]]:
    """Subject, object and number of the predicate, only what is clear: each object, from left to right, with
    the one nearest to it.
    """
    return [
        (item.index, near.index, number)
        for item in sorted(scene.objects, key=lambda item: item.box)
        for near in related(scene.objects, "nearest to", item) or ()
        for number, side in enumerate(SIDES)
        if related([item, near], side, near)
    ]


def _record(picture: MiniPicture) -> dict[str, Any]:
    scene = picture.scene
    kinds = [SHAPES.index(item.shape) for item in scene.objects]
    kinds.append(len(SHAPES) + BACKGROUNDS.index(scene.background))
    segments, annotations = [], []
    for place, (kind, mask) in enumerate(zip(kinds, _masks(scene), strict=True)):
        packed = rle.encode(mask)
        thing, area = int(kind < len(SHAPES)), rle.area(packed)
        segments.append({"id": _id(place), "category_id": kind, "iscrowd": 0, "isthing": thing, "area": area})
        annotations.append({"bbox": list(rle.box(packed)), "bbox_mode": 0, "category_id": kind})
    return {
        "file_name": f"{FOLDER}/{picture.file_name}",
        "pan_seg_file_name": _png(picture),
        "height": SIZE,
        "width": SIZE,
        "image_id": str(picture.image_id),
        "coco_image_id": str(picture.image_id),
        "segments_info": segments,
        "annotations": annotations,
        "relations": [list(relation) for relation in relations(scene)],
    }


def _masks(scene: Scene) -> list[Mask]:
    """The objects in their order, then the background."""
    return [*(item.mask for item in scene.objects), background(scene)]


def _id(place: int) -> int:
    """As in COCO's PNGs, above one byte."""
    return 1000 * (place + 1)


def _png(picture: MiniPicture) -> str:
    return f"panoptic_{FOLDER}/{picture.file_name.removesuffix('.jpg')}.png"


def _colours(scene: Scene) -> NDArray[np.uint8]:
    """(H, W, 3): the ids, the lowest byte first."""
    ids = np.zeros(scene.image.shape[:2], dtype=np.int64)
    for place, mask in enumerate(_masks(scene)):
        ids[mask] = _id(place)
    return np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
