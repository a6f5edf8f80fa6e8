"""Pictures as they are sent to a model elsewhere: what a local model sees, with regions drawn on it."""

import base64
import io
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from samtok_bench import rle
from samtok_bench.rle import RLE

OUTLINES = {
    "orange": (230, 159, 0),
    "sky blue": (86, 180, 233),
    "green": (0, 158, 115),
    "yellow": (240, 228, 66),
    "blue": (0, 114, 178),
    "red": (213, 94, 0),
    "purple": (204, 121, 167),
    "black": (0, 0, 0),
}
"""Colours of Okabe and Ito, by the names that a prompt gives them."""


def colour_name(number: int) -> str:
    """What a prompt calls the outline of region `number`, from 0."""
    return list(OUTLINES)[number % len(OUTLINES)]


def outlined(image: Image.Image, masks: Sequence[RLE]) -> Image.Image:
    """A picture with the outline of each mask, as wide as 1/200 of the longer side, at least 2 pixels.

    Args:
        image: RGB, of the masks' size.
        masks: the first gets the first of OUTLINES, and so on.
    """
    pixels = np.array(image)
    width = max(2, round(max(image.size) / 200))
    for number, mask in enumerate(masks):
        pixels[_outline(rle.decode(mask), width)] = OUTLINES[colour_name(number)]
    return Image.fromarray(pixels)


def _outline(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels outside of the mask that are close to it, and those of its border where there is no outside."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    grown = cv2.dilate(mask.astype(np.uint8), cross, iterations=width).astype(bool)
    ring: np.ndarray = grown & ~mask
    return ring if ring.any() else mask


def png(image: Image.Image) -> bytes:
    """A picture as a file, without loss."""
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=1)
    return file.getvalue()


def data_url(image: Image.Image) -> str:
    """A picture as a PNG in a URL."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode("ascii")
