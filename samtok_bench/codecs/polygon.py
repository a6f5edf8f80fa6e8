"""Outlines as polygons, whose corners a language model writes as coordinate words."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.exchange.bins import BINS, BITS, bins_of, place_of
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

END = -1
"""Between two contours."""
SEARCH_STEPS = 16
_SUBPIXEL = 8  # bits behind the point in which OpenCV takes corners

Contour = NDArray[np.int32]


class ContourCodec(Codec):
    """`contourF`: contours, holes too, simplified by Douglas and Peucker with a tolerance of F thousandths of
    the image's diagonal (cv2.approxPolyDP). The classic rate-distortion curve of masks.

    Tokens: one word a coordinate (1,024 bins) and one between contours. Bits: 10 a coordinate, 8 a contour.
    """

    summary = "contours with holes, to a tolerance of F thousandths of the diagonal (contour5)"
    mode = cv2.RETR_CCOMP
    kind = "contour"
    least, most = 1, 100
    """Of the number after the name."""

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if not argument.isdecimal() or not self.least <= int(argument) <= self.most:
            raise ValueError(f"{self.kind}N takes {self.least} to {self.most}, got {self.kind}{argument}")
        self.number = int(argument)

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "number": self.number, "bins": BINS}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [_symbols(self._outline(rle.decode(mask)), *embedding) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [_painted(code, *embedding) for code in codes]

    def text(self, symbols: Symbols) -> str:
        return " ".join("|" if symbol == END else f"<{symbol}>" for symbol in symbols)

    def tokens(self, symbols: Symbols) -> int:
        return len(symbols)

    def bits(self, symbols: Symbols) -> float:
        between = symbols.count(END)
        return BITS * (len(symbols) - between) + 8 * (between + 1)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("2", "5", "10", "20")

    def _outline(self, mask: NDArray[np.bool_]) -> list[Contour]:
        tolerance = self.number / 1000 * float(np.hypot(*mask.shape))
        return simplified(contours(mask, self.mode), tolerance)


class PolygonCodec(ContourCodec):
    """`polygonN`: outer contours with N corners in all, as PolyFormer (arXiv 2302.07387: several contours, a
    word between them) writes masks. SeqTR's points are `seqtrN`.

    The tolerance is the smallest one by which N corners are enough; where the contours are too many even for
    triangles, the smallest are left out. Holes are filled: these models cannot say them.

    Tokens: one word a coordinate and one between contours, at most 2 N + N / 3. Bits: 10 a coordinate, 8 a
    contour.
    """

    summary = "outer contours with N corners in all (polygon8, polygon16, polygon32)"
    mode = cv2.RETR_EXTERNAL
    kind = "polygon"
    least, most = 3, 1000

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("8", "16", "32")

    def _outline(self, mask: NDArray[np.bool_]) -> list[Contour]:
        found = sorted(contours(mask, self.mode), key=cv2.contourArea, reverse=True)
        found = found[: max(1, self.number // 3)]
        low, high = 0.0, float(np.hypot(*mask.shape))
        best = simplified(found, low)
        if sum(map(len, best)) <= self.number:
            return best
        best = simplified(found[:1], high)
        for _ in range(SEARCH_STEPS):
            middle = (low + high) / 2
            tried = simplified(found, middle)
            if sum(map(len, tried)) <= self.number:
                best, high = tried, middle
            else:
                low = middle
        return best


def contours(mask: NDArray[np.bool_], mode: int) -> list[Contour]:
    """Contours of a mask (H, W) by OpenCV's mode, each (V, 2) int32, x and y of pixels on the outline."""
    found, _ = cv2.findContours(mask.astype(np.uint8), mode, cv2.CHAIN_APPROX_NONE)
    return [contour[:, 0] for contour in found]


def simplified(outline: Sequence[Contour], tolerance: float) -> list[Contour]:
    """Contours with fewer corners, none farther than the tolerance (pixels) from the old outline.

    What is left with less than three corners says little and is left out, unless nothing else is there.
    """
    fewer = [cv2.approxPolyDP(contour, tolerance, closed=True)[:, 0] for contour in outline]
    return [contour for contour in fewer if len(contour) > 2] or [max(fewer, key=len)]


def ring_symbols(outline: Sequence[NDArray[np.integer]]) -> Symbols:
    """Points (V, 2) of several polygons one after the other, END between polygons."""
    symbols: list[int] = []
    for ring in outline:
        symbols += [END] if symbols else []
        symbols += ring.ravel().tolist()
    return tuple(symbols)


def rings(symbols: Symbols) -> list[NDArray[np.int64]]:
    """The polygons of symbols, each (V, 2), x and y."""
    ends = [place for place, symbol in enumerate(symbols) if symbol == END]
    cuts = zip([0, *(end + 1 for end in ends)], [*ends, len(symbols)], strict=True)
    return [np.array(symbols[start:end], np.int64).reshape(-1, 2) for start, end in cuts]


def filled(outline: Sequence[NDArray[np.float64]], height: int, width: int) -> RLE:
    """The area between polygons (V, 2) by the even-odd rule, their outline included.

    Args:
        outline: x and y in pixels, the centre of the first one at 0.5.
        height, width: of the image.
    """
    places = [np.round((ring - 0.5) * (1 << _SUBPIXEL)).astype(np.int32) for ring in outline]
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, places, 1, shift=_SUBPIXEL)
    return rle.encode(canvas)


def _symbols(outline: Sequence[Contour], height: int, width: int) -> Symbols:
    # corners are centres of pixels
    places = [[bins_of((x + 0.5, y + 0.5), width, height) for x, y in ring.tolist()] for ring in outline]
    return ring_symbols([np.array(ring) for ring in places])


def _painted(code: Symbols, height: int, width: int) -> RLE:
    places = [[place_of(pair, width, height) for pair in ring.tolist()] for ring in rings(code)]
    return filled([np.array(ring) for ring in places], height, width)
