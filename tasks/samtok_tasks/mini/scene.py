"""Seeded scenes of textured shapes with exact masks.

Everything is drawn with numpy alone, vertices rounded to 1/64 px, so that a seed gives the same
picture on every machine and with every version of the imaging libraries.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
SizeWord = Literal["small", "large"]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (210, 35, 40),
    "orange": (243, 135, 30),
    "yellow": (245, 222, 60),
    "green": (40, 155, 60),
    "blue": (40, 85, 215),
    "purple": (140, 50, 165),
    "white": (246, 246, 246),
    "black": (22, 22, 24),
}
PATTERNS = ("plain", "striped", "dotted", "checked")
BACKGROUNDS = ("gradient", "noise", "stripes", "blobs")
SOLID_SHAPES = ("circle", "square", "triangle", "star", "moon", "heart")
THIN_SHAPES = ("ring", "frame", "cross", "bar")
LETTERS = ("letter a", "letter h", "letter l", "letter t")
SHAPES = SOLID_SHAPES + THIN_SHAPES + LETTERS

# Widths at 192 px. Nothing between the first two ranges is called small or large.
REFERENCE_SIZE = 192
WIDTHS: dict[SizeWord | None, tuple[float, float]] = {
    "small": (24.0, 36.0),
    "large": (58.0, 90.0),
    None: (42.0, 50.0),
}
MIN_VISIBLE_FRACTION = 0.6
MIN_VISIBLE_PIXELS = 80

# factors of the second tone of patterns; half way to white for all other colours
_SECOND_TONE = {"white": 0.7, "yellow": 0.55, "orange": 0.6, "black": 4.0}
_SUBROWS = 4
_PLACE_TRIES = 24
# how far a shape may turn and still be called by its name, degrees
_MAX_TURN = {"circle": 0, "ring": 0, "star": 180, "bar": 180, "moon": 60, "square": 22, "frame": 22}
_DEFAULT_TURN = 18


@dataclass(frozen=True)
class SceneObject:
    """One object as it is seen, that is after others have covered a part of it."""

    index: int
    """Place in the painting order, 0 is the farthest back."""
    shape: str
    colour: str
    pattern: str
    size: SizeWord | None
    """The word that certainly fits; None where neither does."""
    width: float
    """Longer side of the shape before it was turned, pixels."""
    mask: Mask
    """(H, W) bool, the visible pixels."""
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1 of the visible pixels, half open."""
    centre: tuple[float, float]
    """x, y: centre of the box."""
    area: int
    """Visible pixels."""


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it."""

    seed: int
    image: NDArray[np.uint8]
    """(H, W, 3) uint8."""
    objects: tuple[SceneObject, ...]
    background: str


def draw_scene(seed: int, *, size: int = 192, objects: tuple[int, int] = (1, 7)) -> Scene:
    """Draw the scene of this seed.

    Args:
        seed: any non-negative integer; the scene depends on it and on the options alone.
        size: height and width in pixels, at least 64; the widths of objects grow with it.
        objects: least and greatest number of objects. One that finds no place is left out, so a
            crowded scene can hold fewer than the least number, but never none.

    Raises:
        ValueError: for a size below 64 or an impossible range.
    """
    if size < 64:
        raise ValueError(f"size must be at least 64 pixels, got {size}")
    least, most = objects
    if not 1 <= least <= most:
        raise ValueError(f"objects must be a range (least, most) with 1 <= least <= most, got {objects}")
    rng = np.random.default_rng(seed)
    background = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    canvas = _background(rng, background, size)  # (H, W, 3) float32
    owner = np.full((size, size), -1, dtype=np.int16)  # index of the front object, -1 is background
    colours, shapes = _palette(rng)
    placed: list[_Placed] = []
    for _ in range(rng.integers(least, most + 1)):
        found = _place(rng, placed, owner, colours, shapes)
        if found is not None:
            _paint(rng, canvas, found)
            owner[found.window][found.mask] = len(placed)
            placed.append(found)
    image = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
    seen = tuple(_seen(index, item, owner) for index, item in enumerate(placed))
    return Scene(seed=seed, image=image, objects=seen, background=background)


@dataclass(frozen=True)
class _Placed:
    """An object with its coverage on the window that it was drawn in."""

    shape: str
    colour: str
    pattern: str
    size: SizeWord | None
    width: float
    angle: float
    coverage: NDArray[np.float32]  # (h, w) 0 to 1
    mask: Mask  # (h, w)
    window: tuple[slice, slice]


def _palette(rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Colours and shapes of this scene; few of them in half the scenes, so that they repeat."""
    few_colours, few_shapes = rng.random(2) < 0.5
    colours = rng.permutation(list(COLOURS))[: rng.integers(2, 5) if few_colours else None]
    shapes = rng.permutation(SHAPES)[: rng.integers(2, 5) if few_shapes else None]
    return [str(name) for name in colours], [str(name) for name in shapes]


