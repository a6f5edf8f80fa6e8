"""ReasonSeg's files: an image with a question, and the outlines of what it means."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from samtok_tasks.grounding_suite.mini import with_article
from samtok_tasks.mini.picture import MiniPicture
from samtok_tasks.mini.scene import Mask, SceneObject

HASH = "91337221e64ced060961cb250fb492f2202a42d61f32322dfdaf7b805714cd07"

FOLDER = "reason_seg/ReasonSeg"
SENTENCES = (
    "Somebody who looks at this picture points at {phrase}. Which pixels does the finger touch?",
    "If all but {phrase} were wiped away, what would be left on the background?",
    "Which region would turn grey if {phrase} lost all colour?",
)


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`reason_seg/ReasonSeg/SPLIT/NAME.json` with NAME.jpg, of pictures where an expression has a target.

    Phrases and sentences take turns. The holes of rings and letters are marked to be ignored.
    """
    made: dict[str, Any] = {}
    for picture in pictures:
        expression = next((said for said in picture.expressions if said.targets), None)
        if expression is None:
            continue
        split = "test" if picture.split.startswith("test") else picture.split
        stem = f"{FOLDER}/{split}/{picture.image_id:08d}"
        number, is_sentence = divmod(picture.image_id, 2)
        sentence = SENTENCES[number % len(SENTENCES)].format(phrase=with_article(expression))
        made[f"{stem}.json"] = {
            "text": [sentence if is_sentence else expression.text],
            "is_sentence": bool(is_sentence),
            "shapes": [
                shape for index in expression.targets for shape in _shapes(picture.scene.objects[index])
            ],
        }
        made[f"{stem}.jpg"] = picture.scene.image
    return made


def _shapes(item: SceneObject) -> list[dict[str, Any]]:
    """The outlines of an object and of its holes."""
    filled = np.zeros(item.mask.shape, np.uint8)
    outlines = _outlines(item.mask)
    cv2.drawContours(filled, outlines, -1, 1, cv2.FILLED)
    holes = _outlines((filled > 0) & ~item.mask)
    return [
        {"label": label, "labels": [label], "shape_type": "polygon", "points": outline[:, 0].tolist()}
        for label, found in (("target", outlines), ("ignore", holes))
        for outline in found
    ]


def _outlines(mask: Mask) -> list[Any]:
    """Each (V, 1, 2): every border pixel, x and y, of a connected part."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return list(found)
