"""The zoom of SAMTok's caption scripts: a crop around a small region, with the region's mask on the crop.

Follows the released evaluation (bytedance/Sa2VA, projects/samtok) to the pixel, its oddities included: the
box's last row and column are cut off where the box is not widened, a crop is enlarged only if its long side
is below 280 pixels and then to a short side of 280, and the mask is interpolated in bytes.
"""

import numpy as np
from numpy.typing import NDArray

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.sample import View

JPEG_QUALITY = 75
"""Of the crop as the language model sees it."""
_LEAST_BOX = 140
"""Sides of a box below this are widened, pixels."""
_SIDE = 280


def zoom(mask: RLE, threshold: float) -> tuple[View, RLE] | None:
    """The view that shows a region closely, and the region's mask on it.

    Args:
        mask: of the whole image, not empty.
        threshold: share of the image that the region's box must stay below.

    Returns:
        None for a larger region, and for one of which the crop's cut-off border leaves nothing (the released
        script stops there).
    """
    height, width = mask["size"]
    x1, y1, right, below = rle.box(mask)
    x2, y2 = right - 1, below - 1
    if not (x2 - x1) * (y2 - y1) / (height * width) < threshold:
        return None
    x1, x2 = _widened(x1, x2, width)
    y1, y2 = _widened(y1, y2, height)
    pixels = rle.decode(mask)[y1:y2, x1:x2]
    size = _enlarged(y2 - y1, x2 - x1)
    if size is not None:
        pixels = enlarge_mask(pixels, *size)
    if not pixels.any():
        return None
    return View((x1, y1, x2, y2), size, JPEG_QUALITY), rle.encode(pixels)


def _widened(low: int, high: int, side: int) -> tuple[int, int]:
    margin = max(0, (_LEAST_BOX - (high - low)) // 2)
    return max(0, low - margin), min(side, high + margin)


def _enlarged(height: int, width: int) -> tuple[int, int] | None:
    """The size (height, width) of an enlarged crop, None where it stays."""
    if max(height, width) >= _SIDE:
        return None
    factor = _SIDE / min(height, width)
    # in floating point, as released: 51 * (280 / 17) is a little less than 840 and becomes 839
    return (_SIDE, int(width * factor)) if height <= width else (int(height * factor), _SIDE)


def enlarge_mask(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """A mask (h, w) at a size that is not smaller, by bilinear interpolation of bytes as released."""
    import torch  # starts slowly

    pixels = torch.from_numpy(np.ascontiguousarray(mask, dtype=np.uint8))[None, None]  # (1, 1, h, w)
    enlarged = torch.nn.functional.interpolate(pixels, size=(height, width), mode="bilinear")
    return enlarged[0, 0].numpy() > 0
