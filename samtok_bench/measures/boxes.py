"""Boxes (x0, y0, x1, y1), and the two ways in which a mask has one."""

from samtok_bench import rle
from samtok_bench.rle import RLE

Box = tuple[float, float, float, float]


def box_iou(a: Box, b: Box) -> float:
    """Intersection over union as areas in the plane, without a pixel added to any side; 0 where the union has
    no area. Two boxes that touch have 0.
    """
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width < 0 or height < 0:
        return 0.0
    inter = width * height
    either = _area(a) + _area(b) - inter
    return inter / either if either > 0 else 0.0


def pixel_box(mask: RLE) -> Box:
    """The smallest rectangle that covers all pixels of a mask; all 0 for an empty one.

    A mask of one pixel has a box of 1 x 1.
    """
    return rle.box(mask)


def inclusive_box(mask: RLE) -> Box:
    """From the first to the last column and row, as torchvision's masks_to_boxes; all 0 for an empty mask.

    It is one pixel narrower and lower than `pixel_box`: a mask of one pixel has a box without area.
    """
    x0, y0, x1, y1 = rle.box(mask)
    return (x0, y0, x1 - 1, y1 - 1) if x1 else (0, 0, 0, 0)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
