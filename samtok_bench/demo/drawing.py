"""Pictures of a session: regions on the picture, and the way of one mask through its words."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from samtok.colours import BEYOND, BOTH, MISSED, RGB, mask_colour
from samtok.pictures import difference
from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.showing.overlays import overlay

if TYPE_CHECKING:
    from samtok_bench.demo.session import Marked

Point = tuple[float, float]
"""x, y in pixels of the picture."""
LEGEND = {"both": BOTH, "missed": MISSED, "beyond": BEYOND}
"""Colours of a difference."""
SIDE, PANEL_SIDE = 896, 320
"""Longer side of the picture, and of the panels of one mask, as they are shown; pixels."""


def stroke_mask(stroke: Sequence[Point], width: float, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels (H, W) bool under a stroke of a round brush.

    Args:
        stroke: at least one point.
        width: of the brush in pixels.
        size: height and width of the picture.

    Raises:
        ValueError: no point, or a brush without width.
    """
    if not stroke or not width > 0:
        raise ValueError("a stroke has at least one point, and a width")
    height, across = size
    canvas = Image.new("1", (across, height))
    draw, radius = ImageDraw.Draw(canvas), max(width / 2, 0.5)
    if len(stroke) > 1:
        draw.line(list(stroke), fill=1, width=max(1, round(width)), joint="curve")
    for x, y in (stroke[0], stroke[-1]):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return np.asarray(canvas).copy()


def colour(number: int) -> RGB:
    """Of region `number`, from 1: on the picture, in its words, in the dialogue."""
    return mask_colour(number - 1)


def shown(image: Image.Image, side: int = SIDE) -> Image.Image:
    """A picture with `side` as its longer side."""
    scale = side / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def with_regions(image: Image.Image, regions: "Iterable[Marked]") -> Image.Image:
    """A picture as it is shown, with each region in its colour."""
    drawn = shown(image)
    for region in regions:
        drawn = overlay(drawn, [region.mask], colour(region.number))
    return drawn


def round_trip(image: Image.Image, region: "Marked") -> tuple[Image.Image, Image.Image, Image.Image]:
    """A mask, what comes back from its words, and the difference, as `samtok.pictures.difference` has it."""
    small = shown(image, PANEL_SIDE)
    before, after = (overlay(small, [mask], colour(region.number)) for mask in (region.mask, region.decoded))
    return before, after, difference(small, _dense(region.mask, small), _dense(region.decoded, small))


def place_of(mask: RLE) -> tuple[float, float]:
    """Where a number stands on a mask: its innermost point, x, y as shares of the picture."""
    height, width = mask["size"]
    scale = min(1.0, PANEL_SIDE / max(height, width))
    small = rle.resized(mask, max(1, round(height * scale)), max(1, round(width * scale)))
    depth = cv2.distanceTransform(np.pad(small, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return (int(x) + 0.5) / small.shape[1], (int(y) + 0.5) / small.shape[0]


def _dense(mask: RLE, image: Image.Image) -> NDArray[np.bool_]:
    return rle.resized(mask, image.height, image.width)[None]
