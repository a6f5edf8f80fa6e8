"""Mask words, the text form of a mask's two codes: written, parsed, repaired, all of it here.

A mask is `<|mt_start|><|mt_0230|><|mt_0345|><|mt_end|>`: its first code as it is (0..255), its second one
256 higher (256..511). The vocabulary has 514 words (arXiv 2601.16093 and its released code).
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

CODEBOOK_SIZE = 256
START = "<|mt_start|>"
END = "<|mt_end|>"
VOCABULARY: tuple[str, ...] = (START, *(f"<|mt_{i:04d}|>" for i in range(2 * CODEBOOK_SIZE)), END)

Kind: TypeAlias = Literal[
    "unclosed", "too_few", "too_many", "out_of_range", "wrong_level", "stray", "repaired", "dropped"
]
Policy: TypeAlias = Literal["standard", "released-union", "released-last", "released-gcg", "released-rl"]
POLICIES: tuple[Policy, ...] = get_args(Policy)


@dataclass(frozen=True)
class Word:
    """One mask in a text: its codes, each in 0..255, and the characters text[start:end] that say it."""

    codes: tuple[int, int]
    start: int
    end: int


@dataclass(frozen=True)
class Fault:
    """Mask words at text[start:end] that are no mask, or became one only by a repair."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True)
class ParsedWords:
    """The masks of a text in reading order, and everything that was wrong."""

    words: list[Word] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def codes(self) -> list[tuple[int, int]]:
        """The codes of all words; `np.array(...)` of them is what `SAMTok.decode` takes."""
        return [word.codes for word in self.words]


def format_words(codes: Any) -> list[str]:
    """The text of each mask.

    Args:
        codes: N pairs of integers in 0..255 (sequences, an array or a tensor of shape (N, 2)); N may be 0.

    Raises:
        ValueError: a row that is not a pair, or a code out of range.
    """
    rows: Iterable[Sequence[int]] = codes.tolist() if hasattr(codes, "tolist") else codes
    texts = []
    for row in rows:
        pair = [int(code) for code in row]
        if len(pair) != 2 or not all(0 <= code < CODEBOOK_SIZE for code in pair):
            raise ValueError(f"mask codes must be pairs in 0..{CODEBOOK_SIZE - 1}, got {list(row)}")
        texts.append(f"{START}<|mt_{pair[0]:04d}|><|mt_{pair[1] + CODEBOOK_SIZE:04d}|>{END}")
    return texts


def parse_words(text: str, policy: Policy = "standard") -> ParsedWords:
    """All masks of a text. No text makes it raise.

    "standard": a mark is `<|mt_`, any characters but `<`, `>` and `|`, then `|>`. A mask is exactly the four
    marks start, first code (0000..0511 below 0256), second code (from 0256), end, with nothing between them.
    Every other mark belongs to exactly one fault. A group begins with a start mark and takes the marks that
    follow without a gap, up to its end mark or before the next start mark. A group that is no mask is one
    fault, of the first kind that applies:

    - "unclosed": no end mark, as in `<start><0001>` or `<start><0001><0300> <end>`;
    - "too_few", "too_many": fewer or more than two marks inside, as in `<start><0001><end>`;
    - "out_of_range": a mark inside is not one of 0000..0511, as in `<start><0001><9999><end>`;
    - "wrong_level": the two codes are not of first and second level, as in `<start><0300><0001><end>`.

    Marks outside of groups that touch each other are one "stray", as in `<0001><0300>`.

    The "released-" policies repeat what the released evaluation scripts do, to reproduce published figures.
    They read the codes (marks of exactly four digits) in order and pair them without regard to groups. Where
    a second code is missing or invalid the scripts end at row 0 of the second codebook, and so does the word.

    - "released-union" (GRES, GroundingSuite): an odd number of codes is repaired first (over-long groups cut
      to two codes, a missing second code put in) and then only complete groups count; a pair without a
      valid first code is dropped.
    - "released-last" (RefCOCO, multi-round): the last code of each level makes the only word.
    - "released-gcg" (grounded captions): as union, but after the repair all codes count; an invalid first
      code too ends at row 0. A second code below 256 stops the script with an error, as does a number of
      codes that is odd even then: here the pair, or the last code, is dropped.

    - "released-rl" (GRES after reinforcement learning, which thinks first): as union, in the answer alone; of
      more than RL_MOST_PAIRS pairs only the first one counts. The answer is what stands in the first
      <answer>...</answer>; else all behind the first <answer>; else all behind the first </think>; else the
      whole text. Codes outside of it are no faults: they belong to the thinking.

    In these a code that is used by no word is "dropped" (neighbours together), a group or code that was
    changed is "repaired". The span of a word runs from its first code to its second one, with the start mark
    before it and the end mark behind it.

    Raises:
        ValueError: no such policy.
    """
    if policy not in _PARSERS:
        raise ValueError(f"policy must be one of {', '.join(_PARSERS)}; got {policy!r}")
    return _PARSERS[policy](text)


