"""Sources of codes for training masks: a tokenizer, or plain geometry.

A source also describes its codes, so that similar ones can start with similar embeddings.
"""

import pickle
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from samtok.agreement import check_codebooks
from samtok.build import position_waves
from samtok.tokenizer import SAMTok
from samtok.training.processes import own_gpu


class TokenizerCodes:
    """Codes of a frozen SAMTok; each image with masks is embedded once, images and masks in batches.

    They are made on a GPU where there is one, in each process that asks for them.
    """

    tokenizer: SAMTok

    def __init__(self, tokenizer: SAMTok) -> None:
        check_codebooks(tokenizer.config)
        self.tokenizer, self._placed = tokenizer, False

    def __getstate__(self) -> dict[str, Any]:
        """For another process, which places the weights itself.

        They are bytes: torch would send each tensor as a file, and more than a process may take.
        """
        self.tokenizer.to("cpu")
        self._placed = False
        return {"tokenizer": pickle.dumps(self.tokenizer)} | {
            name: value for name, value in vars(self).items() if name != "tokenizer"
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.tokenizer = pickle.loads(state.pop("tokenizer"))
        vars(self).update(state)

    def __call__(
        self, images: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.int64]]:
        """For each image (H, W, 3) uint8 the codes of its masks: (N, H, W) bool -> (N, 2) int64 in 0..255."""
        if not self._placed and (gpu := own_gpu()):
            self.tokenizer.to(gpu)
        self._placed = True
        codes = [np.zeros((0, 2), np.int64)] * len(images)
        if asked := [place for place, group in enumerate(masks) if len(group)]:  # others are not embedded
            embeddings = self.tokenizer.embed([images[place] for place in asked])
            found = self.tokenizer.encode_batch(embeddings, [masks[place] for place in asked])
            for place, group in zip(asked, found, strict=True):
                codes[place] = group.cpu().numpy()
        return codes

    def has_words(self, stated: str) -> bool:
        """Whether the mask words of a tokenizer are this one's.

        Args:
            stated: see `codebook_hash`, or a tokenizer's folder or hub id.
        """
        return _hash_of(stated) == self.tokenizer.codebook_hash()

    def check_words(self, stated: str) -> None:
        """ValueError unless `has_words`."""
        if not self.has_words(stated):
            known, own = _hash_of(stated)[:12], self.tokenizer.codebook_hash()[:12]
            raise ValueError(
                f"the mask words are of another tokenizer: {stated} has the codebooks {known}, "
                f"the one in use {own}; train with `codes: {stated}`, or with data that has masks"
            )

    def features(self) -> list[Tensor]:
        """A description of each code per level, (256, F) float32: the codebooks' vectors."""
        books: Any = self.tokenizer.quantizer.codebooks
        return [book.weight.detach().float().cpu() for book in books]


class GeometryCodes:
    """Codes that only tell where a mask's box is. They need no tokenizer and suffice to learn to find things.

    The first code is the cell of the box's centre on a 16 x 16 grid, row by row. The second code holds the
    box's height and width, 4 bits each, in 16 logarithmic steps from 1/32 of the image's side to all of it.
    """

    tokenizer = None

    def __call__(
        self, images: Sequence[NDArray[np.uint8]], masks: Sequence[NDArray[np.bool_]]
    ) -> list[NDArray[np.int64]]:
        """See `TokenizerCodes`; images are not looked at."""
        return [np.array([_box_codes(mask) for mask in group], np.int64).reshape(-1, 2) for group in masks]

    def has_words(self, stated: str) -> bool:
        """No tokenizer has words for these codes."""
        return False

    def check_words(self, stated: str) -> None:
        """ValueError: they are of a tokenizer, and these codes of none."""
        raise ValueError(f"the mask words are of the tokenizer {stated}: train with `codes: {stated}`")

    def features(self) -> list[Tensor]:
        """Waves over rows and columns of a 16 x 16 grid, the same for both levels."""
        return [position_waves(16, 128)] * 2


CodeSource: TypeAlias = TokenizerCodes | GeometryCodes


@lru_cache
def _hash_of(stated: str) -> str:
    if re.fullmatch("[0-9a-f]{64}", stated):
        return stated
    return SAMTok.from_pretrained(stated, device="cpu").codebook_hash()


def _box_codes(mask: NDArray[np.bool_]) -> tuple[int, int]:
    cells, steps = [], []
    for axis in (0, 1):  # rows, then columns
        line = np.flatnonzero(mask.any(1 - axis))
        if not len(line):
            raise ValueError("an empty mask has no codes")
        side = mask.shape[axis]
        low, high = line[0] / side, (line[-1] + 1) / side
        cells.append(min(int((low + high) * 8), 15))
        steps.append(int(np.clip(16 * (1 + np.log2(high - low) / 5), 0, 15)))
    return cells[0] * 16 + cells[1], steps[0] * 16 + steps[1]
