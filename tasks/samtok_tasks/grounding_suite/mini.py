"""GroundingSuite-Eval's file: captions of single objects, groups, parts and the background."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from samtok_bench import rle
from samtok_tasks.mini.expressions import Expression
from samtok_tasks.mini.picture import IMAGE_FOLDER, MiniPicture
from samtok_tasks.mini.scene import Mask
from samtok_tasks.mini.scene_masks import HALVES, MIN_PART_PIXELS, background, half, union

HASH = "525d575feaca1dbfdf4d32e44561052c95270a00258aa22436bb84af88b9dcb0"

STUFF, PART, MULTI, SINGLE = 1, 2, 3, 4
"""Class ids."""
SPLIT = "val"
"""The pictures that are asked about: the official file has one split."""


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`GroundingSuite-Eval.jsonl`: of each picture up to one record per class."""
    records: list[dict[str, Any]] = []
    for picture in pictures:
        for class_id, label, caption, mask in _asked(picture) if picture.split == SPLIT else ():
            packed = rle.encode(mask)
            records.append(
                {
                    "idx": len(records),
                    "image_path": f"{IMAGE_FOLDER}/{picture.file_name}",
                    "class_id": class_id,
                    "label": label,
                    "caption": caption,
                    "box": [float(v) for v in rle.box(packed)],
                    "segmentation": dict(packed),
                }
            )
    return {"GroundingSuite-Eval.jsonl": records} if records else {}


def _asked(picture: MiniPicture) -> Iterator[tuple[int, str, str, Mask]]:
    """Class, label, caption and mask of a picture's records."""
    scene = picture.scene
    yield STUFF, "background", f"The {scene.background} background that no shape covers.", background(scene)
    single = next((said for said in picture.expressions if len(said.targets) == 1), None)
    if single is not None:
        item = scene.objects[single.targets[0]]
        yield SINGLE, item.shape, f"{with_article(single).capitalize()}.", item.mask
        side = HALVES[np.random.default_rng((scene.seed, 3)).integers(len(HALVES))]
        part = half(item, side)
        if part.sum() >= MIN_PART_PIXELS:
            yield PART, f"{side} half", f"The {side} half of {with_article(single)}.", part
    several = next((said for said in picture.expressions if len(said.targets) > 1), None)
    if several is not None:
        group = union([scene.objects[index] for index in several.targets])
        yield MULTI, "group", f"{with_article(several).capitalize()}.", group


def with_article(expression: Expression) -> str:
    """Its text as part of a sentence: `the red circle`, `all stars`."""
    text = expression.text
    return text if text.startswith(("the ", "all ", "both ", "every ")) else f"the {text}"