def _place(
    rng: np.random.Generator,
    placed: list[_Placed],
    owner: NDArray[np.int16],
    colours: list[str],
    shapes: list[str],
) -> _Placed | None:
    """A new object at a place where all earlier ones stay visible enough, None if there is none."""
    side = owner.shape[0]
    shape = shapes[rng.integers(len(shapes))]
    colour = colours[rng.integers(len(colours))]
    wanted = PATTERNS[rng.integers(len(PATTERNS))] if rng.random() < 0.7 else "plain"
    may_cover = rng.random() < 0.35
    word: SizeWord | None
    for word in (_size_word(rng), "small"):  # a second chance for what is too large to fit
        low, high = WIDTHS[word]
        width = rng.uniform(low, high) * side / REFERENCE_SIZE
        pattern = wanted if wanted in patterns_of(shape, word) else "plain"
        turn = _MAX_TURN.get(shape, _DEFAULT_TURN)
        angle = float(np.deg2rad(rng.uniform(-turn, turn))) if rng.random() < 0.5 else 0.0
        coverage = _draw_shape(shape, width, angle, rng.random(2))
        mask = coverage >= 0.5
        rows, columns = mask.shape
        for _ in range(_PLACE_TRIES):
            top, left = rng.integers(0, (side - rows + 1, side - columns + 1))
            window = (slice(top, top + rows), slice(left, left + columns))
            if _may_stand(owner, window, mask, placed, may_cover, colour):
                return _Placed(shape, colour, pattern, word, width, angle, coverage, mask, window)
    return None


def patterns_of(shape: str, word: SizeWord | None) -> tuple[str, ...]:
    """Patterns that can be told apart on this shape at this size."""
    if shape in SOLID_SHAPES:
        return ("plain", "striped") if shape == "moon" or word == "small" else PATTERNS
    return ("plain",) if word == "small" else ("plain", "striped")


def _size_word(rng: np.random.Generator) -> SizeWord | None:
    words: tuple[SizeWord | None, ...] = ("small", "large", None)
    return words[rng.choice(3, p=(0.42, 0.38, 0.2))]


def _may_stand(
    owner: NDArray[np.int16],
    window: tuple[slice, slice],
    mask: Mask,
    placed: list[_Placed],
    may_cover: bool,
    colour: str,
) -> bool:
    if not placed:
        return True
    behind = owner[window][mask]
    covered = behind[behind >= 0]
    if not covered.size:
        return True
    if not may_cover:
        return False
    for index, pixels in enumerate(np.bincount(covered, minlength=len(placed))):
        if pixels:
            if placed[index].colour == colour:  # their border would be invisible
                return False
            visible = int((owner == index).sum()) - pixels
            if visible < max(MIN_VISIBLE_FRACTION * placed[index].mask.sum(), MIN_VISIBLE_PIXELS):
                return False
    return True


def _seen(index: int, item: _Placed, owner: NDArray[np.int16]) -> SceneObject:
    mask = owner == index
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    x0, x1, y0, y1 = int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
    return SceneObject(
        index=index,
        shape=item.shape,
        colour=item.colour,
        pattern=item.pattern,
        size=item.size,
        width=item.width,
        mask=mask,
        box=(x0, y0, x1, y1),
        centre=((x0 + x1) / 2, (y0 + y1) / 2),
        area=int(mask.sum()),
    )


