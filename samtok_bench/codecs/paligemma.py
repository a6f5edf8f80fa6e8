"""PaliGemma's mask words: a small autoencoder of the mask in its tight box."""

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from samtok_bench import provenance, rle
from samtok_bench.codec import Codec, Symbols
from samtok_bench.codecs.grid import in_box
from samtok_bench.exchange.bins import BINS, BITS, bins_of
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 64
CODES = 16
"""Of a mask, in a grid of 4 x 4."""
CODEBOOK = "_vq_vae._embedding"
_BLOCK = tuple(f"net.{place}" for place in (0, 2, 4))
_LAYERS = (
    *(f"encoder.{place}" for place in (0, 2, 4, 6, 10)),
    *(f"encoder.{block}.{part}" for block in (8, 9) for part in _BLOCK),
    *(f"decoder.{place}" for place in (0, 4, 6, 8, 10, 12)),
    *(f"decoder.{block}.{part}" for block in (2, 3) for part in _BLOCK),
)
WHERE = "vae-oid.npz of huggingface.co/spaces/google/paligemma-hf"


class PaliGemmaCodec(Codec):
    """`paligemma:FILE`: PaliGemma's four box words and sixteen mask words (arXiv 2407.07726, after arXiv
    2301.02229; google-research/big_vision, pp/proj/paligemma/segmentation.py for the way there and
    evaluators/proj/paligemma/transfers/segmentation.py for the way back). The image takes no part.

    The tight box is resized to 64 x 64, encoded to 4 x 4 vectors and these to the nearest of the codebook's;
    the box is written as 1,023 times y0, x0, y1, x1 as shares of the image, rounded. Back: 64 x 64 values,
    bilinear to the box, whose edges are cut to whole pixels, > 0; a box without a pixel is nothing.

    Tokens: 20 a mask. Bits: 10 a coordinate and log2 of the codebook's size a code, 152 for 128.

    Args:
        argument: the autoencoder's weights, an npz file.
        options: threads.

    Raises:
        ValueError: no file is named.
    """

    summary = "PaliGemma's box and mask words; FILE has the autoencoder's weights (paligemma:FILE)"

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        super().__init__(argument, options)
        if not argument:
            raise ValueError(f"paligemma takes a file of weights: paligemma:FILE, {WHERE}")
        self.file = Path(argument)
        self._arrays: dict[str, Tensor] = {}

    def identity(self) -> dict[str, Any]:
        return {"kind": "paligemma", "weights": provenance.file_hash([self.file])}

    def prepare(self) -> None:
        """Load the weights.

        Raises:
            OSError: there is no such file.
            ValueError: it is no npz file, or its arrays are not those of the autoencoder.
        """
        if self._arrays:
            return
        import torch

        if self.options.threads is not None:
            torch.set_num_threads(self.options.threads)
        arrays = _read(self.file)
        if missing := [name for name in _named() if name not in arrays]:
            raise ValueError(
                f"{self.file} lacks {', '.join(missing[:3])} ({len(missing)} arrays); see {WHERE}"
            )
        self._arrays = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in _named()}
        try:
            whole = self._values(self._codes(torch.ones(1, 1, SIDE, SIDE)))
        except (RuntimeError, ValueError, IndexError) as error:
            reason = str(error).split("\n")[0]
            self._arrays = {}
            raise ValueError(f"the arrays of {self.file} do not fit together: {reason}") from None
        if whole.shape != (1, SIDE, SIDE) or not np.isfinite(whole).all():
            self._arrays = {}
            raise ValueError(f"{self.file} decodes to {whole.shape} or to no finite numbers")

    def encode(self, embedding: tuple[int, int], masks: Sequence[RLE]) -> list[Symbols]:
        import torch

        self.prepare()
        found = []
        for mask in masks:
            pixels = torch.from_numpy(in_box(mask).astype(np.float32))[None, None]
            codes = self._codes(
                torch.nn.functional.interpolate(pixels, SIDE, mode="bilinear", antialias=True)
            )
            found.append(_box(mask) + tuple(codes[0].tolist()))
        return found

    def decode(self, embedding: tuple[int, int], codes: Sequence[Symbols]) -> list[RLE]:
        import torch

        self.prepare()
        values = [self._values(torch.tensor([code[4:]]))[0] for code in codes]
        return [_pasted(*pair, *embedding) for pair in zip(values, codes, strict=True)]

    def text(self, symbols: Symbols) -> str:
        box = "".join(f"<loc{place:04}>" for place in symbols[:4])
        return box + "".join(f"<seg{code:03}>" for code in symbols[4:])

    def tokens(self, symbols: Symbols) -> int:
        return len(symbols)

    def bits(self, symbols: Symbols) -> float:
        self.prepare()
        return 4 * BITS + CODES * math.log2(len(self._arrays[CODEBOOK]))

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        return ()

    def _codes(self, shares: "Tensor") -> "Tensor":
        """Shares of a mask (N, 1, 64, 64), 0 to 1, to codes (N, 16)."""
        from torch import cdist

        x = 2 * shares - 1
        for layer in (0, 2, 4, 6):
            x = self._convolved(f"encoder.{layer}", x, stride=2).relu()
        for layer in (8, 9):
            x = self._block(f"encoder.{layer}", x)
        vectors = self._convolved("encoder.10", x).flatten(2).transpose(1, 2)  # (N, 16, D)
        return cdist(vectors, self._arrays[CODEBOOK][None]).argmin(-1)

    def _values(self, codes: "Tensor") -> np.ndarray:
        """Codes (N, 16) to values (N, 64, 64), inside above 0."""
        from torch.nn.functional import conv_transpose2d

        x = self._arrays[CODEBOOK][codes].transpose(1, 2).unflatten(2, (4, 4))
        x = self._convolved("decoder.0", x).relu()
        for layer in (2, 3):
            x = self._block(f"decoder.{layer}", x)
        for layer in (4, 6, 8, 10):
            x = conv_transpose2d(x, *self._layer(f"decoder.{layer}"), stride=2, padding=1).relu()
        return self._convolved("decoder.12", x)[:, 0].numpy()

    def _block(self, name: str, x: "Tensor") -> "Tensor":
        y = x
        for part in _BLOCK[:2]:
            y = self._convolved(f"{name}.{part}", y).relu()
        return x + self._convolved(f"{name}.{_BLOCK[2]}", y)

    def _convolved(self, name: str, x: "Tensor", stride: int = 1) -> "Tensor":
        """With TensorFlow's padding SAME: as many zeros as the size needs, the odd one behind."""
        from torch.nn.functional import conv2d, pad

        weight, bias = self._layer(name)
        size, kernel = x.shape[-1], weight.shape[-1]
        zeros = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        around = (zeros // 2, zeros - zeros // 2)
        return conv2d(pad(x, around * 2), weight, bias, stride=stride)

    def _layer(self, name: str) -> tuple["Tensor", "Tensor"]:
        return self._arrays[f"{name}.weight"], self._arrays[f"{name}.bias"]


def _named() -> list[str]:
    return [CODEBOOK, *(f"{layer}.{part}" for layer in _LAYERS for part in ("weight", "bias"))]


def _read(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in _named() if name in arrays}
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {file}; see {WHERE}") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(f"{file} is no npz file of arrays ({reason}); see {WHERE}") from None


def _box(mask: RLE) -> Symbols:
    """Bins y0, x0, y1, x1 of the tight box."""
    height, width = mask["size"]
    x0, y0, x1, y1 = rle.box(mask)
    return *bins_of((x0, y0), width, height)[::-1], *bins_of((x1, y1), width, height)[::-1]


def _pasted(values: np.ndarray, code: Symbols, height: int, width: int) -> RLE:
    y0, y1 = (int(place / (BINS - 1) * height) for place in code[:4:2])
    x0, x1 = (int(place / (BINS - 1) * width) for place in code[1:4:2])
    mask = np.zeros((height, width), bool)
    if y0 < y1 and x0 < x1:
        large = Image.fromarray(values).resize((x1 - x0, y1 - y0), Image.Resampling.BILINEAR)
        mask[y0:y1, x0:x1] = np.asarray(large) > 0
    return rle.encode(mask)
