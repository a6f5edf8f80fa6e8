"""How SAMTok's released evaluation scripts read malformed answers, to reproduce published figures.

The scripts take the codes of an answer (marks of exactly four digits) in order and pair them without regard
to groups. Where a second code is missing or invalid, they end up at row 0 of the second codebook, and so does
the mask here. Where a script stops with an error, a reading drops the codes that it stopped at.

Codes that no mask uses are "dropped" (neighbours together). A group or pair that was changed is "repaired". A
mask runs from its first code to its second one, with the start mark before it and the end mark after it.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TypeAlias

from samtok_bench.reading import Mark, ReadFault, Reading, ReadMask
from samtok_tasks.answers import enclosed

CODEBOOK_SIZE = 256
RL_MOST_PAIRS = 10

Result: TypeAlias = tuple[list[ReadMask], list[ReadFault]]
Spans: TypeAlias = Sequence[tuple[int, int]]
"""Parts text[start:end] of a text, in order, none within another."""
Rows: TypeAlias = tuple[int, int]
"""A row of each codebook, 0..255 if it is valid."""

_INVALID = "9999"  # the code that the scripts put in
_GAP = "|"  # stands between marks that do not touch; no mark can have this name
# The scripts' repairs, with one letter per mark: S start, E end, C four digits, D other digits, ? any other
# name, and the gap as it is. New marks with these names replace what the pattern's group matches.
_REPAIRS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"S[CD][CD]([CD]+)E", ()),
    (r"S[CD]()E", (_INVALID,)),
    (r"S[CD]()(?:\||$)", (_INVALID, "end")),
)


def _read_union(text: str, marks: Sequence[Mark], most_pairs: int | None = None) -> Result:
    codes = _codes(marks)
    faults: list[ReadFault] = []
    if len(codes) % 2:
        repaired, faults = _repair(marks)
        groups = re.finditer("S(CC)E", _letters(repaired))
        codes = [code for group in groups for code in repaired[slice(*group.span(1))]]
    if most_pairs is not None and len(codes) > 2 * most_pairs:
        codes = codes[:2]
    return _read_pairs(marks, codes, faults, _union_rows)


def _union_rows(first: int, second: int) -> Rows | None:
    if first >= CODEBOOK_SIZE:
        return None
    return first, second if 0 <= second < CODEBOOK_SIZE else 0


def _read_rl(text: str, marks: Sequence[Mark]) -> Result:
    start, end = _answer(text)
    return _read_union(text, [mark for mark in marks if start <= mark.start < end], RL_MOST_PAIRS)


def _answer(text: str) -> tuple[int, int]:
    """Where the answer of a model that thinks first begins and ends."""
    closed = next(enclosed(text, ("<answer>", "</answer>")), None)
    if closed:
        return closed.start, closed.stop
    begin = re.search("<answer>", text) or re.search("</think>", text)
    return begin.end() if begin else 0, len(text)


def _read_gcg(text: str, marks: Sequence[Mark]) -> Result:
    codes = _codes(marks)
    faults: list[ReadFault] = []
    if len(codes) % 2:
        repaired, faults = _repair(marks)
        codes = _codes(repaired)
    return _read_pairs(marks, codes, faults, _gcg_rows)


def _gcg_rows(first: int, second: int) -> Rows | None:
    if second < 0:
        return None
    return first if first < CODEBOOK_SIZE else 0, second if second < CODEBOOK_SIZE else 0


def _read_last(text: str, marks: Sequence[Mark]) -> Result:
    last = {int(code.name) // CODEBOOK_SIZE: code for code in _codes(marks)}  # by level
    first, second = last.get(0), last.get(1)
    if first is None:
        return _with_dropped(marks, [], [], [])
    if second is None:
        mask = _Around(marks).mask((int(first.name), 0), first, first)
        return _with_dropped(marks, [mask], [ReadFault("repaired", first.start, first.end)], [mask])
    mask = _Around(marks).mask(_rows(first, second), *sorted([first, second], key=attrgetter("start")))
    return _with_dropped(marks, [mask], [], [first, second])


def _codes(marks: Sequence[Mark]) -> list[Mark]:
    return [mark for mark, letter in zip(marks, _letters(marks), strict=True) if letter == "C"]


def _letters(marks: Sequence[Mark]) -> str:
    """One letter per mark; see `_REPAIRS`."""
    letters = {"start": "S", "end": "E", _GAP: _GAP}
    return "".join(
        ("C" if len(name) == 4 else "D") if re.fullmatch("[0-9]+", name) else letters.get(name, "?")
        for name, _, _ in marks
    )


def _rows(first: Mark, second: Mark) -> Rows:
    return int(first.name), int(second.name) - CODEBOOK_SIZE


def _repair(marks: Sequence[Mark]) -> tuple[list[Mark], list[ReadFault]]:
    """The marks after the scripts' repairs, with gaps between them, and a fault for each group that was cut.

    Gaps and new marks take no characters of the text.
    """
    repaired: list[Mark] = []
    for mark in marks:
        if repaired and repaired[-1].end < mark.start:
            repaired.append(_new(_GAP, repaired[-1]))
        repaired.append(mark)
    faults = []
    for pattern, names in _REPAIRS:
        mended: list[Mark] = []
        at = 0
        for match in re.finditer(pattern, _letters(repaired)):
            start, end = match.span(1)
            if start < end:
                group = repaired[slice(*match.span())]
                faults.append(ReadFault("repaired", group[0].start, group[-1].end))
            mended += [*repaired[at:start], *(_new(name, repaired[start - 1]) for name in names)]
            at = end
        repaired = [*mended, *repaired[at:]]
    return repaired, faults


def _new(name: str, behind: Mark) -> Mark:
    return Mark(name, behind.end, behind.end)


def _read_pairs(
    marks: Sequence[Mark],
    codes: Sequence[Mark],
    faults: list[ReadFault],
    valid: Callable[[int, int], Rows | None],
) -> Result:
    """Masks of the codes two by two; `valid` mends the rows of a pair, or gives None to drop it."""
    masks = []
    around = _Around(marks)
    for first, second in zip(codes[::2], codes[1::2], strict=False):
        written = _rows(first, second)
        rows = valid(*written)
        if rows is None:
            continue
        if rows != written:
            faults.append(ReadFault("repaired", first.start, second.end))
        masks.append(around.mask(rows, first, second))
    return _with_dropped(marks, masks, faults, masks)


class _Around:
    """The start and end marks of a text, by where they touch what is between them."""

    def __init__(self, marks: Sequence[Mark]) -> None:
        self._starts = {mark.end: mark.start for mark in marks if mark.name == "start"}
        self._ends = {mark.start: mark.end for mark in marks if mark.name == "end"}

    def mask(self, rows: Rows, first: Mark, last: Mark) -> ReadMask:
        """The mask from `first` to `last`, with the start mark before it and the end mark after it."""
        start, end = self._starts.get(first.start, first.start), self._ends.get(last.end, last.end)
        return ReadMask(rows, start, end)


def _with_dropped(
    marks: Sequence[Mark],
    masks: list[ReadMask],
    faults: list[ReadFault],
    used: Sequence[ReadMask | Mark],
) -> Result:
    """Add a fault for the codes that lie neither in a fault nor in what is used."""
    spans = sorted((span.start, span.end) for span in (*used, *faults))
    dropped: list[ReadFault] = []
    begun, until = 0, 0  # spans that begin at or before a code, and how far they reach
    for code in _codes(marks):
        while begun < len(spans) and spans[begun][0] <= code.start:
            until = max(until, spans[begun][1])
            begun += 1
        if code.start < until:
            continue
        start = dropped.pop().start if dropped and dropped[-1].end == code.start else code.start
        dropped.append(ReadFault("dropped", start, code.end))
    return masks, sorted([*faults, *dropped], key=attrgetter("start"))


UNION = Reading("released-union", _read_union)
"""GRES, GroundingSuite, ReasonSeg.

