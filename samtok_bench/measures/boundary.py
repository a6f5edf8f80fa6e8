"""Boundary IoU (Cheng et al. 2021, arXiv 2103.16562; bowenc0221/boundary-iou-api)."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

RATIO = 0.02
"""Width of the boundary as a share of the image's diagonal."""


def boundary_width(height: int, width: int) -> int:
    """Pixels of the band, at least 1."""
    return max(1, round(RATIO * math.hypot(height, width)))


def boundary(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """The band of so many pixels inside a mask's outline; the image's border is a part of the outline.

    Args:
        mask: (H, W).
        pixels: at least 1.
    """
    padded = np.pad(mask, 1).astype(np.uint8)
    inner = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=pixels)[1:-1, 1:-1]
    return mask & (inner == 0)


def boundary_intersection_union(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[int, int]:
    """Pixels inside both bands, and inside either, of two masks (H, W).

    Boundary IoU is their ratio. It depends on the image's diagonal, not on the object: of an object thinner
    than two bands the band is the whole mask, and boundary IoU is IoU.
    """
    pixels = boundary_width(*a.shape)
    first, second = boundary(a, pixels), boundary(b, pixels)
    return int((first & second).sum()), int((first | second).sum())
