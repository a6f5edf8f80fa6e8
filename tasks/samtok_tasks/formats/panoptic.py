"""The PNGs of COCO panoptic segmentation, whose colours are segment ids."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VOID = 0
"""The id of pixels that belong to no segment."""


def read_ids(path: Path) -> NDArray[np.int32]:
    """The segment id of each pixel, (H, W).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a readable RGB image.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode != "RGB":
                raise ValueError(f"segment ids are RGB, this is {image.mode}")
            colours = np.asarray(image, dtype=np.int32)
    except FileNotFoundError:
        raise
    except Exception as error:  # Pillow promises no particular exception for a broken file
        raise ValueError(f"{path}: {error}") from None
    return colours[..., 0] + (colours[..., 1] << 8) + (colours[..., 2] << 16)
