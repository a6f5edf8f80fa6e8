"""ReasonSeg as distributed with LISA: a JSON file beside each image, with outlines in the order of painting.

An image has one target, which may have several outlines, and one question (of train images, several
wordings; the first is asked, as LISA does in validation).

Outlines are labelme's shapes. LISA paints the points of every kind as a polygon's, which of a rectangle or
circle of two points leaves a line; here these are what labelme means, while lines and points are painted as
LISA does, and counted. LISA takes every label for a target but `flag` and words with `ignore` in them; here
an image with any other label than `target` is left out.

Images and outlines are upright: LISA reads images by OpenCV, which turns and mirrors them as EXIF asks, and
paints the outlines on what it gets, as labelme shows images to whoever draws.
"""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from samtok_bench import rle
from samtok_bench.images import image_size
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats import labelme
from samtok_tasks.formats.files import Coordinate, NotTextError, Record, parse, read_json

FOLDER = "reason_seg/ReasonSeg"
LAYOUT = (
    f"Expected below the data root: {FOLDER}/SPLIT/ with train, val or test for SPLIT, and in it NAME.jpg "
    "with NAME.json (ReasonSeg of github.com/dvlab-research/LISA, on its Google Drive)."
)
TARGET, IGNORE = 1, 255
"""Labels of pixels; all others are 0."""

_FOREIGN = re.compile(rb"[\x80-\x84\x86-\x90\x98-\xff]{2}")
"""Two bytes in a row that are neither ASCII nor one of the code page's quotes, dashes and dots."""
_TARGET, _IGNORE, _UNUSED = "target", "ignore", "flag"
"""Labels: the target's, what is in those of pixels to be ignored, and the makers' own marks'."""

Labels = NDArray[np.uint8]


class Outline(Record):
    """One outline."""

    label: str
    """`target`, or a word with `ignore` in it; in either case."""
    shape_type: str | None = None
    """The kind of labelme's shapes; without one it is a polygon."""
    points: list[Annotated[list[Coordinate], Field(min_length=2, max_length=2)]]
    """x and y in pixels; cut to whole ones when it is painted, but of a circle."""


class _Annotation(Record):
    text: Annotated[list[str], Field(min_length=1)]
    is_sentence: bool
    shapes: list[Outline]


@dataclass(frozen=True)
class ReasonSegImage:
    """One image with its question."""

    image: Path
    """It was opened for its size only; to be opened upright."""
    text: str
    is_sentence: bool
    """A long query in the form of a sentence or question; else a short phrase."""
    target: RLE
    ignore: RLE | None
    """Pixels that do not count; None where all do. They are not in the target."""


def read_reasonseg(root: Path, split: str) -> tuple[list[ReasonSegImage], Dropped]:
    """Read a split, in the order of the images' names, and paint its masks.

    Left out are outlines without a point, images with an outline of an unknown label or kind, images without
    a JSON file and the reverse, and images that cannot be opened.
    """
    if not split or Path(split).name != split:
        raise ValueError(f"a split is a plain name, got {split!r}")
    folder = root / FOLDER / split
    images = {path.stem: path for path in sorted(folder.glob("*.jpg"))}
    notes = {path.stem: path for path in sorted(folder.glob("*.json"))}
    if not notes:
        raise FileNotFoundError(f"{folder} holds no JSON files. {LAYOUT}")
    dropped = Dropped()
    for stem in sorted(images.keys() ^ notes.keys()):
        if stem in images:
            dropped.add("images without a JSON file", str(folder / stem))
        else:
            dropped.lose("JSON files without an image", str(folder / stem))
    found = []
    for stem in sorted(images.keys() & notes.keys()):
        size = _size(images[stem], dropped)
        if size is not None:
            image = _read_image(images[stem], notes[stem], *size, dropped)
            found += [image] if image else []
    return found, dropped