# ---- standard ---------------------------------------------------------------------------------------------

_MARK = re.compile(r"<\|mt_([^<>|]*)\|>")
_CODE = re.compile(r"[0-9]{4}")


def _parse_standard(text: str) -> ParsedWords:
    parsed = ParsedWords()
    for group in _groups(text):
        start, end = group[0].start(), group[-1].end()
        found = _judge([mark[1] for mark in group])
        if isinstance(found, tuple):
            parsed.words.append(Word(found, start, end))
        else:
            parsed.faults.append(Fault(found, start, end))
    return parsed


def _groups(text: str) -> list[list[re.Match[str]]]:
    """Marks that belong together: a start mark to its end mark, or neighbouring marks outside of groups."""
    groups: list[list[re.Match[str]]] = []
    is_open = False  # whether the last group takes codes still
    for mark in _MARK.finditer(text):
        touches = bool(groups) and groups[-1][-1].end() == mark.start()
        in_stray = touches and groups[-1][0][1] != "start"
        if mark[1] != "start" and touches and (is_open or in_stray):
            groups[-1].append(mark)
        else:
            groups.append([mark])
        is_open = groups[-1][0][1] == "start" and mark[1] != "end"
    return groups


def _judge(names: list[str]) -> tuple[int, int] | Kind:
    """The codes of a group, given the names of its marks, or the kind of its fault."""
    if names[0] != "start":
        return "stray"
    if names[-1] != "end":
        return "unclosed"
    inner = names[1:-1]
    if len(inner) != 2:
        return "too_few" if len(inner) < 2 else "too_many"
    if not all(_CODE.fullmatch(name) and int(name) < 2 * CODEBOOK_SIZE for name in inner):
        return "out_of_range"
    first, second = int(inner[0]), int(inner[1]) - CODEBOOK_SIZE
    return (first, second) if first < CODEBOOK_SIZE and second >= 0 else "wrong_level"


# ---- as released ------------------------------------------------------------------------------------------

_S, _E, _TOKEN = re.escape(START), re.escape(END), r"<\|mt_[0-9]+\|>"
_ANY_CODE = re.compile(r"<\|mt_([0-9]{4})\|>")
_GROUP = re.compile(rf"{_S}<\|mt_([0-9]{{4}})\|><\|mt_([0-9]{{4}})\|>{_E}")
# what is kept stands in groups 1 and 2, the text goes between them
_REPAIRS = (
    (re.compile(rf"({_S}{_TOKEN}{_TOKEN})(?:{_TOKEN})+({_E})"), ""),
    (re.compile(rf"({_S}{_TOKEN})({_E})"), "<|mt_9999|>"),
    (re.compile(rf"({_S}{_TOKEN})(?!<\|mt_)()"), f"<|mt_9999|>{END}"),
)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
RL_MOST_PAIRS = 10


@dataclass(frozen=True)
class _Code:
    """A code as written (0..9999) and its characters in the original text; none for one that was put in."""

    value: int
    start: int
    end: int


def _parse_union(text: str, most_pairs: int | None = None) -> ParsedWords:
    codes = _read_codes(text)
    faults: list[Fault] = []
    if len(codes) % 2:
        codes, faults = _repair(text, complete_groups=True)
    pairs = list(zip(codes[::2], codes[1::2], strict=True))
    if most_pairs is not None and len(pairs) > most_pairs:
        pairs = pairs[:1]
    words = []
    for a, b in pairs:
        if a.value >= CODEBOOK_SIZE:
            continue
        second = b.value - CODEBOOK_SIZE
        if not 0 <= second < CODEBOOK_SIZE:
            second = 0
            faults.append(Fault("repaired", a.start, b.end))
        words.append(_word(text, (a.value, second), a, b))
    return _with_dropped(text, words, faults)


def _parse_rl(text: str) -> ParsedWords:
    start, end = _answer(text)
    found = _parse_union(text[start:end], RL_MOST_PAIRS)
    return ParsedWords(
        [replace(word, start=word.start + start, end=word.end + start) for word in found.words],
        [replace(fault, start=fault.start + start, end=fault.end + start) for fault in found.faults],
    )


