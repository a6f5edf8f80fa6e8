"""Mask words, the text form of a mask's two codes: format, find, parse.

A mask is `<|mt_start|><|mt_0230|><|mt_0345|><|mt_end|>`. The first code is written as it is (0000 to 0255),
the second one 256 higher (0256 to 0511). The vocabulary has 514 words. Source: arXiv 2601.16093 and its
released code.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

CODEBOOKS = 2
CODEBOOK_SIZE = 256
START = "<|mt_start|>"
END = "<|mt_end|>"
VOCABULARY: tuple[str, ...] = (START, *(f"<|mt_{i:04d}|>" for i in range(CODEBOOKS * CODEBOOK_SIZE)), END)

_MARK = re.compile(r"<\|mt_(?:([^<>|]*)\|>)?")
_CODE = re.compile(r"[0-9]{4}")


class Mark(NamedTuple):
    """A mark at text[start:end]: `<|mt_`, a name without `<`, `>` or `|`, then `|>`."""

    name: str
    """`start`, `end`, or the digits of a code; "" for the beginning `<|mt_` of a mark that is not closed."""
    start: int
    end: int


@dataclass(frozen=True)
class Word:
    """A mask at text[start:end] and its two codes, each in 0..255."""

    codes: tuple[int, int]
    start: int
    end: int


@dataclass(frozen=True)
class Fault:
    """Marks at text[start:end] that are not a mask as they stand."""

    kind: str
    """`parse_words` lists its kinds; other parsers may add their own."""
    start: int
    end: int


@dataclass(frozen=True)
class ParsedWords:
    """The masks of a text and its faults, both in reading order."""

    words: list[Word] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def codes(self) -> list[tuple[int, int]]:
        """The codes of all words; `np.array(...)` of them is what `SAMTok.decode` takes."""
        return [word.codes for word in self.words]


def format_words(codes: Any) -> list[str]:
    """Write masks as text, one string per mask.

    Args:
        codes: N pairs of integers in 0..255 (sequences, an array or a tensor of shape (N, 2)); N may be 0.

    Raises:
        ValueError: a row is not a pair, or a code is out of range.
    """
    rows: Iterable[Sequence[int]] = codes.tolist() if hasattr(codes, "tolist") else codes
    texts = []
    for row in rows:
        pair = [int(code) for code in row]
        if len(pair) != 2 or not all(0 <= code < CODEBOOK_SIZE for code in pair):
            raise ValueError(f"mask codes must be pairs in 0..{CODEBOOK_SIZE - 1}, got {list(row)}")
        texts.append(f"{START}<|mt_{pair[0]:04d}|><|mt_{pair[1] + CODEBOOK_SIZE:04d}|>{END}")
    return texts


def marks(text: str) -> Iterator[Mark]:
    """Yield every mark of a text in reading order, including the beginnings of marks that are not closed."""
    for match in _MARK.finditer(text):
        yield Mark(match[1] or "", *match.span())


def parse_words(text: str) -> ParsedWords:
    """Find all masks of a text. Never raises.

    A mask is exactly four marks with nothing between them: start, first code (0000 to 0255), second code
    (0256 to 0511), end. Every other closed mark belongs to exactly one fault. A group begins with a start
    mark and takes the marks that follow without a gap, up to its end mark or before the next start mark. A
    group that is not a mask is one fault, of the first kind that applies:

    - "unclosed": no end mark, as in `<start><0001>` or `<start><0001><0300> <end>`;
    - "too_few", "too_many": fewer or more than two marks inside, as in `<start><0001><end>`;
    - "out_of_range": a mark inside is not one of 0000 to 0511, as in `<start><0001><9999><end>`;
    - "wrong_level": the codes are not of the first and second level, as in `<start><0300><0001><end>`.

    Marks outside of groups that touch each other are one fault of kind "stray", as in `<0001><0300>`.
    """
    parsed = ParsedWords()
    for group in _groups(text):
        start, end = group[0].start, group[-1].end
        judged = _judge([mark.name for mark in group])
        if isinstance(judged, tuple):
            parsed.words.append(Word(judged, start, end))
        else:
            parsed.faults.append(Fault(judged, start, end))
    return parsed


def _groups(text: str) -> list[list[Mark]]:
    """Closed marks that belong together: from a start mark to its end mark, or touching marks elsewhere."""
    groups: list[list[Mark]] = []
    for mark in marks(text):
        if not text.endswith("|>", mark.start, mark.end):
            continue
        last = groups[-1] if groups else []
        takes_more = last and (last[0].name != "start" or last[-1].name != "end")
        if takes_more and last[-1].end == mark.start and mark.name != "start":
            last.append(mark)
        else:
            groups.append([mark])
    return groups


def _judge(names: list[str]) -> tuple[int, int] | str:
    """The codes of a group, given the names of its marks, or the kind of its fault."""
    if names[0] != "start":
        return "stray"
    if names[-1] != "end":
        return "unclosed"
    inner = names[1:-1]
    if len(inner) != 2:
        return "too_few" if len(inner) < 2 else "too_many"
    if not all(_CODE.fullmatch(name) and int(name) < CODEBOOKS * CODEBOOK_SIZE for name in inner):
        return "out_of_range"
    first, second = int(inner[0]), int(inner[1]) - CODEBOOK_SIZE
    return (first, second) if first < CODEBOOK_SIZE and second >= 0 else "wrong_level"
