"""ViP-Bench: free questions about regions, with masks or boxes drawn in labelme (mucai/ViP-Bench).

`vip-bench-meta-data.json` has the questions by id, with <obj>, <obj1>, <obj2>, ... where a region is meant;
beside each image of source_image/ lies labelme's JSON file, whose shapes have these names as labels. The
question in the words of the drawn marks ("within the red rectangle"), which the judge is told, is in
bbox/questions.jsonl.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.formats.coco import MAX_SIDE
from samtok_tasks.formats.files import field, path_below, read_json, require_file

FOLDERS = ("ViP-Bench", ".")
FILE, SOURCES, MARKED = "vip-bench-meta-data.json", "source_image", "bbox/questions.jsonl"
LAYOUT = (
    f"Expected below the data root, or below {FOLDERS[0]}/ in it: {FILE} and {SOURCES}/ with the images and "
    f"a JSON file beside each, for judging also {MARKED} (huggingface.co/datasets/mucai/ViP-Bench)."
)
PLACE = re.compile(r"<(obj\d*)>")
"""Where a question has a region; the group is its name."""


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
    """What it takes: rec, ocr, know, math, ..."""
    masks: Mapping[str, RLE]
    """By name, one for each that the question has; of the image's size, never empty."""


@dataclass(frozen=True)
class VipData:
    """All questions, in the order of the file."""

    questions: tuple[VipQuestion, ...]
    dropped: Counter[str]
    """Questions that were left out, by reason."""
    first: dict[str, str]
    """The first place of each reason, with what is wrong there."""


@dataclass(frozen=True)
class _Source:
    """A labelme file."""

    path: Path
    size: tuple[int, int]
    shapes: tuple[tuple[str, str, list[Any]], ...]
    """Label, shape type and points."""


def read_vip_bench(root: Path) -> VipData:
    """Read the questions. A region is all shapes of its name; questions about one that is not there, or has
    no pixel, are counted.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = require_file(_folder(root) / FILE, LAYOUT)
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a dictionary by id, got {type(content).__name__}")
    sources: dict[str, _Source] = {}
    questions: list[VipQuestion] = []
    dropped: Counter[str] = Counter()
    first: dict[str, str] = {}
    for key, record in content.items():
        where = f"{path}: question {key}"
        name = path_below(record, "image_source", where)
        text = field(record, "question", str, where)
        answer = field(record, "answer", str, where)
        capabilities = field(record, "capability", list, where)
        if not all(isinstance(one, str) and one for one in capabilities):
            raise ValueError(f"{where}: 'capability' must list texts, got {capabilities!r}")
        if name not in sources:
            sources[name] = _source(path.parent / SOURCES / PurePosixPath(name).with_suffix(".json"))
        source = sources[name]
        try:
            masks = {one: _mask(source, one) for one in dict.fromkeys(PLACE.findall(text))}
        except ValueError as error:
            reason = "questions without their regions"
            dropped[reason] += 1
            first.setdefault(reason, f"{where}: {error}")
            continue
        image = path.parent / SOURCES / name
        kinds = tuple(dict.fromkeys(capabilities))
        questions.append(VipQuestion(key, image, source.size, text, answer, kinds, masks))
    return VipData(tuple(questions), dropped, first)


def read_marked_questions(root: Path) -> dict[str, str]:
    """The questions in the words of the drawn boxes, by the keys of VipQuestion.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = require_file(_folder(root) / MARKED, LAYOUT)
    questions = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        where = f"{path}: line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where} is not JSON: {error}") from None
        key = field(record, "question_id", object, where)
        if type(key) not in (int, str):
            raise ValueError(f"{where}: 'question_id' must be int or str, got {type(key).__name__}")
        questions[f"v1_{key}"] = field(record, "text", str, where)
    return questions


def has_vip_bench(root: Path) -> bool:
    """Whether the questions are there."""
    return (_folder(root) / FILE).is_file()


def _folder(root: Path) -> Path:
    places = [root / name for name in FOLDERS]
    return next((one for one in places if (one / FILE).is_file()), places[0])


def _source(path: Path) -> _Source:
    content = read_json(require_file(path, LAYOUT))
    where = str(path)
    height, width = field(content, "imageHeight", int, where), field(content, "imageWidth", int, where)
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise ValueError(f"{path}: impossible size, height {height}, width {width}")
    shapes = []
    for place, shape in enumerate(field(content, "shapes", list, where)):
        here = f"{path}: shape {place}"
        texts = (field(shape, "label", str, here), field(shape, "shape_type", str, here))
        shapes.append((*texts, field(shape, "points", list, here)))
    return _Source(path, (height, width), tuple(shapes))


def _mask(source: _Source, name: str) -> RLE:
    """The union of the shapes with this label; ValueError if there is none, or none that has a pixel."""
    polygons = [_polygon(kind, points) for label, kind, points in source.shapes if label == name]
    if not polygons:
        raise ValueError(f"no shape {name} in {source.path}")
    try:
        mask = rle.from_segmentation(polygons, *source.size)
    except ValueError as error:
        raise ValueError(f"shape {name} in {source.path}: {error}") from None
    if rle.is_empty(mask):
        raise ValueError(f"shape {name} in {source.path} is empty")
    return mask


def _polygon(kind: str, points: list[Any]) -> list[Any]:
    """The shape as COCO writes polygons. A rectangle has two opposite corners."""
    if kind not in ("rectangle", "polygon"):
        raise ValueError(f"a shape must be a rectangle or a polygon, got {kind!r}")
    if not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise ValueError("the points of a shape are pairs of x and y")
    if kind == "polygon":
        return [value for point in points for value in point]
    if len(points) != 2:
        raise ValueError(f"a rectangle has two points, got {len(points)}")
    (x0, y0), (x1, y1) = points
    return [x0, y0, x1, y0, x1, y1, x0, y1]