def _answer(text: str) -> tuple[int, int]:
    """Where the answer of a model that thinks first begins and ends."""
    closed = _ANSWER.search(text)
    if closed:
        return closed.span(1)
    for mark in ("<answer>", "</think>"):
        if mark in text:
            return text.index(mark) + len(mark), len(text)
    return 0, len(text)


def _parse_last(text: str) -> ParsedWords:
    slots: list[_Code | None] = [None, None]
    for code in _read_codes(text):
        if code.value < 2 * CODEBOOK_SIZE:
            slots[code.value // CODEBOOK_SIZE] = code
    first, second = slots
    if first is None:
        return _with_dropped(text, [], [])
    if second is None:
        repaired = Fault("repaired", first.start, first.end)
        return _with_dropped(text, [_word(text, (first.value, 0), first, first)], [repaired])
    codes = (first.value, second.value - CODEBOOK_SIZE)
    word = _word(text, codes, *sorted((first, second), key=lambda code: code.start))
    return _with_dropped(text, [word], [], used={first.start, second.start})


def _parse_gcg(text: str) -> ParsedWords:
    codes = _read_codes(text)
    faults: list[Fault] = []
    if len(codes) % 2:
        codes, faults = _repair(text, complete_groups=False)
    words = []
    for a, b in zip(codes[::2], codes[1::2], strict=False):
        second = b.value - CODEBOOK_SIZE
        if second < 0:
            continue
        pair = (a.value if a.value < CODEBOOK_SIZE else 0, second if second < CODEBOOK_SIZE else 0)
        if pair != (a.value, second):
            faults.append(Fault("repaired", a.start, b.end))
        words.append(_word(text, pair, a, b))
    return _with_dropped(text, words, faults)


def _read_codes(text: str) -> list[_Code]:
    return [_Code(int(match[1]), *match.span()) for match in _ANY_CODE.finditer(text)]


def _repair(text: str, complete_groups: bool) -> tuple[list[_Code], list[Fault]]:
    """Codes after the released repair, and a fault for each group that was cut.

    A code that was put in becomes a fault where it is replaced by row 0.
    """
    faults = []
    origin = list(range(len(text) + 1))  # where each character of the repaired text comes from
    for pattern, put_in in _REPAIRS:
        pieces, places, done = [], [], 0
        for match in pattern.finditer(text):
            head, tail = match.end(1), match.start(2)
            if not put_in:
                faults.append(Fault("repaired", origin[match.start()], origin[match.end()]))
            pieces += [text[done:head], put_in]
            places += [*origin[done:head], *[origin[head]] * len(put_in)]
            done = tail
        text = "".join([*pieces, text[done:]])
        origin = [*places, *origin[done:]]
    found = (
        [(match, group) for match in _GROUP.finditer(text) for group in (1, 2)]
        if complete_groups
        else [(match, 1) for match in _ANY_CODE.finditer(text)]
    )
    codes = []
    for match, group in found:
        first, last = match.start(group) - len("<|mt_"), match.end(group) + len("|>") - 1
        start, was_put_in = origin[first], origin[first] == origin[last]
        codes.append(_Code(int(match[group]), start, start if was_put_in else origin[last] + 1))
    return codes, faults


def _word(text: str, codes: tuple[int, int], first: _Code, last: _Code) -> Word:
    start, end = first.start, last.end
    if text.endswith(START, 0, start):
        start -= len(START)
    if text.startswith(END, end):
        end += len(END)
    return Word(codes, start, end)


def _with_dropped(
    text: str, words: list[Word], faults: list[Fault], used: set[int] | None = None
) -> ParsedWords:
    """Add the codes that no word uses and no repair cut.

    `used` are the positions of the words' codes; None stands for all codes inside their spans.
    """
    spans = [(word.start, word.end) for word in words] if used is None else []
    spans += [(fault.start, fault.end) for fault in faults]
    dropped: list[Fault] = []
    for code in _read_codes(text):
        if code.start in (used or ()) or any(start <= code.start < end for start, end in spans):
            continue
        if dropped and dropped[-1].end == code.start:
            dropped[-1] = Fault("dropped", dropped[-1].start, code.end)
        else:
            dropped.append(Fault("dropped", code.start, code.end))
    return ParsedWords(words, sorted([*faults, *dropped], key=lambda fault: fault.start))


_PARSERS: dict[str, Callable[[str], ParsedWords]] = {
    "standard": _parse_standard,
    "released-union": _parse_union,
    "released-last": _parse_last,
    "released-gcg": _parse_gcg,
    "released-rl": _parse_rl,
}
