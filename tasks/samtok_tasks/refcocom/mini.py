"""RefCOCOm's files of val: an object of each picture, and a half of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from samtok_tasks.grounding_suite.mini import with_article
from samtok_tasks.mini.picture import MiniPicture
from samtok_tasks.mini.scene_masks import HALVES, MIN_PART_PIXELS, half

HASH = "1f1e263c70a6b17a4babdef33c396050cb793405e136d1c29e040bfe9761a5ed"

SPLIT = "val"
FOLDER = "RefCOCOm"


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`RefCOCOm/annotations/val.json` and the masks."""
    references: list[dict[str, Any]] = []
    made: dict[str, Any] = {}
    for picture in pictures:
        said = next((said for said in picture.expressions if len(said.targets) == 1), None)
        if picture.split != SPLIT or said is None:
            continue
        item = picture.scene.objects[said.targets[0]]
        side = HALVES[picture.image_id % len(HALVES)]
        for text, mask in (
            (said.text, item.mask),
            (f"the {side} half of {with_article(said)}", half(item, side)),
        ):
            if mask.sum() < MIN_PART_PIXELS:
                continue
            number = len(references)
            made[f"{FOLDER}/masks/{number}.png"] = mask.astype(np.uint8) * 255
            sentence = {"idx": 0, "sent_id": number, "sent": text}
            references.append({"img_name": picture.file_name, "segment_id": number, "sentences": [sentence]})
    return made | {f"{FOLDER}/annotations/val.json": references} if references else {}
