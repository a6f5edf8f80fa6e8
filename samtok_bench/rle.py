"""Masks as COCO run-length strings: the one place that touches pycocotools.

Everything returned here is canonical (no run of length 0 except the first), so two equal masks have
equal strings. Areas are exact Python integers: sums over a data set cannot wrap.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco
from typing_extensions import TypedDict  # what pydantic asks for below Python 3.12

from samtok_bench.images import check_pixels

MAX_COORDINATE = 1 << 20
"""Polygons farther out than this many pixels are refused (the rasteriser counts in 32-bit integers)."""


UNDRAWN = "polygons that cannot be drawn"
HALF_POINTS = "half points of polygons"
_NEGATIVE = "RLE counts hold a negative run"


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
    """Unpack to (H, W) bool; ValueError for a malformed RLE and for more pixels than an image may have."""
    check_pixels(*_size(rle.get("size")), "a mask")
    return cast(NDArray[np.bool_], coco.decode(validate(rle)).astype(bool))


def resized(rle: RLE, height: int, width: int) -> NDArray[np.bool_]:
    """A mask at another size, (height, width) bool: inside is every pixel that lies on one that is inside.

    So nothing vanishes, however thin. The memory depends on the number of runs and on the new size only.
    """
    full_height, full_width = _size(validate(rle).get("size"))
    ends = np.cumsum(run_lengths(rle))
    starts, ends = ends[:-1:2], ends[1::2]
    starts, ends = starts[ends > starts], ends[ends > starts]
    first = starts // full_height  # column
    pieces = (ends - 1) // full_height - first + 1
    run = np.repeat(np.arange(len(starts)), pieces)
    column = first[run] + np.arange(len(run)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    top = np.maximum(starts[run] - column * full_height, 0)
    bottom = np.minimum(ends[run] - column * full_height, full_height)
    # a source pixel k of n covers the pixels k * m // n up to ceil((k + 1) * m / n) of m
    x0, x1 = column * width // full_width, -(-(column + 1) * width // full_width)
    y0, y1 = top * height // full_height, -(-bottom * height // full_height)
    corners = np.zeros((height + 1, width + 1), np.int64)  # twice summed up, each rectangle is filled
    for y, x, sign in ((y0, x0, 1), (y1, x0, -1), (y0, x1, -1), (y1, x1, 1)):
        np.add.at(corners, (y, x), sign)
    return corners.cumsum(0).cumsum(1)[:-1, :-1] > 0


def empty(height: int, width: int) -> RLE:
    """The mask without a pixel."""
    return {"size": [height, width], "counts": _constant(height, width, inside=False)}


def full(height: int, width: int) -> RLE:
    """The mask of the whole image."""
    return {"size": [height, width], "counts": _constant(height, width, inside=True)}


@lru_cache(maxsize=1024)
def _constant(height: int, width: int, inside: bool) -> str:
    """The counts of one value; samples share few sizes."""
    return from_runs([0, height * width] if inside else [height * width], height, width)["counts"]


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
    return _area(rle["counts"])


@lru_cache(maxsize=256)
def _area(counts: str) -> int:
    """An answer, its target and both floors are asked for it in turn; the size plays no part."""
    return int(coco.area({"size": [1, 1], "counts": counts}))


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
    if len(rles) == 1:
        return rles[0]
    _same_size(rles)
    return _text(coco.merge(list(rles)))


def intersection_union(a: RLE, b: RLE) -> tuple[int, int]:
    """Pixels inside both, and inside either; no dense mask is made."""
    if a["size"] != b["size"]:
        _same_size([a, b])
    first, second = area(a), area(b)
    inter = int(coco.area(coco.merge((a, b), intersect=True))) if first and second else 0
    return inter, first + second - inter


def iou_matrix(first: Sequence[RLE], second: Sequence[RLE]) -> NDArray[np.float64]:
    """(F, S) IoU, I / U of exact pixel counts, of masks of one size; nan for two empty ones."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    _same_size([*first, *second])
    if len(first) * len(second) <= _FEW:
        return np.array([_ious(mask, second) for mask in first])
    found = np.array(coco.iou(list(first), list(second), [0] * len(second)), dtype=np.float64)
    if found.all():
        return found  # two empty masks have 0 here
    nothing = [coco.area(list(masks)) == 0 for masks in (first, second)]
    if nothing[0].any() and nothing[1].any():
        found[np.ix_(*nothing)] = np.nan
    return found


