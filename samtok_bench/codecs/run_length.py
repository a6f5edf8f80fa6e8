"""Run lengths at full resolution: lossless, and long."""

from collections.abc import Sequence
from typing import Any

from samtok_bench import rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.rle import RLE


class RunCodec(Codec):
    """`rle-text`: the lengths of alternating runs outside and inside, column by column, in decimal digits
    with blanks between them, as language models are made to write masks in text.

    Tokens: one a character, since Qwen's vocabulary has no word for several digits. Bits: 8 a character.
    """

    summary = "run lengths in decimal digits, lossless"
    kind = "rle-text"

    def identity(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        return [tuple(rle.run_lengths(mask).tolist()) for mask in masks]

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        return [rle.from_runs(code, *embedding) for code in codes]

    def text(self, symbols: Symbols) -> str:
        return " ".join(map(str, symbols))

    def tokens(self, symbols: Symbols) -> int:
        return len(self.text(symbols))

    def bits(self, symbols: Symbols) -> float:
        return 8 * len(self.text(symbols))


class CocoRunCodec(RunCodec):
    """`coco-rle`: COCO's compressed string (pycocotools, maskApi.c), which writes a run as its difference to
    the run before the last, six bits a character.

    Tokens: one a character, an upper bound: a vocabulary may have words for some pairs. Bits: 8 a character,
    as it is stored.
    """

    summary = "COCO's compressed run lengths, lossless"
    kind = "coco-rle"

    def text(self, symbols: Symbols) -> str:
        # the size is no part of the counts
        return rle.from_runs(symbols, sum(symbols), 1)["counts"]
