"""Masks as polygons from which pycocotools draws exactly these pixels again."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from samtok_tasks.mini.scene import Mask


def polygons(mask: Mask) -> list[list[float]]:
    """The outlines of a mask's parts, along the borders of pixels.

    pycocotools turns a column's pixels on and off where an outline crosses the column's middle; on a border
    between pixels it has nothing to round. No pixel is in two polygons: refer adds up what each one covers.
    A polygon has no holes, so that a part with one is cut through it.

    Args:
        mask: (H, W) bool.

    Returns:
        x0, y0, x1, y1, ... of each, in pixels, clockwise. Whole numbers, but floats as in COCO's own files:
        some readers scale them in place.
    """
    found = [corners.ravel().tolist() for corners in _outlines(mask)]
    return sorted(found)  # the order of parts is a library's; no two outlines begin alike


def _outlines(mask: Mask, x: int = 0, y: int = 0) -> Iterator[NDArray[np.float64]]:
    """The same, each (V, 2), of a mask whose upper left corner is at x, y."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return
    top, left = int(rows[0]), int(columns[0])
    mask = mask[top : rows[-1] + 1, left : columns[-1] + 1]
    x, y = x + left, y + top
    import cv2  # slow, and only who writes mini needs it

    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    for label in range(1, labels.max() + 1):
        part = labels == label
        outline, *holes = _borders(part)
        if holes:
            middle = int(holes[0][:, 0].min() + holes[0][:, 0].max()) // 2
            yield from _outlines(part[:, :middle], x, y)
            yield from _outlines(part[:, middle:], x + middle, y)
        else:
            yield outline + np.array([x, y])


def _borders(mask: Mask) -> list[NDArray[np.float64]]:
    """The closed lines between inside and outside, each (V, 2): x, y of its corners, the topmost first.

    The lines' sides are level and upright in turns. In each row of corners, the first is joined to the
    second, the third to the fourth and so on, and in each column likewise.
    """
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), dtype=bool)
    padded[1:-1, 1:-1] = mask
    left_above, above, left, here = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    odd = left_above ^ above ^ left ^ here
    touching = (left_above == here) & (above == left) & (above != here)
    y, x = np.nonzero(odd | touching)
    # where two pixels touch by their corners alone, two lines turn, each around its own pixel
    place = np.repeat(np.arange(len(y)), 1 + touching[y, x])
    second = np.diff(place, prepend=-1) == 0
    y, x = y[place], x[place]
    partner = np.arange(len(place)) ^ 1
    by_column = np.lexsort((second ^ ~left_above[y, x], y, x))
    across = np.empty_like(by_column)
    across[by_column] = by_column[partner]
    corners = np.stack([x, y], axis=1).astype(np.float64)
    return [corners[line] for line in _rings(partner.tolist(), across.tolist())]


def _rings(along: Sequence[int], across: Sequence[int]) -> Iterator[list[int]]:
    """The rings of corners where each is joined to one along its row and one across it."""
    seen = [False] * len(along)
    for corner in range(len(along)):
        ring: list[int] = []
        while not seen[corner]:
            ring += [corner, along[corner]]
            seen[corner] = seen[along[corner]] = True
            corner = across[along[corner]]
        if ring:
            yield ring
