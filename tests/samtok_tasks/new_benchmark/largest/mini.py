"""The largest objects of mini's scenes."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_tasks.mini.picture import IMAGE_FOLDER, SIZE, MiniPicture

HASH = ""


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`largest/val.jsonl`."""
    return {"largest/val.jsonl": [_line(picture) for picture in pictures if picture.split == "val"]}


def _line(picture: MiniPicture) -> dict[str, Any]:
    largest = max(picture.scene.objects, key=lambda item: item.area)
    counts = rle.run_lengths(rle.encode(largest.mask)).tolist()
    image = f"{IMAGE_FOLDER}/{picture.file_name}"
    return {"image": image, "height": SIZE, "width": SIZE, "counts": counts}
