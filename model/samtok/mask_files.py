"""Masks as image files: one channel, 0 outside and one other value inside, stored without loss."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samtok.images import ImageFileError, read_stored

_LOSSY = ("JPEG", "MPO")
_ONE_CHANNEL = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")


class NotBinaryError(ValueError):
    """An image that says no foreground, with the reason in one line."""


def mask_pixels(
    path: str | Path, formats: tuple[str, ...] | None = None, content: bytes | None = None
) -> NDArray[np.bool_]:
    """The mask (H, W) that an image file stores. The rule of every mask file that is read here.

    In a palette image the index counts, not the colour. Several channels and more than one value beside 0 are
    refused rather than guessed at: grey edges and compression noise are neither inside nor outside. So is
    JPEG, whatever its values, since it does not keep them.

    Args:
        path: the file.
        formats: those that it may have, by Pillow's names; any by default.
        content: of the file; `path` then only stands for it in errors.

    Raises:
        ImageFileError: the file is no image that can be read, or a JPEG.
        NotBinaryError: several channels or values.
    """
    image = read_stored(path, formats, content)
    if image.format in _LOSSY:
        raise ImageFileError(f"{path} is a JPEG, which does not keep the values of a mask: save it as PNG")
    if image.mode not in _ONE_CHANNEL:
        raise NotBinaryError(f"{path} has mode {image.mode}: a mask has one channel; save it as greyscale")
    # Pillow's bool arrays hold bytes of 255, which do not compare equal to each other
    pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    inside = pixels[pixels != 0]
    if (inside != inside[:1]).any():
        raise NotBinaryError(
            f"{path} has more than two values, or two and no 0: if they are ids, save one file a mask;"
            " if they are grey edges, choose a threshold and save 0 and 255"
        )
    return pixels != 0


def read_mask(path: str | Path, width: int, height: int) -> NDArray[np.bool_]:
    """The mask (height, width) of an image; see `mask_pixels`.

    Raises:
        ValueError: the file holds no mask, one of another size, or one without foreground.
    """
    mask = mask_pixels(path)
    if mask.shape != (height, width):
        raise ValueError(
            f"mask {path} is {mask.shape[1]} x {mask.shape[0]} pixels, the image is {width} x {height}"
        )
    if not mask.any():
        raise ValueError(f"mask {path} is empty: every pixel is 0, and mask words cannot express this")
    return mask


def write_mask(path: str | Path, mask: NDArray[np.bool_]) -> None:
    """Write a mask (H, W) bool as an image of one channel, 255 where the mask is true."""
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