# Painting


def _paint(rng: np.random.Generator, canvas: NDArray[np.float32], item: _Placed) -> None:
    pure = np.array(COLOURS[item.colour], dtype=np.float32)
    base = pure + rng.integers(-9, 10, 3)
    factor = _SECOND_TONE.get(item.colour)
    other = pure + 0.5 * (255 - pure) if factor is None else pure * np.float32(factor)
    share = _pattern(rng, item)[..., None]  # (h, w, 1)
    colour = base * (1 - share) + other * share
    alpha = item.coverage[..., None]
    window = canvas[item.window]
    canvas[item.window] = window * (1 - alpha) + colour * alpha


def _pattern(rng: np.random.Generator, item: _Placed) -> NDArray[np.float32]:
    """How much of the second tone each pixel takes, (h, w) float32 in 0 to 1."""
    rows, columns = item.mask.shape
    if item.pattern == "plain":
        return np.zeros((rows, columns), dtype=np.float32)
    period = max(7.0, item.width / 6)
    angle = item.angle + (0.6 if item.pattern == "striped" else 0.0)
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    shift = rng.random(2)
    u = (x * np.cos(angle) + y * np.sin(angle)) / period + shift[0]
    v = (y * np.cos(angle) - x * np.sin(angle)) / period + shift[1]
    if item.pattern == "striped":
        wave = np.sin(2 * np.pi * u)
    elif item.pattern == "checked":
        wave = np.sin(np.pi * u) * np.sin(np.pi * v) * 1.6
    else:
        wave = 0.32 - np.hypot(u % 1 - 0.5, v % 1 - 0.5)
        wave *= 3.0
    return np.clip(0.5 + wave * period / 3, 0, 1).astype(np.float32)


def _background(rng: np.random.Generator, kind: str, side: int) -> NDArray[np.float32]:
    """A muted texture of middle brightness, (H, W, 3) float32."""
    light, tint = rng.uniform(95, 165), rng.uniform(-22, 22, 3)
    first = light + tint
    second = first + rng.uniform(-28, 28) + rng.uniform(-14, 14, 3)
    along = np.linspace(0, 1, side, dtype=np.float32)
    if kind == "gradient":
        angle = rng.uniform(0, 2 * np.pi)
        field = along[None, :] * np.cos(angle) + along[:, None] * np.sin(angle)
    elif kind == "stripes":
        angle, count = rng.uniform(0, np.pi), rng.uniform(3, 14)
        field = along[None, :] * np.cos(angle) + along[:, None] * np.sin(angle)
        field = 0.5 + 0.5 * np.sin(2 * np.pi * count * field)
    elif kind == "blobs":
        field = _smooth(rng, int(rng.integers(3, 8)), side)
    else:
        field = _smooth(rng, side // int(rng.integers(3, 9)), side)
    field = field.astype(np.float32)[..., None]
    canvas = np.float32(1 - field) * first.astype(np.float32) + field * second.astype(np.float32)
    grain = rng.integers(-7, 8, (side, side, 1), dtype=np.int8)
    return canvas + grain


def _smooth(rng: np.random.Generator, cells: int, side: int) -> NDArray[np.float64]:
    """Random values on a coarse grid, linearly interpolated: (side, side), 0 to 1."""
    grid = rng.random((cells + 1, cells + 1))
    position = np.linspace(0, cells, side)
    low = np.minimum(position.astype(np.int64), cells - 1)
    share = position - low
    rows = grid[low] * (1 - share[:, None]) + grid[low + 1] * share[:, None]  # (side, cells + 1)
    return rows[:, low] * (1 - share) + rows[:, low + 1] * share


# Shapes: contours in a unit square around the origin, filled by the even-odd rule


def _draw_shape(shape: str, width: float, angle: float, offset: NDArray[np.float64]) -> NDArray[np.float32]:
    """Coverage of every pixel of the smallest window that holds the shape, (h, w) float32, 0 to 1."""
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
