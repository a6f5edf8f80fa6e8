"""Batches whose mask words are still open: other processes prepare them, the training fills the words in.

A GPU that many processes share takes turns between them. So those that draw dialogues leave the codes to the
training process, which gives all masks of a batch theirs at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from samtok.training.codes import CodeSource

FIRST = 1 << 32
"""Token ids from here on stand for codes that are not known yet, two for each mask of a batch."""


@dataclass(frozen=True)
class PackedMasks:
    """The different masks of an image, a bit for each pixel."""

    bits: NDArray[np.uint8]
    shape: tuple[int, ...]
    """(N, H, W)."""

    @classmethod
    def of(cls, masks: NDArray[np.bool_]) -> "PackedMasks":
        """Of masks (N, H, W) bool."""
        return cls(np.packbits(masks), masks.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def masks(self) -> NDArray[np.bool_]:
        """(N, H, W) bool."""
        return np.unpackbits(self.bits, count=int(np.prod(self.shape))).view(bool).reshape(self.shape)


def stand_ins(places: Sequence[int], before: int = 0) -> Tensor:
    """The ids (N, 2) int64 that stand for both codes of the masks at these N places of a dialogue.

    Args:
        places: among the dialogue's masks.
        before: masks of the batch's earlier dialogues.
    """
    return FIRST + 2 * (before + torch.tensor(places, dtype=torch.int64)[:, None]) + torch.arange(2)


def shifted(ids: Sequence[int], before: int) -> list[int]:
    """Token ids whose stand-ins are moved past the masks of earlier dialogues."""
    return [token + 2 * before if token >= FIRST else token for token in ids]


@dataclass(frozen=True)
class OpenCodes:
    """What the open words of a batch depend on."""

    shown: list[tuple[NDArray[np.uint8], PackedMasks]]
    """Images (H, W, 3) with their masks; the stand-ins count through all of these."""

    def fill(
        self, batch: dict[str, Any], source: CodeSource, first: Sequence[int], second: Sequence[int]
    ) -> dict[str, Any]:
        """The batch with the masks' words in place of all stand-ins.

        Args:
            batch: see `Collator.collate`.
            source: gives the masks their codes.
            first, second: the token ids of the first and second codes.
        """
        images, packed = zip(*self.shown, strict=True)
        codes = torch.from_numpy(np.concatenate(source(images, [masks.masks() for masks in packed])))
        levels = [torch.tensor(list(ids))[codes[:, k]] for k, ids in enumerate((first, second))]
        words = torch.stack(levels, 1).flatten()
        return {name: _filled(value, words) for name, value in batch.items()}


def _filled(value: Any, words: Tensor) -> Any:
    if value.dtype != torch.int64 or not (stands := value >= FIRST).any():
        return value
    value = value.clone()
    value[stands] = words.to(value.device)[value[stands] - FIRST]
    return value
