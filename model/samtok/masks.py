"""Binary masks: their geometry as tensors, and their image files."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from samtok.images import open_image


def mask_boxes(masks: Tensor) -> Tensor:
    """Bounding boxes of masks (..., H, W) bool -> (..., 4) float32.

    A box is x1, y1, x2, y2, the first and last columns and rows of the mask, divided by (W, H, W, H). For an
    empty mask it has no meaning.
    """
    height, width = masks.shape[-2:]
    edges = []
    for axis, size in ((-2, width), (-1, height)):
        line = masks.any(axis)  # (..., size)
        first = line.int().argmax(-1)
        last = size - 1 - line.flip(-1).int().argmax(-1)
        edges += [first / size, last / size]
    x1, x2, y1, y2 = edges
    return torch.stack([x1, y1, x2, y2], dim=-1)


def mask_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of paired masks (..., H, W) bool -> (...) float32, 0 if both are empty."""
    intersection = (a & b).sum((-2, -1)).float()
    return intersection / (a | b).sum((-2, -1)).clamp(min=1)


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
