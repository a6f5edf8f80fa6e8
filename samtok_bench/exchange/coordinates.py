"""How models write places in an image as numbers. Which way is declared, never guessed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from samtok_bench.exchange.number_lists import BOX_FIELDS, NumberList, number_lists

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1, pixels of the image."""


@dataclass(frozen=True)
class Coordinates:
    """One way."""

    summary: str
    scale: float | None
    """What the image's whole width and height are; None for its pixels."""
    y_first: bool = False
    key: str = "bbox_2d"
    """What a box is called in JSON, where it is asked for."""

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


def read_boxes(
    text: str, coordinates: Coordinates, size: tuple[int, int]
) -> tuple[list[Box], list[str], int]:
    """The boxes in an answer, in reading order, whatever stands around them.

    A box is four numbers in brackets, or two corners in parentheses as Qwen2-VL writes `(x0,y0),(x1,y1)`. Its
    form says nothing of its coordinates: they are declared. Where one of BOX_FIELDS names boxes, these alone
    are meant; else all lists of numbers that no field names.

    Args:
        text: the answer.
        coordinates: of its numbers.
        size: (height, width) of the image, pixels.

    Returns:
        boxes in pixels within the image, the label of each or "", and how many are none: other than four
        numbers, or without area, or under another name where nothing else is there.
    """
    lists = number_lists(text)
    named = [one for one in lists if one.field in BOX_FIELDS]
    boxes, labels, broken = list[Box](), list[str](), 0
    meant = [one for one in named or lists if one.field in ("", *BOX_FIELDS)]
    for one in _cornered(meant or lists):
        (x0, y0), (x1, y1) = (0.0, 0.0), (0.0, 0.0)
        if len(one.numbers) == 4 and one.field in ("", *BOX_FIELDS):
            (x0, y0), (x1, y1) = (coordinates.point(*point, size) for point in one.points)
        if x0 < x1 and y0 < y1:
            boxes.append((x0, y0, x1, y1))
            labels.append(one.label)
        else:
            broken += 1
    return boxes, labels, broken


def read_polygons(
    text: str, coordinates: Coordinates, size: tuple[int, int]
) -> tuple[list[list[float]], list[str], int]:
    """The polygons in an answer, in reading order: at least three points each, as [[x, y], [x, y], ...] or as
    COCO's [x, y, x, y, ...].

    Points may stand in parentheses. A polygon is [x0, y0, x1, y1, ...]. Lists of other fields of JSON than
    those of polygons are not meant. Otherwise as `read_boxes`.
    """
    found = list[tuple[NumberList, list[float]]]()
    goes_on = False
    for one in number_lists(text):
        points = [value for point in one.points for value in coordinates.point(*point, size)]
        if one.joined and goes_on and len(points) == 2:
            found[-1][1].extend(points)
        else:
            found.append((one, points))
        goes_on = len(points) == 2
    whole = [(one, points) for one, points in found if len(points) >= 6]
    fields = {one.field for one, _ in whole} or {one.field for one, _ in found}
    broken = sum(one.field in fields for one, _ in found) - len(whole)
    return [points for _, points in whole], [one.label for one, _ in whole], broken


def _cornered(lists: Sequence[NumberList]) -> list[NumberList]:
    """The same, two corners in parentheses as one list."""
    found = list[NumberList]()
    for one in lists:
        last = found[-1] if found else one
        if one.joined and one.round and last.round and len(one.numbers) == len(last.numbers) == 2:
            found[-1] = replace(last, numbers=last.numbers + one.numbers)
        else:
            found.append(one)
    return found
