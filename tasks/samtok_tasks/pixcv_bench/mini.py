"""PixCV-Bench's files: a kind of shape, or two of them, of every other picture for each source."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_tasks.mini.meaning import Noun
from samtok_tasks.mini.picture import MiniPicture
from samtok_tasks.pixcv_bench.reader import FILE, FOLDER, PARTS, PHRASES

HASH = "6afe9729994c8b12d077486a338b831b802549198d827b25f8e3dadc9a2a697d"

SPLIT = "val"
PICTURES = 50


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """Annotations of both sources, phrases and images."""
    chosen = [picture for picture in pictures if picture.split == SPLIT][:PICTURES]
    phrases: list[list[str]] = [["", "Id", "file", "Objects"]]
    made: dict[str, Any] = {}
    for turn, (folders, images) in enumerate(PARTS.values()):
        asked = chosen[turn :: len(PARTS)]
        annotations: list[dict[str, Any]] = []
        for number, picture in enumerate(asked):
            file = f"{FOLDER}/{images}/{picture.file_name}"
            shapes = tuple(dict.fromkeys(item.shape for item in picture.scene.objects))[: 1 + number % 2]
            nouns = tuple(Noun(shape).phrase(plural=True) for shape in shapes)
            phrases.append([str(len(phrases) - 1)] * 2 + [file, str(nouns) if len(nouns) > 1 else nouns[0]])
            annotations += [
                {"image_id": number, "category_id": 0, "segmentation": dict(rle.encode(item.mask))}
                for item in picture.scene.objects
                if item.shape in shapes
            ]
            made[file] = picture.scene.image
        listed = [{"id": number, "file_name": picture.file_name} for number, picture in enumerate(asked)]
        made[f"{FOLDER}/{folders[0]}/{FILE}"] = {
            "images": listed,
            "annotations": annotations,
            "categories": [{"id": 0, "name": "foreground"}],
        }
    return made | {f"{FOLDER}/{PHRASES}": phrases} if chosen else {}
