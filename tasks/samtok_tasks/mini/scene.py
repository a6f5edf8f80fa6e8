"""Seeded scenes of textured shapes with exact masks.

Everything is drawn with numpy alone, vertices rounded to 1/64 px, so that a seed gives the same
picture on every machine and with every version of the imaging libraries.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from samtok_tasks.mini.shapes import SHAPES, SOLID_SHAPES, draw_shape
from samtok_tasks.mini.textures import BACKGROUNDS, COLOURS, PATTERNS, background, surface

Mask = NDArray[np.bool_]
SizeWord = Literal["small", "large"]

# Widths at 192 px. Nothing between the first two ranges is called small or large.
REFERENCE_SIZE = 192
WIDTHS: dict[SizeWord | None, tuple[float, float]] = {
    "small": (24.0, 36.0),
    "large": (58.0, 90.0),
    None: (42.0, 50.0),
}
MIN_VISIBLE_FRACTION = 0.6
MIN_VISIBLE_PIXELS = 80

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
    behind = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    canvas = background(rng, behind, size)  # (H, W, 3) float32
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
    return Scene(seed=seed, image=image, objects=seen, background=behind)


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
        coverage = draw_shape(shape, width, angle, rng.random(2))
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


def _paint(rng: np.random.Generator, canvas: NDArray[np.float32], item: _Placed) -> None:
    colours = surface(rng, item.colour, item.pattern, item.width, item.angle, item.mask.shape)
    alpha = item.coverage[..., None]
    canvas[item.window] = canvas[item.window] * (1 - alpha) + colours * alpha
