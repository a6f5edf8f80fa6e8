"""A data set of the hub's form: a row for each expression, also of those that mean nothing or several."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_tasks.formats.parquet import NEEDS as NEEDS
from samtok_tasks.mini.picture import MiniPicture

HASH = "1fc2d131baf7850998a18615736f040176eeb38b0021735e4d678fc4ae42e7d3"

SPLIT = "val"
ASKED = 1
"""Of a picture."""


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`hub-masks/validation-00000-of-00001.parquet`."""
    rows = [
        {
            "image": picture.scene.image,
            "text": said.text,
            "mask": [dict(rle.encode(picture.scene.objects[index].mask)) for index in said.targets],
        }
        for picture in pictures
        if picture.split == SPLIT
        for said in picture.expressions[:ASKED]
    ]
    return {"hub-masks/validation-00000-of-00001.parquet": rows} if rows else {}