An odd number of codes is repaired first: over-long groups are cut to two codes, and a missing second code is
put in. Then only complete groups count. A pair without a valid first code is dropped.
"""

RL = Reading("released-rl", _read_rl)
"""GRES after reinforcement learning, with a model that thinks first: as `UNION`, in the answer alone.

Of more than `RL_MOST_PAIRS` pairs only the first one counts. The answer is what stands in the first
<answer>...</answer>; else everything after the first <answer>; else everything after the first </think>; else
the whole text. Codes outside of it belong to the thinking and are not faults.
"""

GCG = Reading("released-gcg", _read_gcg)
"""Grounded captions: as `UNION`, but after the repair all codes count.

An invalid first code ends up at row 0 too. A second code below 256 stops the script with an error, as does a
number of codes that is still odd: here the pair, or the last code, is dropped.
"""

LAST = Reading("released-last", _read_last)
"""RefCOCO and multi-round: the last code of each level makes the only mask."""


def last_in_each(name: str, fields: Callable[[str], Spans]) -> Reading:
    """As `LAST`, in each field of a text by itself; codes outside of fields make no mask."""

    def read(text: str, marks: Sequence[Mark]) -> Result:
        starts = [mark.start for mark in marks]
        masks: list[ReadMask] = []
        faults: list[ReadFault] = []
        outside: list[Mark] = []
        done = 0
        for begin, end in fields(text):
            first, after = bisect_left(starts, begin), bisect_left(starts, end)
            found, wrong = _read_last(text, marks[first:after])
            masks += found
            faults += wrong
            outside += marks[done:first]
            done = after
        _, wrong = _with_dropped([*outside, *marks[done:]], [], [], [])
        return masks, sorted([*faults, *wrong], key=attrgetter("start"))

    return Reading(name, read)
