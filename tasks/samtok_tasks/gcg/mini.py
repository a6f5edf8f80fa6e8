"""GranD-f's files: a caption of each picture with its objects as phrases, and their masks."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from samtok_tasks.mini.coco import annotation
from samtok_tasks.mini.meaning import describe, full_name
from samtok_tasks.mini.picture import SIZE, MiniPicture
from samtok_tasks.mini.scene import SceneObject

HASH = "cd819f5958a886360c65131fee9cfbba71feb0a699a8e85ab2e8a8b4095d621b"

SPLITS = {"val": ("val",), "test": ("testA", "testB")}
"""GranD-f's splits, of mini's."""
FOLDER = "GranDf/annotations/val_test"
FRAMES = ("The picture shows {}.", "There is also {}.", "At the end there is {}.")
"""The sentences of a caption, no more than there are objects; the same for all, so that it can be learnt."""


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`SPLIT_gcg_coco_caption_gt.json` and `SPLIT_gcg_coco_mask_gt.json`; images lie where all others do."""
    made: dict[str, Any] = {}
    for split, names in SPLITS.items():
        chosen = [picture for picture in pictures if picture.split in names]
        if chosen:
            made[f"{FOLDER}/{split}_gcg_coco_caption_gt.json"] = _captions(chosen)
            made[f"{FOLDER}/{split}_gcg_coco_mask_gt.json"] = _masks(chosen)
    return made


def caption(picture: MiniPicture) -> tuple[str, list[SceneObject]]:
    """Sentences that name each object once, from left to right, and the objects in that order."""
    items = sorted(picture.scene.objects, key=lambda item: (item.centre, item.index))
    shares = min(len(items), len(FRAMES))
    cuts = [len(items) * k // shares for k in range(shares + 1)]
    parts = (items[start:end] for start, end in pairwise(cuts))
    sentences = (frame.format(_listed(part)) for frame, part in zip(FRAMES, parts, strict=False))
    return " ".join(sentences), items


def _listed(items: Sequence[SceneObject]) -> str:
    names = [describe(item) for item in items]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _image_id(picture: MiniPicture) -> str:
    return picture.file_name.removesuffix(".jpg")


def _images(pictures: Sequence[MiniPicture]) -> list[dict[str, Any]]:
    return [
        {"id": _image_id(picture), "file_name": picture.file_name, "height": SIZE, "width": SIZE}
        for picture in pictures
    ]


def _captions(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    annotations = []
    for number, picture in enumerate(pictures, start=1):
        text, items = caption(picture)
        labels = [full_name(item) for item in items]
        annotations.append({"id": number, "image_id": _image_id(picture), "caption": text, "labels": labels})
    return {"info": {}, "images": _images(pictures), "annotations": annotations}


def _masks(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    annotations = [
        annotation(picture.annotation_id(item.index), picture, 1, item.mask, compressed=True)
        | {"image_id": _image_id(picture)}
        for picture in pictures
        for item in caption(picture)[1]
    ]
    categories = [{"id": 1, "name": "object"}]
    return {"info": {}, "images": _images(pictures), "annotations": annotations, "categories": categories}
