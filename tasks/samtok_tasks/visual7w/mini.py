"""Visual7W's pointing questions: which of four boxes an expression means."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from samtok_bench import rle
from samtok_tasks.grounding_suite.mini import with_article
from samtok_tasks.mini.picture import IMAGE_FOLDER, MiniPicture
from samtok_tasks.mini.scene import SceneObject

HASH = "e2c8ce8ecf69e285099e1330b3efd845e2377bcd857fd185a449e0c1664395d5"

FOLDER = IMAGE_FOLDER.split("/")[-1]
SPLITS = {"train": "train", "val": "val", "testA": "test", "testB": "test"}
"""The file's splits by those of the pictures."""
WRONG = 3
_STREAM = 8
"""Tells the draws of this file from those of others about the same scene."""


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`visual7w/dataset_v7w_pointing.json`: a question for each expression with one target, in pictures with
    three other objects.
    """
    asked = [picture for picture in pictures if len(picture.scene.objects) > WRONG]
    images = [_image(picture) for picture in asked]
    if not any(image["qa_pairs"] for image in images):
        return {}
    boxes = [_box(picture, item) for picture in asked for item in picture.scene.objects]
    content = {"dataset": "visual7w", "version": "mini", "images": images, "boxes": boxes}
    return {"visual7w/dataset_v7w_pointing.json": content}


def _image(picture: MiniPicture) -> dict[str, Any]:
    rng = np.random.default_rng((picture.scene.seed, _STREAM))
    pairs = []
    for place, expression in enumerate(picture.expressions):
        if len(expression.targets) != 1:
            continue
        (right,) = expression.targets
        others = [item.index for item in picture.scene.objects if item.index != right]
        wrong = sorted(int(k) for k in rng.permutation(others)[:WRONG])
        pairs.append(
            {
                "image_id": picture.image_id,
                "qa_id": picture.image_id * 100 + place,
                "question": f"Which object is {with_article(expression)}?",
                "answer": picture.annotation_id(right),
                "multiple_choices": [picture.annotation_id(index) for index in wrong],
                "type": "which",
            }
        )
    return {
        "image_id": picture.image_id,
        "split": SPLITS[picture.split],
        "filename": f"{FOLDER}/{picture.file_name}",
        "qa_pairs": pairs,
    }


def _box(picture: MiniPicture, item: SceneObject) -> dict[str, Any]:
    x0, y0, x1, y1 = rle.box(rle.encode(item.mask))
    return {
        "box_id": picture.annotation_id(item.index),
        "name": item.shape,
        "x": x0,
        "y": y0,
        "width": x1 - x0,
        "height": y1 - y0,
    }