def _size(path: Path, dropped: Dropped) -> tuple[int, int] | None:
    """Height and width of an image; None where it is left out."""
    try:
        return image_size(path, upright=True)
    except ValueError as error:
        dropped.lose("images that cannot be opened", str(path), str(error))
        return None


def _read_image(image: Path, path: Path, height: int, width: int, dropped: Dropped) -> ReasonSegImage | None:
    """None for an image that is left out: with an outline that cannot be read its target is not known."""
    annotation = parse(_Annotation, _read_json(path), str(path))
    outlines = []
    for place, outline in enumerate(annotation.shapes):
        where = f"{path}: shape {place}"
        if outline.label.lower() == _UNUSED:
            continue
        if not outline.points:
            dropped.add("outlines without a point", where)
            continue
        if _label(outline) is None:
            expected = f"{outline.label!r} is none of {_TARGET}, {_IGNORE}, {_UNUSED}"
            dropped.add("images with an unknown label", where, expected)
            return None
        try:
            outlines.append(_drawn(outline))
        except ValueError as error:
            dropped.add("images with an outline of unknown form", where, str(error))
            return None
        if outline.shape_type in labelme.STROKES or (
            outline.shape_type != labelme.CIRCLE and len(outlines[-1].points) < 3
        ):
            dropped.keep("outlines that enclose nothing", where)
    labels = paint(outlines, height, width)
    ignore = rle.encode(labels == IGNORE)
    return ReasonSegImage(
        image=image,
        text=annotation.text[0].strip(),
        is_sentence=annotation.is_sentence,
        target=rle.encode(labels == TARGET),
        ignore=None if rle.is_empty(ignore) else ignore,
    )


def _read_json(path: Path) -> Any:
    """The content of a JSON file in UTF-8, or else in Windows' western code page, as LISA reads it.

    That code page makes letters of almost any bytes. It is taken where accented letters stand alone, as in
    the official files; two in a row are another encoding, and such a file is refused.
    """
    try:
        return read_json(path)
    except NotTextError as error:
        raw = path.read_bytes()
        if not _FOREIGN.search(raw):
            with suppress(ValueError, RecursionError):
                return json.loads(raw.decode("cp1252"))
        raise error from None


def _label(outline: Outline) -> int | None:
    """TARGET or IGNORE; None for an unknown label."""
    name = outline.label.strip().lower()
    return IGNORE if _IGNORE in name else TARGET if name == _TARGET else None


def _drawn(outline: Outline) -> Outline:
    """An outline whose points are what is drawn, or a circle's; ValueError for another kind."""
    kind = outline.shape_type or labelme.POLYGON
    if kind in labelme.STROKES:
        return outline
    if kind == labelme.CIRCLE:
        labelme.disc(outline.points, 0, 0)
        return outline
    return outline.model_copy(update={"points": labelme.corners(kind, outline.points)})


def paint(outlines: Sequence[Outline], height: int, width: int) -> Labels:
    """The label of each pixel: larger shapes are painted first, so that smaller ones lie on top of them.

    A shape is its outline, one pixel wide, and what is inside (even-odd); a circle is its disc.

    Args:
        outlines: of known labels and kinds; rectangles with four points.
        height, width: of the image, pixels.

    Returns:
        (height, width) of 0, TARGET and IGNORE.
    """
    areas = [int(_painted(np.zeros((height, width), np.uint8), outline, 1).sum()) for outline in outlines]
    labels = np.zeros((height, width), np.uint8)
    for place in np.argsort(areas, kind="stable")[::-1]:
        _painted(labels, outlines[place], _label(outlines[place]) or 0)
    return labels


def _painted(labels: Labels, outline: Outline, label: int) -> Labels:
    if outline.shape_type == labelme.CIRCLE:
        labels[labelme.disc(outline.points, *labels.shape)] = label
        return labels
    points = np.array(outline.points).astype(np.int32)  # towards 0, as LISA does
    cv2.polylines(labels, [points], True, label, 1)
    cv2.fillPoly(labels, [points], label)
    return labels
