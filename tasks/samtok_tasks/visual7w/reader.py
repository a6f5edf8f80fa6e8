"""Visual7W's pointing questions: which of four boxes is meant (yukezhu/visual7w-toolkit)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench import rle
from samtok_bench.images import image_size
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.boxes import box_polygon
from samtok_tasks.formats.files import NoSplitError, PathBelow, Record, parse, read_json, require_any
from samtok_tasks.formats.images import find_images

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
    dropped: Dropped
    """Questions that were left out."""


class _Question(Record):
    qa_id: int
    question: str
    type: str
    answer: int
    multiple_choices: list[int]


class _Image(Record):
    split: str
    filename: PathBelow
    qa_pairs: list[Any]
    """Of _Question; those of other splits are not looked at."""


class _Box(Record):
    box_id: int
    x: Any
    y: Any
    width: Any
    height: Any


class _File(Record):
    images: list[_Image]
    boxes: list[_Box]


def locate_visual7w(root: Path) -> Path:
    """The file of the questions, unread."""
    return require_any([root / name for name in FILES], LAYOUT)


def read_visual7w(root: Path, split: str) -> PointingData:
    """Read the questions of a split.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        NoSplitError: there is no such split.
        ValueError: a broken file or record.
    """
    path = locate_visual7w(root)
    content = parse(_File, read_json(path), str(path))
    if split not in (splits := {image.split: None for image in content.images}):
        raise NoSplitError(f"{path} has no split {split!r}; it has {', '.join(splits) or 'none'}")
    boxes = _polygons(content.boxes, path)
    questions: list[PointingQuestion] = []
    dropped = Dropped()
    for place, record in enumerate(content.images):
        if record.split == split:
            questions += _asked(record, root, boxes, f"{path}: image {place}", dropped)
    return PointingData(tuple(questions), dropped)


def _polygons(boxes: list[_Box], path: Path) -> dict[int, Any]:
    """The boxes by id, as polygons of COCO's form."""
    polygons: dict[int, Any] = {}
    for place, box in enumerate(boxes):
        if box.box_id in polygons:
            raise ValueError(f"{path}: two boxes have the id {box.box_id}")
        polygons[box.box_id] = box_polygon((box.x, box.y, box.width, box.height), f"{path}: box {place}")
    return polygons


def _asked(
    record: _Image, root: Path, boxes: Mapping[int, Any], place: str, dropped: Dropped
) -> Iterator[PointingQuestion]:
    """The questions about an image that can be asked."""
    image = find_images([root / folder for folder in IMAGE_FOLDERS], record.filename) / record.filename
    size: tuple[int, int] | None = None
    unreadable = ""
    try:
        size = image_size(image)
    except ValueError as error:
        unreadable = str(error)
    for number, pair in enumerate(record.qa_pairs):
        where = f"{place}: question {number}"
        asked = parse(_Question, pair, where)
        ids = [asked.answer, *asked.multiple_choices]
        if len(ids) != 4 or not all(id in boxes for id in ids):
            raise ValueError(f"{where}: an answer and three multiple_choices must be ids of boxes, got {ids}")
        if len(set(ids)) < len(ids):
            dropped.add("questions with a box twice", where, f"boxes {ids}")
            continue
        if size is None:
            dropped.lose("questions without a readable image", where, unreadable)
            continue
        right, *wrong = ((id, rle.from_segmentation(boxes[id], *size)) for id in ids)
        outside = [id for id, mask in (right, *wrong) if rle.is_empty(mask)]
        if outside:
            dropped.add("questions with a box outside the image", where, f"box {outside[0]}")
            continue
        text = " ".join(asked.question.split())
        yield PointingQuestion(asked.qa_id, image, text, asked.type, right, tuple(wrong))
