"""Masks as pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

from samtok_bench import rle
from samtok_bench.rle import RLE


def read_mask(path: Path, size: tuple[int, int]) -> RLE:
    """A mask from a picture of one channel, where every pixel that is not 0 is inside.

    Raises:
        ValueError: another size (height, width) than wanted, or several channels.
        OSError: there is no such file, or it is no picture.
    """
    with Image.open(path) as image:
        pixels = np.asarray(image)
    if pixels.ndim != 2:
        raise ValueError(f"{path} has {pixels.shape[2]} channels, a mask has one")
    if pixels.shape != size:
        raise ValueError(f"{path} is of size {list(pixels.shape)}, the image of {list(size)}")
    return rle.encode(pixels)
