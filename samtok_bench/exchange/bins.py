"""Coordinates as words: bins of the image's width and height, 1,024 of them as Pix2Seq's heirs have them."""

from collections.abc import Sequence

from samtok_bench import rle
from samtok_bench.rle import RLE

BINS = 1024
BITS = 10
"""Of a coordinate."""


class CoordinateWords:
    """What codecs share whose symbols are coordinates, a word each."""

    def text(self, symbols: tuple[int, ...]) -> str:
        """See `Codec.text`."""
        return box_text(symbols)

    def tokens(self, symbols: tuple[int, ...]) -> int:
        """See `Codec.tokens`."""
        return len(symbols)

    def bits(self, symbols: tuple[int, ...]) -> float:
        """See `Codec.bits`."""
        return BITS * len(symbols)


def bins_of(point: tuple[float, float], width: int, height: int) -> tuple[int, int]:
    """Bins of a point x, y in pixels: 0 is the left or upper edge of the image, 1,023 the other one."""
    return round(point[0] / width * (BINS - 1)), round(point[1] / height * (BINS - 1))


def place_of(bins: Sequence[int], width: int, height: int) -> tuple[float, float]:
    """The point x, y in pixels of two bins."""
    return bins[0] / (BINS - 1) * width, bins[1] / (BINS - 1) * height


def box_symbols(mask: RLE) -> tuple[int, ...]:
    """The bins x0, y0, x1, y1 of a mask's tight box."""
    height, width = mask["size"]
    box = rle.box(mask)
    return bins_of(box[:2], width, height) + bins_of(box[2:], width, height)


def box_pixels(bins: Sequence[int], height: int, width: int) -> tuple[int, int, int, int]:
    """The whole pixels x0, y0, x1, y1 (half open, at least one) that the bins of a box stand for."""
    x0, y0 = place_of(bins[:2], width, height)
    x1, y1 = place_of(bins[2:], width, height)
    left, right = _line(x0, x1, width)
    top, bottom = _line(y0, y1, height)
    return left, top, right, bottom


def box_text(bins: Sequence[int]) -> str:
    """The coordinates of a box, or of what else, as a model would write them."""
    return f"<{','.join(map(str, bins))}>"


def _line(start: float, end: float, size: int) -> tuple[int, int]:
    """Whole pixels between two edges, at least one."""
    first = min(round(start), size - 1)
    return first, max(first + 1, round(end))
