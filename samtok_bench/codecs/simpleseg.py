"""Outlines as points in plain text."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.codecs.polygon import ring_symbols, rings
from samtok_bench.codecs.qwen_words import qwen_words
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

THOUSANDTHS = 1000


class SimpleSegCodec(Codec):
    """`simpleseg`: SimpleSeg (arXiv 2601.19228; songtianhui/SimpleSeg, data/data.py): outer contours,
    simplified by Douglas and Peucker with a tolerance of a thousandth of the contour's length, indices of the
    corners' pixels divided by width and height, three decimals, as nested lists. `simplesegE` takes E
    thousandths.

    The way back is the one of its README, pycocotools' polygons united, except for those of fewer than three
    corners: these draw nothing here, while there two corners are taken for a box and a single one stops.

    Tokens: Qwen's words of the lists, each digit being one. Bits: 8 a character.
    """

    summary = "SimpleSeg's outer contours as text (simpleseg, or coarser: simpleseg2, simpleseg10)"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if argument and (not argument.isdecimal() or not 1 <= int(argument) <= 100):
            raise ValueError(f"simplesegE takes 1 to 100 thousandths, got simpleseg{argument}")
        self.tolerance = int(argument or 1)

    def identity(self) -> dict[str, Any]:
        return {"kind": "simpleseg", "thousandths": self.tolerance}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [self._points(rle.decode(mask)) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [drawn(code, THOUSANDTHS, *embedding) for code in codes]

    def text(self, symbols: Symbols) -> str:
        return str([(ring / THOUSANDTHS).tolist() for ring in rings(symbols)])

    def tokens(self, symbols: Symbols) -> int:
        return qwen_words(self.text(symbols))

    def bits(self, symbols: Symbols) -> float:
        return 8 * len(self.text(symbols))

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("", "2", "5", "10")

    def _points(self, mask: np.ndarray) -> Symbols:
        found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        fewer = [
            cv2.approxPolyDP(ring, self.tolerance / 1000 * cv2.arcLength(ring, True), True)[:, 0]
            for ring in found
        ]
        size = np.array(mask.shape[::-1])
        return ring_symbols([np.round(ring / size * THOUSANDTHS).astype(int) for ring in fewer])


def drawn(code: Symbols, bins: int, height: int, width: int) -> RLE:
    """The union of polygons by pycocotools; those of fewer than three corners draw nothing.

    Args:
        code: x and y in so many parts of the width and the height, END between polygons.
        bins: how many.
        height, width: of the image.
    """
    corners = [ring / bins * (width, height) for ring in rings(code)]
    return rle.from_segmentation([ring.ravel().tolist() for ring in corners if len(ring) > 2], height, width)
