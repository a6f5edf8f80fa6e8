"""Shapes as contours in a unit square around the origin, filled by the even-odd rule."""

import numpy as np
from numpy.typing import NDArray

SOLID_SHAPES = ("circle", "square", "triangle", "star", "moon", "heart")
THIN_SHAPES = ("ring", "frame", "cross", "bar")
LETTERS = ("letter a", "letter h", "letter l", "letter t")
SHAPES = SOLID_SHAPES + THIN_SHAPES + LETTERS

_SUBROWS = 4


def draw_shape(shape: str, width: float, angle: float, offset: NDArray[np.float64]) -> NDArray[np.float32]:
    """Coverage of every pixel of the smallest window that holds a shape.

    Args:
        shape: one of SHAPES.
        width: its longer side before it is turned, pixels.
        angle: by which it is turned, radians.
        offset: (2,), x and y of the shape in the window, 0 to 1 pixels.

    Returns:
        (h, w) float32, 0 to 1.
    """
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    contours = [contour @ turn * width for contour in _CONTOURS[shape]]
    low = np.min([contour.min(axis=0) for contour in contours], axis=0)
    contours = [np.round((contour - low + offset) * 64) / 64 for contour in contours]
    columns, rows = np.ceil(np.max([contour.max(axis=0) for contour in contours], axis=0)).astype(int)
    return fill(contours, int(rows), int(columns))


def fill(contours: list[NDArray[np.float64]], rows: int, columns: int) -> NDArray[np.float32]:
    """Coverage of pixels by closed contours under the even-odd rule.

    Args:
        contours: each (V, 2) float, x and y in pixels; pixel (row r, column c) is the square from
            (c, r) to (c + 1, r + 1).
        rows, columns: the size of the result.

    Returns:
        (rows, columns) float32 in 0 to 1: exact along x, sampled at 4 lines a pixel along y.
    """
    starts = np.concatenate(contours)
    ends = np.concatenate([np.roll(contour, -1, axis=0) for contour in contours])
    lines = (np.arange(rows * _SUBROWS) + 0.5) / _SUBROWS  # (S,)
    above = starts[:, 1] <= lines[:, None]
    crossed = above != (ends[:, 1] <= lines[:, None])  # (S, V)
    rise = ends[:, 1] - starts[:, 1]
    slope = (ends[:, 0] - starts[:, 0]) / np.where(rise == 0, 1.0, rise)
    x = starts[:, 0] + (lines[:, None] - starts[:, 1]) * slope
    crossings = np.sort(np.where(crossed, x, np.inf), axis=1)[:, : int(crossed.sum(axis=1).max(initial=0))]
    pixels = np.arange(columns, dtype=np.float32)
    coverage = np.zeros((rows * _SUBROWS, columns), dtype=np.float32)
    for place in range(crossings.shape[1]):  # spans open at even places and close at odd ones
        right = np.clip(crossings[:, place, None].astype(np.float32) - pixels, 0, 1)
        coverage += right if place % 2 else -right
    return coverage.reshape(rows, _SUBROWS, columns).mean(axis=1)


def _regular(corners: int, radius: float = 0.5, start: float = -np.pi / 2) -> NDArray[np.float64]:
    angle = start + 2 * np.pi * np.arange(corners) / corners
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _points(*values: tuple[float, float]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)


def _rectangle(x: float, y: float) -> NDArray[np.float64]:
    return _points((-x, -y), (x, -y), (x, y), (-x, y))


def _star() -> NDArray[np.float64]:
    contour = np.empty((10, 2))
    contour[0::2] = _regular(5, 0.53)
    contour[1::2] = _regular(5, 0.22, -np.pi / 2 + np.pi / 5)
    return contour


def _moon() -> NDArray[np.float64]:
    # an outer arc of 280 degrees, closed by the arc of a smaller circle
    outer = np.linspace(np.deg2rad(50), np.deg2rad(310), 40)
    outside = 0.5 * np.stack([np.cos(outer), np.sin(outer)], axis=1)
    tip = outside[0]
    centre_x = 0.22
    reach = np.hypot(tip[0] - centre_x, tip[1])
    half = np.arctan2(tip[1], tip[0] - centre_x)
    inner = np.linspace(2 * np.pi - half, half, 32)[1:-1]
    inside = np.stack([centre_x + reach * np.cos(inner), reach * np.sin(inner)], axis=1)
    return np.concatenate([outside, inside])


def _heart() -> NDArray[np.float64]:
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
    return np.stack([x, y - 2.5], axis=1) / 33


_S = 0.125  # half the stroke of letters
_CONTOURS: dict[str, list[NDArray[np.float64]]] = {
    "circle": [_regular(48)],
    "ring": [_regular(48), _regular(48, 0.29)],
    "square": [_rectangle(0.46, 0.46)],
    "frame": [_rectangle(0.48, 0.48), _rectangle(0.27, 0.27)],
    "triangle": [_points((0, -0.46), (0.5, 0.4), (-0.5, 0.4))],
    "star": [_star()],
    "cross": [
        _points(
            (-0.13, -0.5), (0.13, -0.5), (0.13, -0.13), (0.5, -0.13), (0.5, 0.13), (0.13, 0.13),
            (0.13, 0.5), (-0.13, 0.5), (-0.13, 0.13), (-0.5, 0.13), (-0.5, -0.13), (-0.13, -0.13),
        )
    ],
    "bar": [_rectangle(0.5, 0.12)],
    "moon": [_moon()],
    "heart": [_heart()],
    "letter l": [
        _points((-0.34, -0.5), (-0.09, -0.5), (-0.09, 0.26), (0.34, 0.26), (0.34, 0.5), (-0.34, 0.5))
    ],
    "letter t": [
        _points(
            (-0.42, -0.5), (0.42, -0.5), (0.42, -0.26), (_S, -0.26), (_S, 0.5), (-_S, 0.5), (-_S, -0.26),
            (-0.42, -0.26),
        )
    ],
    "letter h": [
        _points(
            (-0.4, -0.5), (-0.16, -0.5), (-0.16, -_S), (0.16, -_S), (0.16, -0.5), (0.4, -0.5),
            (0.4, 0.5), (0.16, 0.5), (0.16, _S), (-0.16, _S), (-0.16, 0.5), (-0.4, 0.5),
        )
    ],
    "letter a": [
        _points(
            (-0.14, -0.5), (0.14, -0.5), (0.46, 0.5), (0.21, 0.5), (0.15, 0.29), (-0.15, 0.29),
            (-0.21, 0.5), (-0.46, 0.5),
        ),
        _points((0, -0.24), (0.09, 0.09), (-0.09, 0.09)),
    ],
}  # fmt: skip