_FEW = 4
"""Pairs, of which each by itself costs less than `coco.iou` of all, which is the same to the last digit."""


def _ious(mask: RLE, others: Sequence[RLE]) -> list[float]:
    parts = (intersection_union(mask, other) for other in others)
    return [inter / either if either else math.nan for inter, either in parts]


def from_runs(runs: Iterable[int], height: int, width: int) -> RLE:
    """The mask of run lengths, column-major, alternating outside, inside, starting with outside.

    Args:
        runs: not negative, height * width in all; any of them may be 0.

    Raises:
        ValueError: they are not that.
    """
    # pycocotools' merge stops early at runs of length 0, so they are joined away here
    joined: list[int] = [0]
    inside = False
    for position, run in enumerate(runs):
        if run < 0:
            raise ValueError(_NEGATIVE)
        if run == 0:
            continue
        if bool(position % 2) != inside:
            joined.append(0)
            inside = not inside
        joined[-1] += run
    _require_cover(sum(joined), height, width)
    return _text(coco.frPyObjects({"size": [height, width], "counts": joined}, height, width))


def run_lengths(rle: RLE) -> NDArray[np.int64]:
    """The runs, column-major, alternating outside, inside, starting with outside.

    Raises:
        ValueError: characters outside COCO's alphabet, a cut string, negative runs.
    """
    return _unpacked(rle["counts"])[0]


def validate(given: Any) -> RLE:
    """An RLE from outside: what no C code may see before.

    Every mask passes here once, where it enters: from data sets (`from_segmentation`), journals, predictors
    and the samples of a task. pycocotools checks nothing: it hangs, reads beyond its memory or returns wrong
    numbers.

    Args:
        given: anything; an RLE has `size` and, as `counts`, COCO's string (text or bytes) or a list of runs.

    Returns:
        the canonical form, `given` itself where it is that.

    Raises:
        ValueError: what is wrong, in one line.
    """
    if not isinstance(given, dict):
        raise ValueError(f"an RLE is a dictionary with size and counts, got {type(given).__name__}")
    height, width = _size(given.get("size"))
    counts = given.get("counts")
    if isinstance(counts, list):
        if not set(map(type, counts)) <= {int}:
            raise ValueError("RLE counts must be integers")
        return from_runs(counts, height, width)
    if not isinstance(counts, str | bytes):
        raise ValueError(f"RLE counts are a list or a string, got {type(counts).__name__}")
    runs, canonical = _unpacked(counts)
    _require_cover(int(np.add.reduce(runs)), height, width)
    if not canonical:
        return from_runs(runs.tolist(), height, width)
    if isinstance(counts, str) and len(given) == 2 and type(given["size"]) is list:
        return cast(RLE, given)
    return {"size": [height, width], "counts": counts if isinstance(counts, str) else counts.decode("ascii")}


def canonical_areas(masks: Sequence[Any]) -> NDArray[np.int64]:
    """Pixels inside of many masks at once, at a fraction of the cost of looking at each.

    Args:
        masks: anything, as `validate` takes it.

    Returns:
        (N,) of those that `validate` returns as they are; -1 for all others, which it must look at.
    """
    found = np.full(len(masks), -1, np.int64)
    places = [place for place, mask in enumerate(masks) if _is_plain(mask)]
    texts = [masks[place]["counts"].encode() for place in places]
    for start in range(0, len(places), _AT_ONCE):
        part = places[start : start + _AT_ONCE]
        pixels = np.array([masks[place]["size"] for place in part], np.int64).prod(axis=1)
        found[part] = _areas(texts[start : start + _AT_ONCE], pixels)
    return found


_AT_ONCE = 256
"""Masks: what they take stays in the processor's cache."""


def _is_plain(mask: Any) -> bool:
    """Whether it has the form of a canonical RLE, without strange characters and cut or long numbers."""
    if type(mask) is not dict or len(mask) != 2:
        return False
    counts, size = mask.get("counts"), mask.get("size")
    if type(counts) is not str or not counts or not counts.isascii() or type(size) is not list:
        return False
    text = counts.encode()
    ending = text.translate(_ENDS)
    return (
        len(size) == 2
        and all(type(side) is int and 0 < side < 1 << 31 for side in size)
        and not text.translate(None, _ALPHABET)
        and bool(ending[-1])
        and bytes(_MOST_DIGITS) not in ending
        and not any(pair in text.translate(_SIGNS) for pair in _REPEATED_SIGNS)
    )


