"""ViP-Bench: free questions about regions, with masks or boxes drawn in labelme (mucai/ViP-Bench).

`vip-bench-meta-data.json` has the questions by id, with <obj>, <obj1>, <obj2>, ... where a region is meant;
beside each image of source_image/ lies labelme's JSON file, whose shapes have these names as labels. The
question in the words of the drawn marks ("within the red rectangle"), which the judge is told, is in
bbox/questions.jsonl.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats import labelme
from samtok_tasks.formats.coco import Side, read_mask
from samtok_tasks.formats.files import (
    Coordinate,
    PathBelow,
    Record,
    parse,
    read_json,
    read_lines,
    require_any,
    require_file,
)
from samtok_tasks.formats.region_captions import EMPTY_REFERENCES

FOLDERS = ("ViP-Bench", ".")
FILE, SOURCES, MARKED = "vip-bench-meta-data.json", "source_image", "bbox/questions.jsonl"
LAYOUT = (
    f"Expected below the data root, or below {FOLDERS[0]}/ in it: {FILE} and {SOURCES}/ with the images and "
    f"a JSON file beside each, for judging also {MARKED} (huggingface.co/datasets/mucai/ViP-Bench)."
)
PLACE = re.compile(r"<(obj\d*)>")
"""Where a question has a region; the group is its name."""
CAPABILITIES = ("rec", "ocr", "know", "math", "rel", "lang")
"""What a question takes, as the benchmark reports it."""


@dataclass(frozen=True)
class VipQuestion:
    """One question."""

    key: str
    """As in the file: v1_0, v1_1, ..."""
    image: Path
    """The plain image; it was not opened."""
    size: tuple[int, int]
    """Height and width that the shapes' file states, pixels."""
    question: str
    """With the names of the regions, see PLACE."""
    answer: str
    """With <AND> between what must all be there, and <OR> between what is equally right."""
    capabilities: tuple[str, ...]
    """Those of CAPABILITIES that it takes."""
    masks: Mapping[str, RLE]
    """By name, one for each that the question has; of the image's size, never empty."""


@dataclass(frozen=True)
class VipData:
    """All questions, in the order of the file."""

    questions: tuple[VipQuestion, ...]
    dropped: Dropped
    """Questions that were left out, and capabilities that are none of CAPABILITIES."""


class _Question(Record):
    image_source: PathBelow
    question: str
    answer: str
    capability: list[Annotated[str, Field(min_length=1)]]


class _Marked(Record):
    question_id: int | str
    text: str


class _Shape(Record):
    label: str
    shape_type: str
    points: list[Any]


class _Circle(Record):
    points: list[list[Coordinate]]


class _Source(Record):
    """A labelme file."""

    imageHeight: Side
    imageWidth: Side
    shapes: list[_Shape]


def locate_vip_bench(root: Path) -> Path:
    """The file of the questions, unread."""
    return require_any([root / name / FILE for name in FOLDERS], LAYOUT)


def read_vip_bench(root: Path) -> VipData:
    """Read the questions. A region is all shapes of its name; questions about one that is not there, or has
    no pixel, are counted.
    """
    path = locate_vip_bench(root)
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a dictionary by id, got {type(content).__name__}")
    sources: dict[Path, _Source] = {}
    questions: list[VipQuestion] = []
    dropped = Dropped()
    for key, record in content.items():
        where = f"{path}: question {key}"
        asked = parse(_Question, record, where)
        image = path.parent / SOURCES / asked.image_source
        shapes = image.with_suffix(".json")
        if shapes not in sources:
            sources[shapes] = parse(_Source, read_json(require_file(shapes, LAYOUT)), str(shapes))
        source = sources[shapes]
        try:
            names = dict.fromkeys(PLACE.findall(asked.question))
            masks = {name: _mask(source, shapes, name, dropped) for name in names}
        except ValueError as error:
            dropped.add("questions without their regions", where, str(error))
            continue
        taken = dict.fromkeys(asked.capability)
        others = [name for name in taken if name not in CAPABILITIES]
        if others:
            dropped.add("capabilities without a mean of their own", where, ", ".join(others))
        if not asked.answer.strip():
            dropped.keep(EMPTY_REFERENCES, where)
        size = source.imageHeight, source.imageWidth
        counted = tuple(name for name in taken if name in CAPABILITIES)
        questions.append(VipQuestion(key, image, size, asked.question, asked.answer, counted, masks))
    return VipData(tuple(questions), dropped)


def read_marked_questions(root: Path) -> dict[str, str]:
    """The questions in the words of the drawn boxes, by the keys of VipQuestion."""
    path = require_file(locate_vip_bench(root).parent / MARKED, LAYOUT)
    return {f"v1_{record.question_id}": record.text for _, record in read_lines(path, _Marked)}


def _mask(source: _Source, path: Path, name: str, dropped: Dropped) -> RLE:
    """The union of the shapes with this label; ValueError if there is none, or none that has a pixel."""
    shapes = [shape for shape in source.shapes if shape.label == name]
    if not shapes:
        raise ValueError(f"no shape {name} in {path}")
    size, where = (source.imageHeight, source.imageWidth), f"shape {name} in {path}"
    mask = rle.union([_area(shape, size, where, dropped) for shape in shapes])
    if rle.is_empty(mask):
        raise ValueError(f"shape {name} in {path} is empty")
    return mask


def _area(shape: _Shape, size: tuple[int, int], where: str, dropped: Dropped) -> RLE:
    """The pixels of a polygon as COCO draws it, of a rectangle or of a circle."""
    points = shape.points
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("the points of a shape are pairs of x and y")
    if shape.shape_type == labelme.CIRCLE:
        return rle.encode(labelme.disc(parse(_Circle, {"points": points}, where).points, *size))
    polygon = [value for corner in labelme.corners(shape.shape_type, points) for value in corner]
    return read_mask([polygon], size, where, dropped)
