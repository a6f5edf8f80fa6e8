"""ReasonSeg as distributed with LISA: a JSON file beside each image, with outlines in the order of painting.

An image has one target, which may have several outlines, and one question (of train images, several
wordings; the first is asked, as LISA does in validation).
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samtok_bench import rle
from samtok_bench.rle import MAX_COORDINATE, RLE
from samtok_tasks.formats.files import field

FOLDER = "reason_seg/ReasonSeg"
LAYOUT = (
    f"Expected below the data root: {FOLDER}/SPLIT/ with train, val or test for SPLIT, and in it NAME.jpg "
    "with NAME.json (ReasonSeg of github.com/dvlab-research/LISA, on its Google Drive)."
)
TARGET, IGNORE = 1, 255
"""Labels of pixels; all others are 0."""

_ORIENTATION = 274
"""EXIF tag."""

Labels = NDArray[np.uint8]
Points = NDArray[np.int32]


@dataclass(frozen=True)
class Shape:
    """One outline."""

    label: str
    """`target`, or a word with `ignore` in it."""
    points: Points
    """(V, 2), x and y in whole pixels."""


@dataclass(frozen=True)
class ReasonSegRecord:
    """One image with its question."""

    image: Path
    """It was opened for its size only."""
    text: str
    is_sentence: bool
    """A long query in the form of a sentence or question; else a short phrase."""
    target: RLE
    ignore: RLE | None
    """Pixels that do not count; None where all do. They are not in the target."""


@dataclass(frozen=True)
class ReasonSegData:
    """A split, in the order of the images' names."""

    records: tuple[ReasonSegRecord, ...]
    dropped: Counter[str]
    """What was left out, by reason: outlines without a point, images without a JSON file and the reverse,
    images that cannot be opened, images that are shown turned (EXIF), as their outlines then are too."""
    first: dict[str, str]
    """The first place of each reason."""


def read_reasonseg(root: Path, split: str) -> ReasonSegData:
    """Read a split and paint its masks.

    Args:
        root: the data root, see LAYOUT.
        split: name of the folder.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file; names it.
    """
    if not split or Path(split).name != split:
        raise ValueError(f"a split is a plain name, got {split!r}")
    folder = root / FOLDER / split
    images = {path.stem: path for path in sorted(folder.glob("*.jpg"))}
    notes = {path.stem: path for path in sorted(folder.glob("*.json"))}
    if not notes:
        raise FileNotFoundError(f"{folder} holds no JSON files. {LAYOUT}")
    left_out = _LeftOut()
    for stem in sorted(images.keys() ^ notes.keys()):
        reason = "images without a JSON file" if stem in images else "JSON files without an image"
        left_out.add(reason, folder / stem)
    records = []
    for stem in sorted(images.keys() & notes.keys()):
        size = _size(images[stem], left_out)
        if size is not None:
            records.append(_record(images[stem], notes[stem], *size, left_out))
    return ReasonSegData(tuple(records), left_out.counts, left_out.first)


class _LeftOut:
    """Counts by reason, with the first place."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, reason: str, where: object) -> None:
        self.counts[reason] += 1
        self.first.setdefault(reason, str(where))


def _size(path: Path, left_out: _LeftOut) -> tuple[int, int] | None:
    """Height and width of an image; None where it is left out."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(_ORIENTATION, 1) != 1
            size = image.height, image.width
    except Exception as error:  # Pillow promises no particular exception for a broken file
        left_out.add("images that cannot be opened", f"{path}: {type(error).__name__}: {error}")
        return None
    if turned:
        left_out.add("images that are shown turned", path)
    return None if turned else size


def _record(image: Path, path: Path, height: int, width: int, left_out: _LeftOut) -> ReasonSegRecord:
    content = _read(path)
    where = str(path)
    texts = field(content, "text", list, where)
    if not texts or not isinstance(texts[0], str):
        raise ValueError(f"{where}: 'text' must list at least one text")
    shapes = []
    for place, record in enumerate(field(content, "shapes", list, where)):
        at = f"{where}: shape {place}"
        label, points = field(record, "label", str, at), field(record, "points", list, at)
        if label.lower() == "flag":  # the makers' own mark
            continue
        if not points:
            left_out.add("outlines without a point", at)
            continue
        shapes.append(Shape(label, _points(points, at)))
    labels = paint(shapes, height, width)
    ignore = rle.encode(labels == IGNORE)
    return ReasonSegRecord(
        image=image,
        text=texts[0].strip(),
        is_sentence=field(content, "is_sentence", bool, where),
        target=rle.encode(labels == TARGET),
        ignore=None if rle.is_empty(ignore) else ignore,
    )


def _read(path: Path) -> Any:
    """The content of a JSON file in UTF-8, or else in Windows' western code page."""
    raw = path.read_bytes()
    try:
        return json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        try:
            return json.loads(raw.decode("cp1252"))
        except (ValueError, RecursionError):
            raise ValueError(f"{path} is not a JSON file: {error}") from None


def _points(points: list[Any], where: str) -> Points:
    for point in points:
        pair = isinstance(point, list) and len(point) == 2
        if not pair or not all(type(v) in (int, float) and abs(v) <= MAX_COORDINATE for v in point):
            raise ValueError(f"{where}: a point is two numbers x, y near the image, got {point!r}")
    return np.array(points).astype(np.int32)  # towards 0, as LISA does


def paint(shapes: Sequence[Shape], height: int, width: int) -> Labels:
    """The label of each pixel: larger shapes are painted first, so that smaller ones lie on top of them.

    A shape is its outline, one pixel wide, and what is inside (even-odd).

    Returns:
        (height, width) of 0, TARGET and IGNORE.
    """
    areas = [int(_painted(np.zeros((height, width), np.uint8), shape, 1).sum()) for shape in shapes]
    labels = np.zeros((height, width), np.uint8)
    for place in np.argsort(areas, kind="stable")[::-1]:
        shape = shapes[place]
        _painted(labels, shape, IGNORE if "ignore" in shape.label.lower() else TARGET)
    return labels


def _painted(labels: Labels, shape: Shape, label: int) -> Labels:
    cv2.polylines(labels, [shape.points], True, label, 1)
    cv2.fillPoly(labels, [shape.points], label)
    return labels
