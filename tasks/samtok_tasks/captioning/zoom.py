"""The zoom of SAMTok's caption scripts: a crop around a small region, with the region's mask on the crop.

Follows the released evaluation (bytedance/Sa2VA, projects/samtok) to the pixel, its oddities included: the
box's last row and column are cut off where the box is not widened, a crop is enlarged only if its long side
is below 280 pixels and then to a short side of 280, and the mask is interpolated in bytes as torch does on
a CPU.
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
_WEIGHT_BITS = 14
"""Of torch's weights for bytes when the largest is 1, as it always is when a picture is enlarged."""


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
    """A mask (h, w) at a size that is not smaller, by bilinear interpolation of bytes.

    torch.nn.functional.interpolate on CPU bytes goes along rows, then along columns, with weights in steps
    of 1/16384, and rounds to whole numbers after each.
    """
    values = mask.astype(np.int64)
    for axis, size in ((1, width), (0, height)):
        if values.shape[axis] != size:
            values = _along(values, axis, size)
    return values > 0


def _along(values: NDArray[np.int64], axis: int, size: int) -> NDArray[np.int64]:
    length = values.shape[axis]
    place = np.maximum((np.arange(size) + 0.5) * (length / size) - 0.5, 0)
    low = np.minimum(place.astype(np.int64), length - 1)
    share = np.where(low < length - 1, place - low, 0)
    high = np.minimum(low + 1, length - 1)
    one, shape = 1 << _WEIGHT_BITS, (-1, 1) if axis == 0 else (1, -1)
    first, second = (
        np.floor(weight * one + 0.5).astype(np.int64).reshape(shape) for weight in (1 - share, share)
    )
    total = values.take(low, axis) * first + values.take(high, axis) * second
    return (total + one // 2) >> _WEIGHT_BITS
