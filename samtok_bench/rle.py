"""Masks as COCO run-length strings: the one place that touches pycocotools.

Everything returned here is canonical (no run of length 0 except the first), so two equal masks have
equal strings. Areas are exact Python integers: sums over a data set cannot wrap.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco
from typing_extensions import TypedDict  # what pydantic asks for below Python 3.12

MAX_COORDINATE = 1 << 20
"""Polygons farther out than this many pixels are refused (the rasteriser counts in 32-bit integers)."""


class RLE(TypedDict):
    """One mask in COCO's compressed form."""

    size: list[int]
    """[height, width], pixels."""
    counts: str
    """Run lengths in column-major order, COCO's ASCII packing."""


def encode(mask: NDArray[Any]) -> RLE:
    """Compress a dense mask.

    Args:
        mask: (H, W) bool or integer; non-zero is inside.

    Raises:
        ValueError: not two-dimensional, or without pixels.
    """
    if mask.ndim != 2 or mask.size == 0:
        raise ValueError(f"a mask is (height, width) with at least one pixel, got shape {mask.shape}")
    return _text(coco.encode(np.asfortranarray(mask != 0, dtype=np.uint8)))


def decode(rle: RLE) -> NDArray[np.bool_]:
    """Unpack to (H, W) bool; ValueError for a malformed RLE."""
    return cast(NDArray[np.bool_], coco.decode(validate(rle)).astype(bool))


def empty(height: int, width: int) -> RLE:
    """The mask without a pixel."""
    return from_runs([height * width], height, width)


def full(height: int, width: int) -> RLE:
    """The mask of the whole image."""
    return from_runs([0, height * width], height, width)


def rectangle(x0: int, y0: int, x1: int, y1: int, height: int, width: int) -> RLE:
    """The pixels of a box x0 <= x < x1, y0 <= y < y1, which lies in the image and is not empty."""
    inside = y1 - y0
    runs = [x0 * height + y0, inside, *[height - inside, inside] * (x1 - x0 - 1)]
    return from_runs([*runs, height * width - sum(runs)], height, width)


def is_empty(rle: RLE) -> bool:
    """Whether no pixel is inside."""
    return area(rle) == 0


def area(rle: RLE) -> int:
    """Pixels inside."""
    return int(coco.area(rle))


def box(rle: RLE) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 in pixels, half open; all 0 for an empty mask."""
    x, y, w, h = (int(v) for v in coco.toBbox(rle))
    return x, y, x + w, y + h


def union(rles: Sequence[RLE], size: tuple[int, int] | None = None) -> RLE:
    """Pixels inside any of the masks, which have one size.

    Args:
        rles: may be none at all if `size` is given.
        size: (height, width) of the empty mask that no masks give.

    Raises:
        ValueError: no masks and no size, or different sizes.
    """
    if not rles:
        if size is None:
            raise ValueError("the union of no masks has no size: give one")
        return empty(*size)
    _same_size(rles)
    return _text(coco.merge(list(rles))) if len(rles) > 1 else rles[0]


def intersection_union(a: RLE, b: RLE) -> tuple[int, int]:
    """Pixels inside both, and inside either; no dense mask is made."""
    _same_size([a, b])
    inter = int(coco.area(coco.merge([a, b], intersect=True)))
    return inter, area(a) + area(b) - inter


def iou_matrix(first: Sequence[RLE], second: Sequence[RLE]) -> NDArray[np.float64]:
    """(F, S) IoU, I / U of exact pixel counts, of masks of one size; nan for two empty ones."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    _same_size([*first, *second])
    found = np.array(coco.iou(list(first), list(second), [0] * len(second)), dtype=np.float64)
    nothing = [np.array([is_empty(mask) for mask in masks]) for masks in (first, second)]
    found[np.ix_(*nothing)] = np.nan
    return found


def from_runs(runs: Iterable[int], height: int, width: int) -> RLE:
    """The mask of run lengths, column-major, alternating outside, inside, starting with outside.

    Args:
        runs: not negative, height * width in all; any of them may be 0.
    """
    # pycocotools' merge stops early at runs of length 0, so they are joined away here
    joined: list[int] = [0]
    inside = False
    for position, run in enumerate(runs):
        if run == 0:
            continue
        if bool(position % 2) != inside:
            joined.append(0)
            inside = not inside
        joined[-1] += run
    return _text(coco.frPyObjects({"size": [height, width], "counts": joined}, height, width))


