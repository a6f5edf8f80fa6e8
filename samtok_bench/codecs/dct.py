"""Cosine coefficients of the mask in its tight box."""

import math
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samtok_bench.codec import Codec, Symbols
from samtok_bench.codecs.grid import HALF, in_box, pasted, shares
from samtok_bench.exchange.bins import BITS, box_symbols, box_text
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

SIDE = 128
_FORM = re.compile(r"(\d{1,5})-step(\d{1,3})")


class DCTCodec(Codec):
    """`dctN-stepS`: DCT-Mask (arXiv 2011.09876; aliyun/DCT-Mask, mask_encoding.py) with quantised numbers.

    The tight box (1,024 bins a coordinate), in it a binary grid of 128 x 128 (inside where half of a cell
    is), of its orthonormal DCT-II the first N coefficients in zigzag order, each as a multiple of S; on the
    way back bilinear, > 0.5. DCT-Mask itself predicts N = 300 real numbers by regression.

    Tokens: one a coordinate of the box and one a coefficient. Bits: 40, and for a coefficient v one if it is
    0, else 2 for that and its sign and 1 + 2 floor(log2 |v|) for |v| in Elias's gamma code.
    """

    summary = "N cosine coefficients in the tight box, in steps of S (dct64-step8, dct300-step2)"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        form = _FORM.fullmatch(argument)
        self.count, self.step = (int(form[1]), int(form[2])) if form else (0, 0)
        if not 1 <= self.count <= SIDE**2 or not self.step:
            raise ValueError(
                f"dctN-stepS takes 1 to {SIDE**2} coefficients in steps of 1 to 999: dct64-step8, ...; "
                f"got dct{argument}"
            )

    def identity(self) -> dict[str, Any]:
        return {"kind": "dct", "coefficients": self.count, "step": self.step}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [box_symbols(mask) + self._coefficients(in_box(mask)) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [pasted(self._grid(code[4:]), code[:4], HALF, *embedding) for code in codes]

    def text(self, symbols: Symbols) -> str:
        return f"{box_text(symbols[:4])} {' '.join(map(str, symbols[4:]))}"

    def tokens(self, symbols: Symbols) -> int:
        return len(symbols)

    def bits(self, symbols: Symbols) -> float:
        sizes = (3 + 2 * int(math.log2(abs(value))) if value else 1 for value in symbols[4:])
        return 4 * BITS + sum(sizes)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("64-step8", "100-step4", "300-step4", "300-step2")

    def _coefficients(self, mask: NDArray[np.bool_]) -> Symbols:
        wave = cv2.dct((shares(mask, SIDE) >= HALF).astype(np.float64))
        return tuple(np.round(wave[_zigzag(self.count)] / self.step).astype(int).tolist())

    def _grid(self, coefficients: Symbols) -> NDArray[np.float64]:
        wave = np.zeros((SIDE, SIDE))
        wave[_zigzag(self.count)] = np.array(coefficients) * float(self.step)
        return cv2.idct(wave)


@cache
def _zigzag(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the first coefficients, by diagonals, every other one upwards, as in JPEG."""
    places = [(row, column) for row in range(SIDE) for column in range(SIDE)]
    places.sort(key=lambda place: (sum(place), place[1 - sum(place) % 2]))
    rows, columns = np.array(places[:count]).T
    return rows, columns
