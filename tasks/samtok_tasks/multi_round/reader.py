"""Dialogues about an image whose answers are masks, whatever file they come from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.multi_round.segllm_files import require_conversations

Piece = str | RLE
"""What a turn is made of, in order: texts and masks, no mask empty."""


@dataclass(frozen=True)
class Round:
    """A question about an image, with all that was said before."""

    place: str
    """In the data set."""
    number: int
    """From 1."""
    image: Path
    """Where the image must be; it was not opened, or for its size only."""
    size: tuple[int, int]
    """Height and width, pixels."""
    turns: tuple[tuple[Piece, ...], ...]
    """Questions and answers by turns; the question itself comes last."""
    targets: tuple[RLE, ...]
    """At least one."""
    tags: Mapping[str, str] = field(default_factory=dict)


Dialogue = tuple[Round, ...]
"""The rounds that were read of one dialogue."""


@dataclass(frozen=True)
class Dialogues:
    """A split, in the order of the file."""

    dialogues: tuple[Dialogue, ...]
    dropped: Dropped


class DialogueReader(ABC):
    """Reads one data format."""

    has_whole_dialogues: ClassVar[bool]
    """Whether the round before each round is read too, so that a model's own answer to it can be told."""

    file_name: ClassVar[str]
    """Of a split, without its ending."""

    def locate(self, root: Path, split: str) -> Path:
        """The file of a split, unread."""
        return require_conversations(root, split, self.file_name.format(split=split))

    @abstractmethod
    def read(self, root: Path, split: str) -> Dialogues:
        """Read a split with its masks. What cannot be used is counted."""


class UnusableError(Exception):
    """A dialogue or round that is left out, perhaps for want of a file."""

    def __init__(self, reason: str, details: str, lost: bool = False) -> None:
        super().__init__(reason, details, lost)
        self.reason, self.details, self.lost = reason, details, lost
