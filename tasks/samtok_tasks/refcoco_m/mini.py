"""RefCOCO-M's file, and those of its form: a row for each image, with its objects and their sentences."""

from collections.abc import Iterator, Sequence
from typing import Any

from samtok_bench import rle
from samtok_tasks.formats.parquet import NEEDS as NEEDS
from samtok_tasks.mini.picture import MiniPicture
from samtok_tasks.mini.sentences import by_targets

HASH = "39e8683e29f768e5009401d970a9bb75063e0219812b50fc5b020a0ea04207bd"

SPLIT = "val"
PICTURES = 50
FOLDERS = ("refcoco-m", "refcoco_rle", "refcoco_plus_rle_val")


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """A file for each of FOLDERS, with the same content."""
    rows = list(_rows([picture for picture in pictures if picture.split == SPLIT][:PICTURES]))
    return {f"{folder}/data/validation-00000-of-00001.parquet": rows for folder in FOLDERS if rows}


def _rows(pictures: Sequence[MiniPicture]) -> Iterator[dict[str, Any]]:
    for picture in pictures:
        objects = [
            {
                "mask": dict(rle.encode(picture.scene.objects[targets[0]].mask)),
                "sentences": [said.text for said in expressions],
            }
            for targets, expressions in by_targets(picture.expressions).items()
            if len(targets) == 1
        ]
        if objects:
            yield {"image": picture.scene.image, "image_id": picture.image_id, "samples": objects}
