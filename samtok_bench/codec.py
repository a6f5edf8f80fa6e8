"""What a codec is: masks to symbols and back."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE

Symbols = tuple[int, ...]
"""What a codec writes for one mask. Decoding sees nothing else of it."""


class Codec(ABC):
    """Turns masks into a few symbols and back, with or without the help of the image.

    Args:
        argument: what follows the codec's name: 16 of `grid16`, FOLDER of `samtok:FOLDER`, or "".
        options: device and threads.

    Raises:
        ValueError: an argument that the codec does not know.
    """

    summary: ClassVar[str]
    """One line for `samtok-bench models`."""
    needs_image: ClassVar[bool] = False
    takes: ClassVar[frozenset[str]] = frozenset()
    """As `Predictor.takes`."""
    codebooks: int = 0
    """How many indices of codebooks its symbols are; 0 where they are something else."""

    def __init__(self, argument: str, options: PredictorOptions) -> None:
        self.argument = argument
        self.options = options

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that decides what comes back, as JSON values."""

    def words_hash(self) -> str:
        """What tells whose symbols `text` writes; those of a codec with learned codebooks depend on these."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()

    def prepare(self) -> None:
        """Load what is needed; raises what a user can act on."""
        return None

    def embed(self, image: Path, size: tuple[int, int], upright: bool = False) -> Any:
        """What is computed once for an image; by default its size (height, width).

        Args:
            image: the file.
            size: (height, width) that the masks have.
            upright: see `Sample.upright`.

        Raises:
            OSError, ValueError: the image cannot be used; the reason in one line.
        """
        return size

    def embed_file(self, image: Path, size: tuple[int, int], upright: bool) -> Any:
        """`embed`, of a codec that may know nothing of upright images where there are none."""
        return self.embed(image, size, upright=True) if upright else self.embed(image, size)

    @abstractmethod
    def encode(self, embedding: Any, masks: Sequence[RLE]) -> list[Symbols]:
        """The symbols of each of the image's masks, none of them empty."""

    @abstractmethod
    def decode(self, embedding: Any, codes: Sequence[Symbols]) -> list[RLE]:
        """The masks that symbols stand for, of the image's size."""

    @abstractmethod
    def text(self, symbols: Symbols) -> str:
        """The symbols as a language model writes them."""

    @abstractmethod
    def tokens(self, symbols: Symbols) -> int:
        """Words of a language model's vocabulary that the text takes."""

    @abstractmethod
    def bits(self, symbols: Symbols) -> float:
        """Length of the code, without entropy coding."""

    @classmethod
    def choices(cls) -> tuple[str, ...]:
        """The arguments worth listing and comparing, as they follow the name."""
        return ("",)
