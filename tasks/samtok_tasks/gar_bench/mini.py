"""GAR-Bench's multiple-choice questions about regions: colour, shape, pattern, the relation of two."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from samtok_bench import rle
from samtok_tasks.mini.meaning import SIDES, side_of
from samtok_tasks.mini.picture import IMAGE_FOLDER, MiniPicture
from samtok_tasks.mini.scene import SceneObject, patterns_of
from samtok_tasks.mini.shapes import SHAPES
from samtok_tasks.mini.textures import COLOURS, PATTERNS

HASH = "133c5c90aaadda0fbb881a9cb8381bf5e82966323325eda8f86d3f64dedad8b3"

SPLIT = "val"
"""The pictures that are asked about: the official file has one split."""
CHOICES = 4
Fact: TypeAlias = tuple[str, list[SceneObject], str, str, list[str]]
"""Type, objects, question, right answer and wrong ones; `<Prompt0>` and `<Prompt1>` stand for the objects."""
_STREAM = 7
"""Tells the draws of this file from those of others about the same scene."""


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """`GAR-Bench-VQA.json`: of each picture up to one question per type."""
    records = [record for picture in pictures if picture.split == SPLIT for record in _records(picture)]
    return {"GAR-Bench-VQA.json": records} if records else {}


def _records(picture: MiniPicture) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng((picture.scene.seed, _STREAM))
    items = [picture.scene.objects[k] for k in rng.permutation(len(picture.scene.objects))]
    for type, asked, question, right, others in facts(items):
        order = [right, *(str(wrong) for wrong in rng.permutation(others)[: CHOICES - 1])]
        shown = [order[k] for k in rng.permutation(len(order))]
        yield {
            "image": f"{IMAGE_FOLDER}/{picture.file_name}",
            "mask_rles": [dict(rle.encode(item.mask)) for item in asked],
            "question": question,
            "choices": [f"{'ABCD'[k]}. {text}" for k, text in enumerate(shown)],
            "answer": "ABCD"[shown.index(right)],
            "type": type,
        }


def facts(items: Sequence[SceneObject]) -> Iterator[Fact]:
    """What can be asked of objects."""
    first, last = items[0], items[-1]
    yield "color", [first], "What is the color of <Prompt0>?", *_among(first.colour, tuple(COLOURS))
    yield "shape", [last], "What is the shape of <Prompt0>?", *_among(last.shape, SHAPES)
    # where a pattern could not be told apart there is none to ask for
    patterned = next((item for item in items if len(patterns_of(item.shape, item.size)) > 1), None)
    if patterned is not None:
        wording = "What is the pattern of <Prompt0>?"
        yield "texture/pattern", [patterned], wording, *_among(patterned.pattern, PATTERNS)
    for subject, other in pairwise(items):
        side = side_of(subject, other)
        if side is not None:
            texts = {name: f"<Prompt0> is {name} <Prompt1>." for name in SIDES}
            wording = "What is the spatial relationship between <Prompt0> and <Prompt1>?"
            yield "relation", [subject, other], wording, texts.pop(side), list(texts.values())
            return


def _among(right: str, names: Sequence[str]) -> tuple[str, list[str]]:
    """The right answer and the wrong ones, as choices write them."""
    return f"{right.capitalize()}.", [f"{name.capitalize()}." for name in names if name != right]
