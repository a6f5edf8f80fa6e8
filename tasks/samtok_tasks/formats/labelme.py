"""Shapes of labelme's files (wkentaro/labelme): what their points mean depends on their kind.

A polygon is its corners. A rectangle is two opposite corners, a circle its centre and a point on its rim.
Other kinds have points that are corners of nothing: `line`, `linestrip`, `point` and `points`, and those of
later versions, as `mask`, whose points are the corners of a box around pixels that stand elsewhere.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

POLYGON, RECTANGLE, CIRCLE = "polygon", "rectangle", "circle"
STROKES = frozenset(("line", "linestrip", "point", "points"))
"""What has no area of its own."""
Points: TypeAlias = Sequence[Sequence[float]]
"""x and y in pixels, each."""


def corners(kind: str, points: Points) -> list[list[float]]:
    """The corners of a polygon or rectangle, in order.

    Raises:
        ValueError: another kind, or a rectangle of another number of points than two, or its four corners.
    """
    if kind not in (POLYGON, RECTANGLE):
        raise ValueError(f"a shape must be a {RECTANGLE} or a {POLYGON}, got {kind!r}")
    if kind == RECTANGLE and len(points) != 4:
        (x0, y0), (x1, y1) = _two(kind, points)
        return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    return [list(point) for point in points]


def disc(points: Points, height: int, width: int) -> NDArray[np.bool_]:
    """The pixels (height, width) that are no farther from a circle's centre than the point on its rim.

    Raises:
        ValueError: another number of points than two.
    """
    (x, y), (rim_x, rim_y) = _two(CIRCLE, points)
    rows, columns = np.ogrid[:height, :width]
    inside: NDArray[np.bool_] = (columns - x) ** 2 + (rows - y) ** 2 <= (rim_x - x) ** 2 + (rim_y - y) ** 2
    return inside


def _two(kind: str, points: Points) -> Points:
    if len(points) != 2:
        raise ValueError(f"a {kind} has two points, got {len(points)}")
    return points
