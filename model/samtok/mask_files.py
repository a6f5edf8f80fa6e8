"""Masks as image files; non-zero pixels are foreground."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samtok.images import open_image


def read_mask(path: str | Path, width: int, height: int) -> NDArray[np.bool_]:
    """Read an image of one channel (PIL modes 1, L, P or I) as a mask (height, width) bool.

    In a palette image the index counts, not the colour. Images with colour or alpha channels are refused,
    because it is unclear what is foreground in them.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not an image, is damaged, has another mode or size, or has no foreground.
    """
    open_image(path)  # for its error messages
    with Image.open(path) as image:
        if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
            raise ValueError(
                f"mask {path} has mode {image.mode}: save it with one channel, where non-zero is foreground"
            )
        if image.size != (width, height):
            raise ValueError(
                f"mask {path} is {image.width} x {image.height} pixels, the image is {width} x {height}"
            )
        mask = np.asarray(image) != 0
    if not mask.any():
        raise ValueError(f"mask {path} is empty: every pixel is 0, and mask words cannot express this")
    return mask


def write_mask(path: str | Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask (H, W) bool as an image of one channel, 255 where the mask is true."""
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
