"""The tight box: what detection-like models write."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.rle import RLE

BINS = 1024
BITS = 10


class BoxCodec(Codec):
    """The filled tight box, as four coordinates of 1,024 bins, as Pix2Seq (arXiv 2109.10852) and its heirs
    write boxes.

    Tokens: one word a coordinate, 4 a mask. Bits: 10 a coordinate, 40 a mask.
    """

    summary = "the filled tight box, 4 coordinates of 1,024 bins"

    def identity(self) -> dict[str, Any]:
        return {"kind": "box", "bins": BINS}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        height, width = embedding
        boxes = [rle.box(mask) for mask in masks]
        return [bins_of(box[:2], width, height) + bins_of(box[2:], width, height) for box in boxes]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [_filled(code, *embedding) for code in codes]

    def text(self, symbols: Symbols) -> str:
        return f"<{','.join(map(str, symbols))}>"

    def tokens(self, symbols: Symbols) -> int:
        return len(symbols)

    def bits(self, symbols: Symbols) -> float:
        return BITS * len(symbols)


def bins_of(point: tuple[float, float], width: int, height: int) -> tuple[int, int]:
    """Bins of a point x, y in pixels: 0 is the left or upper edge of the image, 1,023 the other one."""
    return round(point[0] / width * (BINS - 1)), round(point[1] / height * (BINS - 1))


def place_of(bins: Sequence[int], width: int, height: int) -> tuple[float, float]:
    """The point x, y in pixels of two bins."""
    return bins[0] / (BINS - 1) * width, bins[1] / (BINS - 1) * height


def _filled(code: Symbols, height: int, width: int) -> RLE:
    x0, y0 = place_of(code[:2], width, height)
    x1, y1 = place_of(code[2:], width, height)
    left, right = _line(x0, x1, width)
    top, bottom = _line(y0, y1, height)
    return rle.rectangle(left, top, right, bottom, height, width)


def _line(start: float, end: float, size: int) -> tuple[int, int]:
    """Whole pixels between two edges, at least one."""
    first = min(round(start), size - 1)
    return first, max(first + 1, round(end))
