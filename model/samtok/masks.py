"""Binary masks as tensors: boxes and IoU."""

import torch
from torch import Tensor


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
