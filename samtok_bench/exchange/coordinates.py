"""How models write places in an image as numbers. Which way is declared, never guessed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1, pixels of the image."""
NUMBER = r"-?\d{1,7}(?:\.\d{1,9})?"


@dataclass(frozen=True)
class Coordinates:
    """One way."""

    summary: str
    scale: float | None
    """What the image's whole width and height are; None for its pixels."""
    y_first: bool = False
    key: str = "bbox_2d"
    """What a box is called in JSON."""

    def scaled(self, size: tuple[int, int]) -> tuple[float, float]:
        """Width and height of an image of `size` (height, width) in these numbers."""
        height, width = size
        return (width, height) if self.scale is None else (self.scale, self.scale)

    def point(self, first: float, second: float, size: tuple[int, int]) -> tuple[float, float]:
        """x, y in pixels of an image of `size`, moved into it."""
        x, y = (second, first) if self.y_first else (first, second)
        height, width = size
        across, down = self.scaled(size)
        return min(max(x * width / across, 0.0), width), min(max(y * height / down, 0.0), height)

    def written(self, box: Sequence[float], size: tuple[int, int]) -> str:
        """A box in pixels as a model writes it, in JSON."""
        height, width = size
        across, down = self.scaled(size)
        corners = [(box[0] * across / width, box[1] * down / height)]
        corners += [(box[2] * across / width, box[3] * down / height)]
        numbers = [n for x, y in corners for n in ((y, x) if self.y_first else (x, y))]
        shown = [round(n, 3) if self.scale == 1 else round(n) for n in numbers]
        return f'{{"{self.key}": {shown}}}'


COORDINATES: Mapping[str, Coordinates] = {
    "pixels": Coordinates("pixels of the image that is sent (Qwen2.5-VL), x first", None),
    "thousandths": Coordinates("0 to 1000, x first (Qwen2-VL, Qwen3-VL)", 1000),
    "thousandths-yx": Coordinates("0 to 1000, y first, as box_2d (Gemini)", 1000, True, "box_2d"),
    "shares": Coordinates("0 to 1, x first", 1),
}
"""By name."""


def named(name: str) -> Coordinates:
    """One of COORDINATES; ValueError for another name."""
    if name not in COORDINATES:
        raise ValueError(f"unknown coordinates {name!r}; there are {', '.join(COORDINATES)}")
    return COORDINATES[name]


def read_boxes(text: str, coordinates: Coordinates, size: tuple[int, int]) -> tuple[list[Box], int]:
    """The boxes in an answer, in reading order.

    Every `"bbox_2d": [4 numbers]` counts (`"box_2d"` for Gemini), whatever stands around it.

    Args:
        text: the answer.
        coordinates: of its numbers.
        size: (height, width) of the image, pixels.

    Returns:
        boxes in pixels within the image, and how many are none: other than four numbers, or without area.
    """
    boxes, broken = [], 0
    for name in re.finditer(rf"[\"']{coordinates.key}[\"']\s{{0,9}}:", text):
        found = _FOUR.match(text, name.end())
        if found is None:
            broken += 1
            continue
        a, b, c, d = map(float, found.groups())
        (x0, y0), (x1, y1) = coordinates.point(a, b, size), coordinates.point(c, d, size)
        if x0 < x1 and y0 < y1:
            boxes.append((x0, y0, x1, y1))
        else:
            broken += 1
    return boxes, broken


def read_polygons(
    text: str, coordinates: Coordinates, size: tuple[int, int]
) -> tuple[list[list[float]], int]:
    """The polygons in an answer, in reading order: lists of at least three points, as [[x, y], [x, y], ...].

    Points may stand in parentheses. Otherwise as `read_boxes`; a polygon is [x0, y0, x1, y1, ...].
    """
    polygons, broken, points = list[list[float]](), 0, list[float]()
    count, end = 0, -1

    def close() -> None:
        nonlocal broken, points, count
        if count >= 3:
            polygons.append(points)
        elif count:
            broken += 1
        points, count = [], 0

    for found in _POINT.finditer(text):
        if not _BETWEEN.fullmatch(text, end, found.start()) if end >= 0 else False:
            close()
        points += coordinates.point(float(found[1]), float(found[2]), size)
        count, end = count + 1, found.end()
    close()
    return polygons, broken


_FOUR = re.compile(rf"\s{{0,9}}\[\s{{0,9}}({NUMBER})" + rf"\s{{0,9}},\s{{0,9}}({NUMBER})" * 3 + r"\s{0,9}\]")
_POINT = re.compile(rf"[\[(]\s{{0,9}}({NUMBER})\s{{0,9}},\s{{0,9}}({NUMBER})\s{{0,9}}[\])]")
_BETWEEN = re.compile(r"[\s,]{0,9}")
"""What may stand between two points of a polygon."""
