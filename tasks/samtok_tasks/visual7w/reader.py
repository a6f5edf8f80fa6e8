"""Visual7W's pointing questions: which of four boxes is meant (yukezhu/visual7w-toolkit)."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.formats.boxes import box_polygon
from samtok_tasks.formats.files import NoSplitError, field, path_below, read_json, require_file
from samtok_tasks.formats.region_masks import find_images, image_size

FILES = ("visual7w/dataset_v7w_pointing.json", "dataset_v7w_pointing.json", "dataset.json")
IMAGE_FOLDERS = ("visual7w/images", "images")
LAYOUT = (
    f"Expected below the data root: {FILES[0]} (or {' or '.join(FILES[1:])}) and its images v7w_ID.jpg in "
    f"{IMAGE_FOLDERS[0]}/ or {IMAGE_FOLDERS[1]}/ (dataset_v7w_pointing.zip and visual7w_images.zip, see "
    "github.com/yukezhu/visual7w-toolkit)."
)


@dataclass(frozen=True)
class PointingQuestion:
    """One question; the file has its four boxes in no order that a model may see."""

    qa_id: int
    image: Path
    """It was opened for its size, which the file does not state."""
    question: str
    """In one line."""
    type: str
    """The first word of the question; "which" in all of them."""
    right: tuple[int, RLE]
    """Id and mask of the box that is the answer. Masks are filled boxes of the image's size, never empty."""
    wrong: tuple[tuple[int, RLE], ...]
    """The other boxes, three of them."""


@dataclass(frozen=True)
class PointingData:
    """The questions of a split, in the order of the file."""

    questions: tuple[PointingQuestion, ...]
    dropped: Counter[str]
    """Questions that were left out, by reason."""
    first: dict[str, str]
    """The first place of each reason, with what is wrong there."""


class _UnusableError(Exception):
    """A question that cannot be asked: the reason, and what is wrong."""


def read_visual7w(root: Path, split: str) -> PointingData:
    """Read the questions of a split.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        NoSplitError: there is no such split.
        ValueError: a broken file or record.
    """
    there = next((root / name for name in FILES if (root / name).is_file()), root / FILES[0])
    path = require_file(there, LAYOUT)
    content = read_json(path)
    boxes = _boxes(path, content)
    records = field(content, "images", list, str(path))
    by_split = [field(record, "split", str, f"{path}: image {k}") for k, record in enumerate(records)]
    if split not in by_split:
        known = ", ".join(dict.fromkeys(by_split)) or "none"
        raise NoSplitError(f"{path} has no split {split!r}; it has {known}")
    questions: list[PointingQuestion] = []
    dropped: Counter[str] = Counter()
    first: dict[str, str] = {}
    for place, record in enumerate(records):
        where = f"{path}: image {place}"
        name = path_below(record, "filename", where)
        pairs = field(record, "qa_pairs", list, where)
        if by_split[place] != split:
            continue
        image = find_images([root / folder for folder in IMAGE_FOLDERS], name) / name
        size = _size(image)
        for number, pair in enumerate(pairs):
            here = f"{where}: question {number}"
            try:
                questions.append(_question(pair, image, size, boxes, here))
            except _UnusableError as error:
                reason, details = error.args
                dropped[reason] += 1
                first.setdefault(reason, f"{here}: {details}")
    return PointingData(tuple(questions), dropped, first)


def _boxes(path: Path, content: Any) -> dict[int, Any]:
    boxes: dict[int, Any] = {}
    for place, record in enumerate(field(content, "boxes", list, str(path))):
        where = f"{path}: box {place}"
        number = field(record, "box_id", int, where)
        if number in boxes:
            raise ValueError(f"{path}: two boxes have the id {number}")
        sides: list[Any] = [field(record, name, object, where) for name in ("x", "y", "width", "height")]
        boxes[number] = box_polygon(sides, where)
    return boxes


def _question(
    record: Any, image: Path, size: tuple[int, int] | str, boxes: dict[int, Any], where: str
) -> PointingQuestion:
    qa_id = field(record, "qa_id", int, where)
    question = " ".join(field(record, "question", str, where).split())
    kind = field(record, "type", str, where)
    ids = [field(record, "answer", int, where), *field(record, "multiple_choices", list, where)]
    if len(ids) != 4 or not all(type(one) is int and one in boxes for one in ids):
        raise ValueError(f"{where}: an answer and three multiple_choices must be ids of boxes, got {ids}")
    if len(set(ids)) < len(ids):
        raise _UnusableError("questions with a box twice", f"boxes {ids}")
    if isinstance(size, str):
        raise _UnusableError("questions without a readable image", size)
    masks = [rle.from_segmentation(boxes[one], *size) for one in ids]
    for one, mask in zip(ids, masks, strict=True):
        if rle.is_empty(mask):
            raise _UnusableError("questions with a box outside the image", f"box {one}")
    right, *wrong = zip(ids, masks, strict=True)
    return PointingQuestion(qa_id, image, question, kind, right, tuple(wrong))


def _size(image: Path) -> tuple[int, int] | str:
    """Height and width, or why they are not known."""
    try:
        return image_size(image)
    except ValueError as error:
        return str(error)
