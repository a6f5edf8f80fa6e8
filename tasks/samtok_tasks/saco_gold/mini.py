"""SA-Co/Gold's files of one subset: noun phrases with every object that each one means."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from samtok_bench import rle
from samtok_tasks.mini.meaning import Noun, select
from samtok_tasks.mini.picture import SIZE, MiniPicture
from samtok_tasks.mini.scene import Mask, Scene
from samtok_tasks.mini.shapes import SHAPES
from samtok_tasks.mini.textures import COLOURS
from samtok_tasks.saco_gold.reader import ANNOTATORS, GOLD

HASH = "514b0aa89e63ecfbd2a30cbda6d772b499d88ca392883d43911532abfed5b71c"

SUBSET = "attributes"
SPLIT = "val"
"""The pictures that are asked about: the official files are for tests only."""
PHRASES = 2
"""Of a picture, of each sort: true of some objects, and true of none."""
GROUP = 4
"""So many instances are one crowd to annotator c, who then says that the pair is not exhaustive."""


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """The files of the three annotators, and the images.

    `a` marks what the scene shows; `b` starts each mask one pixel late, from the left; `c` overlooks the
    smallest of several instances, and draws larger groups as one crowd.
    """
    asked = [
        (picture.image_id * 10 + number, picture, noun)
        for picture in pictures
        if picture.split == SPLIT
        for number, noun in enumerate(_nouns(picture.scene))
    ]
    if not asked:
        return {}
    made: dict[str, Any] = {
        f"{GOLD.images[SUBSET]}/{picture.file_name}": picture.scene.image for _, picture, _ in asked
    }
    for annotator, name in zip(ANNOTATORS, GOLD.files[SUBSET], strict=True):
        made[f"{GOLD.folder}/{name}"] = _file(annotator, asked)
    return made


def _file(annotator: str, asked: Sequence[tuple[int, MiniPicture, Noun]]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for id, picture, noun in asked:
        masks = [item.mask for item in select(picture.scene.objects, noun) or ()]
        crowd = annotator == "c" and len(masks) >= GROUP
        images.append(
            {
                "id": id,
                "text_input": noun.phrase(),
                "file_name": picture.file_name,
                "width": SIZE,
                "height": SIZE,
                "is_instance_exhaustive": int(not crowd),
                "is_pixel_exhaustive": 1,
                "queried_category": "0",
            }
        )
        for mask in [np.logical_or.reduce(masks)] if crowd else _seen(annotator, masks):
            annotations.append(_annotation(len(annotations) + 1, id, mask, crowd))
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}


def _seen(annotator: str, masks: list[Mask]) -> list[Mask]:
    if annotator == "b":
        return [late if (late := mask & np.roll(mask, 1, axis=1)).any() else mask for mask in masks]
    if annotator == "c" and len(masks) > 1:
        smallest = min(range(len(masks)), key=lambda place: masks[place].sum())
        return [mask for place, mask in enumerate(masks) if place != smallest]
    return masks


def _annotation(id: int, pair: int, mask: Mask, crowd: bool) -> dict[str, Any]:
    """Box and area as shares of the image, as the official files have them."""
    packed = rle.encode(mask)
    x0, y0, x1, y1 = rle.box(packed)
    return {
        "id": id,
        "image_id": pair,
        "category_id": 1,
        "iscrowd": int(crowd),
        "area": rle.area(packed) / SIZE**2,
        "bbox": [x0 / SIZE, y0 / SIZE, (x1 - x0) / SIZE, (y1 - y0) / SIZE],
        "segmentation": dict(packed),
        "source": "manual",
    }


def _nouns(scene: Scene) -> Iterator[Noun]:
    """Different phrases: of some objects of the scene, and the same with another colour or shape."""
    rng = np.random.default_rng((scene.seed, 5))
    said: set[str] = set()
    for _ in range(PHRASES):
        item = scene.objects[rng.integers(len(scene.objects))]
        colour, shape = ((True, True), (True, False), (False, True))[rng.integers(3)]
        noun = Noun(item.shape if shape else None, item.colour if colour else None)
        name, values = [("colour", COLOURS), ("shape", SHAPES)][rng.integers(2)]
        other = replace(noun, **{name: list(values)[rng.integers(len(values))]})
        for found in (noun, other):
            if found.phrase() not in said:
                said.add(found.phrase())
                yield found
