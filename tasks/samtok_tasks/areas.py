"""COCO's classes of area."""

SMALL, LARGE = 32**2, 96**2
"""Limits in pixels (pycocotools, cocoeval.py)."""
COCO_AREAS = ("small", "medium", "large")


def coco_area(pixels: int) -> str:
    """The class of a mask with so many pixels."""
    return COCO_AREAS[(pixels >= SMALL) + (pixels >= LARGE)]
