"""ViP-Bench's files: free questions about one or two objects, their shapes as labelme draws them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from samtok_bench import rle
from samtok_tasks.mini.meaning import side_of
from samtok_tasks.mini.picture import SIZE, MiniPicture
from samtok_tasks.mini.scene import Scene, SceneObject

HASH = "4a38f321fdf78b0c329948a533947ddbaa14208279ac5cd5887cb2f6eef3d869"

SPLIT = "val"
"""The pictures that are asked about: the official files have one split."""
PICTURES = 20
"""How many of them; the images lie beside the shapes, so each is there twice."""
COLOURS = ("red", "blue")
"""Of the drawn marks that the judge is told of."""
ROOT = "ViP-Bench"


def files(pictures: Sequence[MiniPicture]) -> dict[str, Any]:
    """The questions, of each picture what colour and shape an object has and where another one is; the images
    with their shapes; and the questions in the words of drawn boxes.
    """
    made: dict[str, Any] = {}
    questions: dict[str, dict[str, Any]] = {}
    marked = []
    for picture in [picture for picture in pictures if picture.split == SPLIT][:PICTURES]:
        name = f"{picture.image_id}.png"
        shapes: dict[str, SceneObject] = {}
        for question, answer, capabilities, items in _questions(picture.scene):
            number = len(questions)
            text = question
            for place, item in enumerate(items):
                label = f"obj{item.index}"
                shapes[label] = item
                question = question.replace(f"<{place}>", f"<{label}>")
                text = text.replace(f"<{place}>", f"the object within the {COLOURS[place]} rectangle")
            questions[f"v1_{number}"] = {
                "image_source": name,
                "image": f"{number}.png",
                "question": question,
                "answer": answer,
                "capability": capabilities,
            }
            marked.append({"question_id": number, "image": f"{number}.png", "text": text, "category": ""})
        made[f"{ROOT}/source_image/{name}"] = picture.scene.image
        made[f"{ROOT}/source_image/{picture.image_id}.json"] = _labelme(name, shapes)
    if not questions:
        return {}
    return made | {f"{ROOT}/vip-bench-meta-data.json": questions, f"{ROOT}/bbox/questions.jsonl": marked}


def _questions(scene: Scene) -> Iterator[tuple[str, str, list[str], list[SceneObject]]]:
    """Question with <0> and <1> for its objects, answer, capabilities and the objects."""
    first = scene.objects[0]
    yield "What color is <0>?", first.colour, ["rec"], [first]
    yield "What are the color and the shape of <0>?", f"{first.colour}<AND>{first.shape}", ["rec"], [first]
    for subject, other in pairwise(scene.objects):
        side = side_of(subject, other)
        if side is not None:
            yield "Where is <0>, seen from <1>?", f"{side} it", ["rec", "rel"], [subject, other]
            return


def _labelme(name: str, items: dict[str, SceneObject]) -> dict[str, Any]:
    return {
        "version": "5.3.1",
        "flags": {},
        "shapes": [
            {
                "label": label,
                "points": _corners(item),
                "group_id": None,
                "shape_type": "rectangle",
                "flags": {},
            }
            for label, item in items.items()
        ],
        "imagePath": name,
        "imageData": None,
        "imageHeight": SIZE,
        "imageWidth": SIZE,
    }


def _corners(item: SceneObject) -> list[list[float]]:
    x0, y0, x1, y1 = rle.box(rle.encode(item.mask))
    return [[float(x0), float(y0)], [float(x1), float(y1)]]
