"""Colours of objects and backgrounds."""

import numpy as np
from numpy.typing import NDArray

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

# factors of the second tone of patterns; half way to white for all other colours
_SECOND_TONE = {"white": 0.7, "yellow": 0.55, "orange": 0.6, "black": 4.0}


def surface(
    rng: np.random.Generator, colour: str, pattern: str, width: float, angle: float, size: tuple[int, int]
) -> NDArray[np.float64]:
    """The colours of an object in its window, (h, w, 3), before it is cut out.

    Args:
        rng: shades the colour and shifts the pattern.
        colour: one of COLOURS.
        pattern: one of PATTERNS.
        width: of the object, pixels; the pattern grows with it.
        angle: by which the object is turned, radians.
        size: height and width of the window.
    """
    pure = np.array(COLOURS[colour], dtype=np.float32)
    base = pure + rng.integers(-9, 10, 3)
    factor = _SECOND_TONE.get(colour)
    other = pure + 0.5 * (255 - pure) if factor is None else pure * np.float32(factor)
    share = _second_tone_share(rng, pattern, width, angle, size)[..., None]  # (h, w, 1)
    mixed: NDArray[np.float64] = base * (1 - share) + other * share
    return mixed


def _second_tone_share(
    rng: np.random.Generator, pattern: str, width: float, angle: float, size: tuple[int, int]
) -> NDArray[np.float32]:
    """How much of the second tone each pixel takes, (h, w) float32 in 0 to 1."""
    rows, columns = size
    if pattern == "plain":
        return np.zeros((rows, columns), dtype=np.float32)
    period = max(7.0, width / 6)
    angle += 0.6 if pattern == "striped" else 0.0
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    shift = rng.random(2)
    u = (x * np.cos(angle) + y * np.sin(angle)) / period + shift[0]
    v = (y * np.cos(angle) - x * np.sin(angle)) / period + shift[1]
    if pattern == "striped":
        wave = np.sin(2 * np.pi * u)
    elif pattern == "checked":
        wave = np.sin(np.pi * u) * np.sin(np.pi * v) * 1.6
    else:
        wave = 0.32 - np.hypot(u % 1 - 0.5, v % 1 - 0.5)
        wave *= 3.0
    return np.clip(0.5 + wave * period / 3, 0, 1).astype(np.float32)


def background(rng: np.random.Generator, kind: str, side: int) -> NDArray[np.float32]:
    """One of BACKGROUNDS, a muted texture of middle brightness: (side, side, 3) float32."""
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
