"""The PNGs of COCO panoptic segmentation, whose colours are segment ids."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samtok_bench.images import read_stored

VOID = 0
"""The id of pixels that belong to no segment."""


def read_ids(path: Path) -> NDArray[np.int32]:
    """The segment id of each pixel, (H, W).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a readable RGB image.
    """
    image = read_stored(path, ("PNG",))
    if image.mode != "RGB":
        raise ValueError(f"{path}: segment ids are RGB, this is {image.mode}")
    colours = np.asarray(image)
    ids = colours[..., 0].astype(np.int32)
    for channel in (1, 2):
        ids |= colours[..., channel].astype(np.int32) << 8 * channel
    return ids
