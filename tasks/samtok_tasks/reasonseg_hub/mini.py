"""The files of ReasonSeg's copies: of the first pictures of val, as mini's ReasonSeg asks about them."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from samtok_tasks.formats.parquet import NEEDS as NEEDS
from samtok_tasks.grounding_suite.mini import with_article
from samtok_tasks.mini.picture import SIZE, MiniPicture
from samtok_tasks.mini.scene_masks import union
from samtok_tasks.reasonseg.mini import SENTENCES

HASH = "7783ddf978214ceda1c720728ea1793d37b685ee5e81d8a4ee61d56b53713b6d"

SPLIT = "val"
PICTURES = 50


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`ReasonSeg_val/data/test-00000-of-00001.parquet`."""
    rows = []
    for picture in [picture for picture in pictures if picture.split == SPLIT][:PICTURES]:
        said = next((said for said in picture.expressions if said.targets), None)
        if said is None:
            continue
        sentence = SENTENCES[picture.image_id % len(SENTENCES)].format(phrase=with_article(said))
        rows.append(
            {
                "image": picture.scene.image,
                "text": sentence,
                "mask": np.array(union([picture.scene.objects[index] for index in said.targets])),
                "image_id": str(picture.image_id),
                "ann_id": str(picture.image_id),
                "img_height": SIZE,
                "img_width": SIZE,
            }
        )
    return {"ReasonSeg_val/data/test-00000-of-00001.parquet": rows} if rows else {}
