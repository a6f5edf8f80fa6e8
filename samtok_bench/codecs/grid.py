"""A low-resolution grid over the whole image."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import cv2
import numpy as np

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

LARGEST = 512


class GridCodec(Codec):
    """`gridK`: K x K cells over the image, each inside where half of it is; bilinear, > 0.5 on the way back.
    Text4Seg (arXiv 2410.09855) writes such grids of 16 and 24.

    Tokens: row by row run lengths as Text4Seg writes them, a word for the label and one for its count a run.
    Bits: K^2, one a cell.
    """

    summary = "a grid of K x K cells over the image (grid16, grid32)"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if not argument.isdecimal() or not 2 <= int(argument) <= LARGEST:
            raise ValueError(
                f"a grid has 2 to {LARGEST} cells a side: grid16, grid32, ...; got grid{argument}"
            )
        self.side = int(argument)

    def identity(self) -> dict[str, Any]:
        return {"kind": "grid", "side": self.side}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [self._cells(rle.decode(mask)) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        height, width = embedding
        grids = np.array(codes, np.float32).reshape(-1, self.side, self.side)
        shares = [cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR) for cells in grids]
        return [rle.encode(share > 0.5) for share in shares]

    def text(self, symbols: Symbols) -> str:
        rows = self._runs(symbols)
        return "\n".join("|".join(f"{label} *{count}" for label, count in row) for row in rows)

    def tokens(self, symbols: Symbols) -> int:
        return sum(2 * len(row) for row in self._runs(symbols))

    def bits(self, symbols: Symbols) -> float:
        return len(symbols)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("16", "32")

    def _cells(self, mask: np.ndarray) -> Symbols:
        # a mask smaller than the grid is enlarged, which the mean over areas is not meant for
        shrink = min(mask.shape) >= self.side
        how = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
        shares = cv2.resize(mask.astype(np.float32), (self.side, self.side), interpolation=how)
        return tuple((shares >= 0.5).astype(int).ravel().tolist())

    def _runs(self, symbols: Symbols) -> list[list[tuple[int, int]]]:
        """The label and length of each run, row by row."""
        rows = np.reshape(symbols, (self.side, self.side)).tolist()
        return [[(label, len(list(run))) for label, run in groupby(row)] for row in rows]
