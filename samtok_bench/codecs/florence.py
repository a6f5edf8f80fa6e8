"""Polygons in Florence-2's words."""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samtok_bench import rle
from samtok_bench.codec import Symbols
from samtok_bench.codecs.polygon import Contour, PolygonCodec, filled, ring_symbols, rings
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

BINS = 1000


class FlorenceCodec(PolygonCodec):
    """`florence2:N`: outer contours with N corners in all, chosen as `polygonN` does, in Florence-2's words
    (arXiv 2311.06242; transformers, Florence2PostProcessor): floor of x and y in 1,000 bins and back to the
    bins' centres. `florence2` alone keeps every corner, so that the bins and the holes are all it loses.

    How many corners the polygons of its training data have is not published. transformers also cuts the
    decoded coordinates to whole pixels; the released code, which this follows, does not.

    Tokens: `<loc_K>` a coordinate and `<sep>` between polygons. Bits: log2(1000) for each of them.
    """

    summary = "polygons of N corners in Florence-2's words (florence2:16), or of all corners (florence2)"
    kind = "florence2:"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        self.whole = not argument
        super().__init__(argument or str(self.most), options)

    def identity(self) -> dict[str, Any]:
        return {"kind": "florence2", "number": None if self.whole else self.number, "bins": BINS}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [self._bins(rle.decode(mask)) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [self._drawn(code, *embedding) for code in codes]

    def text(self, symbols: Symbols) -> str:
        return "<sep>".join(
            "".join(f"<loc_{place}>" for place in ring.ravel().tolist()) for ring in rings(symbols)
        )

    def bits(self, symbols: Symbols) -> float:
        return math.log2(BINS) * len(symbols)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return (":8", ":16", ":32", "")

    def _outline(self, mask: NDArray[np.bool_]) -> list[Contour]:
        if not self.whole:
            return super()._outline(mask)
        found, _ = cv2.findContours(mask.astype(np.uint8), self.mode, cv2.CHAIN_APPROX_SIMPLE)
        return [contour[:, 0] for contour in found]

    def _bins(self, mask: NDArray[np.bool_]) -> Symbols:
        size = np.array(mask.shape[::-1])
        # corners are centres of pixels
        return ring_symbols(
            [np.floor((ring + 0.5) / size * BINS).astype(int) for ring in self._outline(mask)]
        )

    def _drawn(self, code: Symbols, height: int, width: int) -> RLE:
        return filled([(ring + 0.5) / BINS * (width, height) for ring in rings(code)], height, width)
