"""Instances files in COCO's form whose annotations are masks of every kind."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from samtok_tasks.mini.coco import annotation, instances_file
from samtok_tasks.mini.picture import MiniPicture
from samtok_tasks.mini.scene_masks import KINDS, masks_of_all_kinds

HASH = "6eaf8c37c5475ab2e779589912b442e005349737d86b0cc9113bf96c8c2b2587"


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`annotations/instances_SPLIT.json`, where a mask's category is its kind."""
    return {
        f"annotations/instances_{split}.json": _instances(
            [picture for picture in pictures if picture.split == split]
        )
        for split in dict.fromkeys(picture.split for picture in pictures)
    }


def _instances(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """Masks of every kind."""
    annotations = []
    for picture in pictures:
        rng = np.random.default_rng((picture.scene.seed, 2))
        for place, (kind, mask) in enumerate(masks_of_all_kinds(rng, picture.scene)):
            annotations.append(annotation(picture.annotation_id(place), picture, 1 + KINDS.index(kind), mask))
    categories = [{"id": 1 + k, "name": kind, "supercategory": "region"} for k, kind in enumerate(KINDS)]
    return instances_file(pictures, annotations, categories)