def _areas(texts: Sequence[bytes], pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of strings that are plain, see `canonical_areas`; the same as `_unpacked`, on all of them at once."""
    joined = b"".join(texts)
    ends = np.frombuffer(joined.translate(_ENDS), np.bool_).nonzero()[0]  # of runs
    stops = np.array([len(text) for text in texts]).cumsum()  # of masks, in characters
    last = np.searchsorted(ends, stops)  # and in runs
    first = np.concatenate([[0], last[:-1]])
    counts = last - first
    digits = np.frombuffer(joined.translate(_DIGITS), np.int8).astype(np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    digits <<= 5 * (np.arange(len(digits)) - starts.repeat(ends - starts + 1))
    values = np.add.reduceat(digits, starts)
    place = np.arange(len(values)) - first.repeat(counts)  # of a run in its mask
    for parity in (1, 0):
        chosen = (place % 2 == parity) & (place > 0)
        column = values[chosen].cumsum()
        own = np.add.reduceat(chosen, first)  # how many a mask has
        before = np.concatenate([[0], column])[np.concatenate([[0], own.cumsum()[:-1]])]
        values[chosen] = column - before.repeat(own)
    inside = np.where(place % 2 == 1, values, 0)
    least = np.minimum.reduceat(np.where(place > 0, values, 1), first)
    sound = (least > 0) & (values[first] >= 0) & (np.add.reduceat(values, first) == pixels)
    return np.where(sound, np.add.reduceat(inside, first), -1)


def _require_cover(pixels: int, height: int, width: int) -> None:
    if pixels != height * width:
        raise ValueError(
            f"RLE counts cover {str(pixels)[:20]} pixels, its size [{height}, {width}] has {height * width}"
        )


# COCO's string has six bits a character, from 48 on: five of value, lowest first, and one that says 'more
# follow'. Translating bytes costs a fraction of what the same steps cost in numpy.
_ALPHABET = bytes(range(48, 112))


def _translation(digit: Callable[[int], int]) -> bytes:
    return bytes.maketrans(_ALPHABET, bytes(digit(code) & 0xFF for code in range(64)))


_ENDS = _translation(lambda code: code < 32)
"""Whether a number ends here."""
_DIGITS = _translation(lambda code: code - 32 if code >= 32 else (code ^ 16) - 16)
"""The value as a signed byte: the highest digit has the sign (two's complement)."""
_SIGNS = _translation(lambda code: 3 + (code >= 48) if code >= 32 else {0: 1, 31: 2}.get(code, 0))
_REPEATED_SIGNS = (bytes([3, 1]), bytes([4, 2]))
"""After a digit below 16 a highest digit of 0, after another one a highest digit of -1: it says nothing."""
_MOST_DIGITS = 7


def _unpacked(counts: str | bytes) -> tuple[NDArray[np.int64], bool]:
    """The runs of COCO's string, and whether it is the shortest without runs of length 0 but the first."""
    if isinstance(counts, str):
        counts = counts.encode("utf-8", "surrogatepass")
    if not counts:
        raise ValueError("RLE counts are empty")
    if counts.translate(None, _ALPHABET):
        raise ValueError("RLE counts contain characters outside COCO's alphabet")
    ending = counts.translate(_ENDS)
    if not ending[-1]:
        raise ValueError("RLE counts are cut off")
    if bytes(_MOST_DIGITS) in ending:
        raise ValueError("RLE counts hold a number too large for an image")
    signs = counts.translate(_SIGNS)
    shortest = not any(pair in signs for pair in _REPEATED_SIGNS)
    ends = np.frombuffer(ending, np.bool_).nonzero()[0]
    digits = np.frombuffer(counts.translate(_DIGITS), np.int8).astype(np.int64)
    starts = np.empty(len(ends), np.int64)
    starts[0] = 0
    np.add(ends[:-1], 1, out=starts[1:])
    shifts = np.arange(len(digits))
    shifts -= starts.repeat(ends - starts + 1)
    shifts *= 5
    digits <<= shifts
    values = np.add.reduceat(digits, starts)
    # from the fourth on, a run is stored as its difference to the run before the last
    for column in (values[1::2], values[2::2]):
        np.add.accumulate(column, out=column)
    least = np.minimum.reduce(values[1:], initial=1)
    if least < 0 or values[0] < 0:
        raise ValueError(_NEGATIVE)
    return values, shortest and bool(least)


def from_segmentation(
    segmentation: Any, height: int, width: int, left_out: Callable[[str, str], None] | None = None
) -> RLE:
    """Read the `segmentation` field of a COCO annotation.

    Several polygons are united, never summed: a pixel under two polygons is inside once.

    What pycocotools draws is drawn, if the caller tells of the rest: a polygon that it cannot draw (fewer
    than three points, a coordinate that is no finite number near the image) has no pixels, and half a point
    at the end of one is passed over.

    Args:
        segmentation: a list of polygons [x0, y0, x1, y1, ...] (an empty list is an empty mask), or RLE
            with a list of counts, or compressed RLE.
        height: of the image, pixels.
        width: of the image, pixels.
        left_out: gets a reason, UNDRAWN or HALF_POINTS, and the details; without it, polygons that are not
            drawn whole are refused.

    Raises:
        ValueError: what is wrong, in one line.
    """
    if isinstance(segmentation, list):
        polygons = list(_drawable(segmentation, left_out))
        if not polygons:
            return empty(height, width)
        return _text(coco.merge(coco.frPyObjects(polygons, height, width)))
    if not isinstance(segmentation, dict) or "counts" not in segmentation:
        raise ValueError(
            f"segmentation is a list of polygons or an RLE with counts, got {type(segmentation).__name__}"
        )
    size = _size(segmentation.get("size"))
    if size != (height, width):
        raise ValueError(f"RLE size {list(size)} differs from the image's [{height}, {width}]")
    return validate(segmentation)


def _drawable(polygons: list[Any], left_out: Callable[[str, str], None] | None) -> Iterator[list[float]]:
    """The polygons that pycocotools may be given."""
    for place, polygon in enumerate(polygons):
        fault = _fault(polygon)
        if fault and left_out is None:
            raise ValueError(f"polygon {place}: {fault}")
        if not fault:
            yield polygon
        elif left_out and isinstance(polygon, list) and len(polygon) % 2 and not _fault(polygon[:-1]):
            left_out(HALF_POINTS, f"polygon {place} has {len(polygon)} numbers")
            yield polygon[:-1]
        elif left_out:
            left_out(UNDRAWN, f"polygon {place}: {fault}")


def _fault(polygon: Any) -> str:
    """What is wrong with a polygon, in a few words; empty for a sound one."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        shown = f"{len(polygon)} numbers" if isinstance(polygon, list) else type(polygon).__name__
        return f"a polygon is an even list of at least 6 numbers, got {shown}"
    # a sum has the nan that comparisons pass over
    sound = (
        set(map(type, polygon)) <= {int, float}
        and min(polygon) >= -MAX_COORDINATE
        and max(polygon) <= MAX_COORDINATE
        and math.isfinite(sum(polygon))
    )
    return "" if sound else "a polygon holds a coordinate that is not a finite number near the image"


def _text(packed: dict[str, Any]) -> RLE:
    counts = packed["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return {"size": [int(v) for v in packed["size"]], "counts": text}


def _size(size: Any) -> tuple[int, int]:
    if (
        not isinstance(size, list | tuple)
        or len(size) != 2
        or not all(type(v) is int and v > 0 for v in size)
    ):
        raise ValueError(f"RLE size is [height, width] in positive integers, got {str(size)[:80]}")
    if size[0] * size[1] >= 1 << 32:
        raise ValueError(f"RLE size {list(size)} is too large: pixels are counted in 32 bits")
    return size[0], size[1]


def _same_size(rles: Sequence[RLE]) -> None:
    if any(rle["size"] != rles[0]["size"] for rle in rles):
        sizes = {tuple(rle["size"]) for rle in rles}
        raise ValueError(f"masks of different sizes: {', '.join(str(list(s)) for s in sorted(sizes))}")
