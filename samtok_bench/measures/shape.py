"""What makes a mask hard: parts, holes, thinness, the image's border."""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def components(mask: Mask) -> int:
    """Connected parts of a mask (H, W); pixels that touch at a corner are connected."""
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1


def holes(mask: Mask) -> int:
    """Connected parts of the outside (by edges) that do not reach the image's border."""
    outside = np.pad(~mask, 1, constant_values=True)
    return int(cv2.connectedComponents(outside.astype(np.uint8), connectivity=4)[0]) - 2


def perimeter(mask: Mask) -> int:
    """Pixel edges between inside and outside, those at the image's border included."""
    padded = np.pad(mask, 1)
    return int((padded[1:] != padded[:-1]).sum() + (padded[:, 1:] != padded[:, :-1]).sum())


def compactness(mask: Mask) -> float:
    """Area over squared perimeter: 1/16 for a square, the largest value, pi/64 for a disc, about 1/(4n) for a
    line of n pixels; 0 for an empty mask.
    """
    return float(mask.sum()) / perimeter(mask) ** 2 if mask.any() else 0.0


def touches_border(mask: Mask) -> bool:
    """Whether a pixel of the mask lies on the image's edge."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())
