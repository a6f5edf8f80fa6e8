"""A given number of points along one outline."""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.codecs.polygon import contours, ring_symbols
from samtok_bench.codecs.simpleseg import drawn
from samtok_bench.exchange.bins import box_text
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

BINS = 1000


class SeqTRCodec(Codec):
    """`seqtrN`: SeqTR (arXiv 2203.16265; seanzhuh/SeqTR: GenerateMaskVertices without `polar`, SeqHead): the
    contour of the largest area, of its pixels every k-th, k being the smallest by which N are enough (N is 18
    for one data set, 12 for the mixture), floor of x and y in 1,000 bins; back from the bins' lower edges.

    Other parts and holes are lost. Contours of no more than N pixels are written whole.

    Tokens: one a coordinate, at most 2 N. Bits: log2(1000) a coordinate.
    """

    summary = "SeqTR's N points along the largest contour (seqtr12, seqtr18, seqtr32)"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if not argument.isdecimal() or not 3 <= int(argument) <= 1000:
            raise ValueError(f"seqtrN takes 3 to 1000 points, got seqtr{argument}")
        self.points = int(argument)

    def identity(self) -> dict[str, Any]:
        return {"kind": "seqtr", "points": self.points}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [self._vertices(rle.decode(mask)) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [drawn(code, BINS, *embedding) for code in codes]

    def text(self, symbols: Symbols) -> str:
        return box_text(symbols)

    def tokens(self, symbols: Symbols) -> int:
        return len(symbols)

    def bits(self, symbols: Symbols) -> float:
        return math.log2(BINS) * len(symbols)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("12", "18", "32")

    def _vertices(self, mask: np.ndarray) -> Symbols:
        largest = max(contours(mask, cv2.RETR_EXTERNAL), key=cv2.contourArea)
        chosen = largest[:: math.ceil(len(largest) / self.points)]
        return ring_symbols([np.floor(chosen / np.array(mask.shape[::-1]) * BINS).astype(int)])
