"""The tight box: what detection-like models write."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.exchange.bins import BINS, CoordinateWords, box_pixels, box_symbols
from samtok_bench.rle import RLE


class BoxCodec(CoordinateWords, Codec):
    """The filled tight box, as four coordinates of 1,024 bins, as Pix2Seq (arXiv 2109.10852) and its heirs
    write boxes.

    Tokens: one word a coordinate, 4 a mask. Bits: 10 a coordinate, 40 a mask.
    """

    summary = "the filled tight box, 4 coordinates of 1,024 bins"

    def identity(self) -> dict[str, Any]:
        return {"kind": "box", "bins": BINS}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [box_symbols(mask) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [rle.rectangle(*box_pixels(code, *embedding), *embedding) for code in codes]
