"""Low-resolution grids, over the whole image or in the tight box."""

from abc import abstractmethod
from collections.abc import Sequence
from itertools import groupby
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.codecs.qwen_words import qwen_words
from samtok_bench.exchange.bins import BITS, box_pixels, box_symbols, box_text
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

LARGEST = 512
LABELS = ("others", "target")
"""Outside and inside, as Text4Seg names them; it takes the phrase for the inside, here a single word."""
HALF = 0.5


class _Grid(Codec):
    """K x K cells, a bit each, written row by row as Text4Seg writes them."""

    kind: ClassVar[str]

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if not argument.isdecimal() or not 2 <= int(argument) <= LARGEST:
            raise ValueError(
                f"a grid has 2 to {LARGEST} cells a side: {self.kind}16, {self.kind}32, ...; "
                f"got {self.kind}{argument}"
            )
        self.side = int(argument)

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind, "side": self.side}

    def text(self, symbols: Symbols) -> str:
        rows = np.reshape(symbols, (self.side, self.side)).tolist()
        runs = [[(LABELS[label], len(list(run))) for label, run in groupby(row)] for row in rows]
        return "\n ".join("| ".join(f"{label} *{count}" for label, count in row) for row in runs) + "\n"

    def tokens(self, symbols: Symbols) -> int:
        return qwen_words(self.text(symbols))

    def bits(self, symbols: Symbols) -> float:
        return len(symbols)

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("16", "32")


class _ImageGrid(_Grid):
    """A grid over the whole image."""

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [_flat(self._down(rle.decode(mask))) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        grids = np.array(codes, np.uint8).reshape(-1, self.side, self.side)
        return [rle.encode(self._up(cells, *embedding)) for cells in grids]

    @abstractmethod
    def _down(self, mask: NDArray[np.bool_]) -> NDArray[Any]:
        """Cells (K, K), 0 or 1."""

    @abstractmethod
    def _up(self, cells: NDArray[np.uint8], height: int, width: int) -> NDArray[np.bool_]:
        """The mask (height, width) of cells (K, K)."""


class GridCodec(_ImageGrid):
    """`gridK`: K x K cells over the image, each inside where half of it is; bilinear, > 0.5 on the way back.
    No published model has it: Text4Seg's own is `text4segK`.

    Tokens: as `text4segK`. Bits: K^2, one a cell.
    """

    summary = "a grid of K x K cells over the image, by area and bilinear (grid16, grid32)"
    kind = "grid"

    def _down(self, mask: NDArray[np.bool_]) -> NDArray[Any]:
        return shares(mask, self.side) >= HALF

    def _up(self, cells: NDArray[np.uint8], height: int, width: int) -> NDArray[np.bool_]:
        return enlarged(cells, height, width) > HALF


class Text4SegCodec(_ImageGrid):
    """`text4segK`: Text4Seg (arXiv 2410.09855; K is 16, 24 or 32): the mask is shrunk to K x K by PIL's
    NEAREST (mc-lan/Text4Seg, ms-swift/data/create_refcoco_*.py) and enlarged by torch's nearest
    (ms-swift/text4seg/infer_refer_seg.py). SAM, which may refine it, is left out.

    Tokens: Qwen's words of its run lengths row by row (ms-swift/data/utils.py, encode_mask), `others *12|
    target *4`, where the phrase is one word; a longer one costs more. Bits: K^2, one a cell.
    """

    summary = "Text4Seg's grid of K x K cells, nearest both ways (text4seg16, text4seg24, text4seg32)"
    kind = "text4seg"

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("16", "24", "32")

    def _down(self, mask: NDArray[np.bool_]) -> NDArray[Any]:
        image = Image.fromarray(mask.astype(np.uint8))
        return np.asarray(image.resize((self.side, self.side), Image.Resampling.NEAREST))

    def _up(self, cells: NDArray[np.uint8], height: int, width: int) -> NDArray[np.bool_]:
        # torch's nearest: floor of the position times a scale in single precision
        rows, columns = (_nearest(self.side, size) for size in (height, width))
        return cells[rows[:, None], columns].astype(bool)


class BoxGridCodec(_Grid):
    """`boxgridK`: the tight box (1,024 bins a coordinate) and K x K cells in it, each inside where half of it
    is; bilinear, > 0.5 on the way back. Mask R-CNN's target (arXiv 1703.06870) is such a grid of 28.

    Tokens: one a coordinate and `text4segK`'s of the cells. Bits: 40 + K^2.
    """

    summary = "the tight box and K x K cells in it (boxgrid8, boxgrid16, boxgrid28)"
    kind = "boxgrid"

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ("8", "12", "16", "28", "64")

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [box_symbols(mask) + _flat(shares(in_box(mask), self.side) >= HALF) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [pasted(self._cells(code), code[:4], HALF, *embedding) for code in codes]

    def text(self, symbols: Symbols) -> str:
        return f"{box_text(symbols[:4])}{super().text(symbols[4:])}"

    def tokens(self, symbols: Symbols) -> int:
        return 4 + qwen_words(super().text(symbols[4:]))

    def bits(self, symbols: Symbols) -> float:
        return 4 * BITS + len(symbols) - 4

    def _cells(self, code: Symbols) -> NDArray[np.uint8]:
        return np.array(code[4:], np.uint8).reshape(self.side, self.side)


def in_box(mask: RLE) -> NDArray[np.bool_]:
    """The pixels of a mask's tight box (h, w)."""
    x0, y0, x1, y1 = rle.box(mask)
    return rle.decode(mask)[y0:y1, x0:x1]


def shares(mask: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    """The part of each of side x side cells that is inside, 0 to 1."""
    # a mask smaller than the grid is enlarged, which the mean over areas is not meant for
    how = cv2.INTER_AREA if min(mask.shape) >= side else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), (side, side), interpolation=how)


def enlarged(cells: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Values (K, K) at another size, (height, width), bilinear."""
    return cv2.resize(cells.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)


def pasted(cells: NDArray[Any], box: Sequence[int], threshold: float, height: int, width: int) -> RLE:
    """The mask of an image (height, width) whose box (bins) has values (K, K) above a threshold."""
    x0, y0, x1, y1 = box_pixels(box, height, width)
    mask = np.zeros((height, width), bool)
    mask[y0:y1, x0:x1] = enlarged(cells, y1 - y0, x1 - x0) > threshold
    return rle.encode(mask)


def _flat(cells: NDArray[Any]) -> Symbols:
    return tuple(cells.astype(int).ravel().tolist())


def _nearest(cells: int, size: int) -> NDArray[np.int64]:
    scale = np.float32(cells) / np.float32(size)
    places = np.floor(np.arange(size, dtype=np.float32) * scale).astype(np.int64)
    return np.minimum(places, cells - 1)