def run_lengths(rle: RLE) -> NDArray[np.int64]:
    """The runs, column-major, alternating outside, inside, starting with outside.

    Raises:
        ValueError: characters outside COCO's alphabet, a cut string, negative runs.
    """
    raw = rle["counts"]
    data = np.frombuffer(raw.encode() if isinstance(raw, str) else raw, dtype=np.uint8).astype(np.int64) - 48
    if data.size == 0:
        raise ValueError("RLE counts are empty")
    if data.min() < 0 or data.max() > 63:
        raise ValueError("RLE counts contain characters outside COCO's alphabet")
    last = (data & 0x20) == 0  # six bits a character: five of value, one that says 'more follow'
    if not last[-1]:
        raise ValueError("RLE counts are cut off")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    digits = ends - starts + 1
    if digits.max() > 8:
        raise ValueError("RLE counts hold a number too large for an image")
    place = np.arange(data.size) - np.repeat(starts, digits)
    values = np.add.reduceat((data & 0x1F) << (5 * place), starts)
    values -= np.where(data[ends] & 0x10, np.int64(1) << (5 * digits), 0)  # two's complement
    # from the fourth on, a run is stored as its difference to the run before the last
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    if values.min() < 0:
        raise ValueError("RLE counts hold a negative run")
    return cast(NDArray[np.int64], values)


def validate(rle: RLE) -> RLE:
    """Return `rle` when its runs fill exactly its size.

    Raises:
        ValueError: what is wrong, in one line.
    """
    height, width = _size(rle.get("size"))
    covered = int(run_lengths(rle).sum())
    if covered != height * width:
        raise ValueError(
            f"RLE counts cover {covered} pixels, its size [{height}, {width}] has {height * width}"
        )
    return rle


def from_segmentation(segmentation: Any, height: int, width: int) -> RLE:
    """Read the `segmentation` field of a COCO annotation.

    Several polygons are united, never summed: a pixel under two polygons is inside once.

    Args:
        segmentation: a list of polygons [x0, y0, x1, y1, ...] (an empty list is an empty mask), or RLE
            with a list of counts, or compressed RLE.
        height: of the image, pixels.
        width: of the image, pixels.

    Raises:
        ValueError: what is wrong, in one line.
    """
    if isinstance(segmentation, list):
        return _from_polygons(segmentation, height, width)
    if not isinstance(segmentation, dict) or "counts" not in segmentation:
        raise ValueError(
            f"segmentation is a list of polygons or an RLE with counts, got {type(segmentation).__name__}"
        )
    size = _size(segmentation.get("size"))
    if size != (height, width):
        raise ValueError(f"RLE size {list(size)} differs from the image's [{height}, {width}]")
    counts = segmentation["counts"]
    if isinstance(counts, list):
        if not all(isinstance(c, int) and c >= 0 for c in counts):
            raise ValueError("RLE counts must be non-negative integers")
        runs = counts
    elif isinstance(counts, str | bytes):
        runs = run_lengths(cast(RLE, segmentation)).tolist()
    else:
        raise ValueError(f"RLE counts are a list or a string, got {type(counts).__name__}")
    if sum(runs) != height * width:
        raise ValueError(
            f"RLE counts cover {sum(runs)} pixels, the image [{height}, {width}] has {height * width}"
        )
    return from_runs(runs, height, width)


def _from_polygons(polygons: list[Any], height: int, width: int) -> RLE:
    for polygon in polygons:
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            shown = f"{len(polygon)} numbers" if isinstance(polygon, list) else type(polygon).__name__
            raise ValueError(f"a polygon is an even list of at least 6 numbers, got {shown}")
        if not all(isinstance(v, int | float) and abs(v) <= MAX_COORDINATE for v in polygon):
            raise ValueError("a polygon holds a coordinate that is not a finite number near the image")
    if not polygons:
        return empty(height, width)
    return _text(coco.merge(coco.frPyObjects(polygons, height, width)))


def _text(packed: dict[str, Any]) -> RLE:
    counts = packed["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": [int(v) for v in packed["size"]], "counts": text}


def _size(size: Any) -> tuple[int, int]:
    if (
        not isinstance(size, list | tuple)
        or len(size) != 2
        or not all(isinstance(v, int) and v > 0 for v in size)
    ):
        raise ValueError(f"RLE size is [height, width] in positive integers, got {size!r}")
    return size[0], size[1]


def _same_size(rles: Sequence[RLE]) -> None:
    sizes = {tuple(rle["size"]) for rle in rles}
    if len(sizes) > 1:
        raise ValueError(f"masks of different sizes: {', '.join(str(list(s)) for s in sorted(sizes))}")
