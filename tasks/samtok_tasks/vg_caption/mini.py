"""GLaMM's file of Visual Genome's region captions: expressions as captions of their objects' boxes."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_tasks.mini.picture import IMAGE_FOLDER, SIZE, MiniPicture

HASH = "2240168e5e519ac2bc17e9e3f6ab614795d9d59fad7c285f4f55eb825b6a156a"

SPLIT = "val"
"""The pictures with captions: the official file has one split."""
FOLDER = IMAGE_FOLDER.split("/")[-1]


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`visual_genome/test_caption.json`: for each expression with one target an image record and an
    annotation of the same id.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for picture in pictures:
        for expression in picture.expressions if picture.split == SPLIT else ():
            if len(expression.targets) != 1:
                continue
            (target,) = expression.targets
            number = len(images) + 1
            name = f"{FOLDER}/{picture.file_name}"
            x0, y0, x1, y1 = rle.box(rle.encode(picture.scene.objects[target].mask))
            box = [x0, y0, x1 - x0, y1 - y0]
            images.append({"id": number, "file_name": name, "height": SIZE, "width": SIZE})
            annotations.append({"id": number, "image_id": number, "bbox": box, "caption": expression.text})
    content = {
        "info": {"description": "mini, generated scenes"},
        "images": images,
        "annotations": annotations,
    }
    return {"visual_genome/test_caption.json": content} if images else {}
