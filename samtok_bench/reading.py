"""How the mask words of an answer are read, where a benchmark does not read them as the model itself does.

A predictor that writes masks as words finds the marks in an answer; which of them make a mask is then the
benchmark's to say. Released evaluation scripts repair malformed answers in manners of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Mark(NamedTuple):
    """One mark of a mask's words at text[start:end]."""

    name: str
    """`start`, `end`, or the digits of a code; "" for the beginning of a mark that is never closed."""
    start: int
    end: int


class ReadMask(NamedTuple):
    """A mask that an answer says: its codes, each the place in its codebook, and text[start:end]."""

    codes: tuple[int, int]
    start: int
    end: int


class ReadFault(NamedTuple):
    """Marks at text[start:end] that were changed ("repaired") or that say no mask ("dropped")."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class Reading:
    """A way to read mask words."""

    name: str
    """Recorded with a run: runs of two readings do not compare."""
    read: Callable[[str, Sequence[Mark]], tuple[list[ReadMask], list[ReadFault]]] | None = None
    """Masks and faults of a text with its marks, both in reading order; None for the predictor's own way."""


STANDARD = Reading("standard")
