"""PixMMVP's files, of pictures whose first expression means one object, or nothing."""

from collections.abc import Sequence
from typing import Any

from samtok_tasks.mini.outlines import polygons
from samtok_tasks.mini.picture import SIZE, MiniPicture
from samtok_tasks.pixmmvp.reader import FILE, FOLDER, IMAGES, PHRASES

HASH = "56507452c43d41df04af89b173715aade69f74fae58151003d893bbe36bace89"

SPLIT = "val"
PICTURES = 50


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """Annotations, phrases and images, which are numbered from 1."""
    asked = [
        (picture, picture.expressions[0])
        for picture in pictures
        if picture.split == SPLIT and len(picture.expressions[0].targets) < 2
    ][:PICTURES]
    if not asked:
        return {}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    phrases = [["Index", " Object"]]
    made: dict[str, Any] = {}
    for number, (picture, said) in enumerate(asked, 1):
        name = f"{number}.jpg"
        made[f"{FOLDER}/{IMAGES}/{name}"] = picture.scene.image
        images.append({"id": number, "file_name": name, "height": SIZE, "width": SIZE})
        phrases.append([str(number), f" {said.text}"])
        annotations += [
            {
                "id": len(annotations) + place,
                "image_id": number,
                "category_id": None,
                "segmentation": [polygon],
            }
            for index in said.targets
            for place, polygon in enumerate(polygons(picture.scene.objects[index].mask), 1)
        ]
    content = {"images": images, "annotations": annotations, "categories": []}
    return made | {f"{FOLDER}/{FILE}": content, f"{FOLDER}/{PHRASES}": phrases}
