"""Mask words: what is written, what is read, and every way to be wrong."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from samtok.words import END, START, VOCABULARY, Mark, format_words, marks, parse_words


def written(short: str) -> str:
    """A text from a short form: S, E, digits are start, end and code marks, dots nothing, the rest itself."""
    return re.sub(r"[SE.]|\d+", lambda m: {"S": START, "E": END, ".": ""}.get(m[0], f"<|mt_{m[0]}|>"), short)


def test_vocabulary_is_the_released_one():
    assert len(VOCABULARY) == len(set(VOCABULARY)) == 514
    assert VOCABULARY[:3] == ("<|mt_start|>", "<|mt_0000|>", "<|mt_0001|>")
    assert VOCABULARY[-2:] == ("<|mt_0511|>", "<|mt_end|>")


def test_format_writes_the_second_code_256_higher():
    expected = ["<|mt_start|><|mt_0230|><|mt_0345|><|mt_end|>"]
    assert format_words([(230, 89)]) == expected
    assert format_words(np.array([[230, 89]])) == expected
    assert format_words(torch.tensor([[230, 89]])) == expected
    assert format_words(torch.empty(0, 2, dtype=torch.int64)) == format_words([]) == []


@pytest.mark.parametrize("row", [(256, 0), (0, 256), (-1, 0), (1,), (1, 2, 3)])
def test_format_refuses_what_is_no_pair_of_codes(row: Sequence[int]):
    with pytest.raises(ValueError, match=r"pairs in 0\.\.255"):
        format_words([row])


@given(
    st.lists(st.tuples(st.integers(0, 255), st.integers(0, 255))),
    st.text(st.characters(exclude_characters="<|>")),
)
def test_what_is_written_is_read(pairs: list[tuple[int, int]], between: str):
    parsed = parse_words(between.join(format_words(pairs)))
    assert parsed.codes == pairs
    assert not parsed.faults


def test_words_carry_their_spans():
    text = written("a cup S.0001.0300.ES.0001.0300.E and S.0255.0256.E!")
    parsed = parse_words(text)
    expected = [written("S.0001.0300.E"), written("S.0001.0300.E"), written("S.0255.0256.E")]
    assert [text[w.start : w.end] for w in parsed.words] == expected
    assert parsed.codes == [(1, 44), (1, 44), (255, 0)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("S0001", ["unclosed"]),
        ("S", ["unclosed"]),
        ("S.0001.0300", ["unclosed"]),
        ("S.0001. .0300E", ["unclosed", "stray"]),
        ("SE", ["too_few"]),
        ("S.0001.E", ["too_few"]),
        ("S.0001.0300.0301.E", ["too_many"]),
        ("S.0001.9999.E", ["out_of_range"]),
        ("S.0001.0512.E", ["out_of_range"]),
        ("S.1.0300.E", ["out_of_range"]),
        ("S.00001.0300.E", ["out_of_range"]),
        ("S.0300.0001.E", ["wrong_level"]),
        ("S.0001.0002.E", ["wrong_level"]),
        ("S.0300.0301.E", ["wrong_level"]),
        ("0001.0300", ["stray"]),
        ("E", ["stray"]),
        ("0001 0300", ["stray", "stray"]),
        ("S.0001.S.0001.0300.E", ["unclosed"]),
        ("S.0001.0300.E.E.0001.S.0001.0300.E", ["stray"]),
        ("S.0001.E.E", ["too_few", "stray"]),
    ],
)
def test_each_kind_of_fault(text: str, expected: list[str]):
    assert [fault.kind for fault in parse_words(written(text)).faults] == expected


def test_a_torn_mark_is_plain_text():
    assert parse_words("no mask, < | > <|mt_ at all <|mt_00") == parse_words("")


def test_marks_with_strange_names_are_faults_too():
    assert [f.kind for f in parse_words("<|mt_abc|><|mt_|>").faults] == ["stray"]
    assert parse_words(f"{START}<|mt_ ١٢٣٤|><|mt_0300|>{END}").faults[0].kind == "out_of_range"


PIECES = st.sampled_from(
    [START, END, "<|mt_0000|>", "<|mt_0255|>", "<|mt_0256|>", "<|mt_0511|>", "<|mt_0512|>", "<|mt_9999|>",
     "<|mt_7|>", "<|mt_xyz|>", "<|mt_", "|>", " ", "a", "<", "٣", "\n"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=24).map("".join) | st.text()


@given(TEXTS)
def test_every_mark_belongs_to_exactly_one_word_or_fault(text: str):
    parsed = parse_words(text)
    spans = sorted((s.start, s.end) for s in [*parsed.words, *parsed.faults])
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    covered = "".join(text[start:end] for start, end in spans)
    marks_in_text = re.findall(r"<\|mt_[^<>|]*\|>", text)
    assert covered == "".join(marks_in_text)
    assert all(
        re.fullmatch(r"<\|mt_start\|><\|mt_\d{4}\|><\|mt_\d{4}\|><\|mt_end\|>", text[w.start : w.end])
        for w in parsed.words
    )


@given(TEXTS)
def test_words_are_exactly_the_well_formed_groups(text: str):
    first, second = r"(0[01]\d\d|02[0-4]\d|025[0-5])", r"(025[6-9]|02[6-9]\d|0[34]\d\d|050\d|051[01])"
    expected = re.findall(rf"<\|mt_start\|><\|mt_{first}\|><\|mt_{second}\|><\|mt_end\|>", text, re.ASCII)
    assert parse_words(text).codes == [(int(a), int(b) - 256) for a, b in expected]


def test_marks_are_named_and_placed():
    text = "a <|mt_start|><|mt_07|> <|mt_|><|mt_0<|mt_end|>"
    assert [(mark.name, text[mark.start : mark.end]) for mark in marks(text)] == [
        ("start", "<|mt_start|>"),
        ("07", "<|mt_07|>"),
        ("", "<|mt_|>"),
        ("", "<|mt_"),
        ("end", "<|mt_end|>"),
    ]


@given(TEXTS)
def test_every_beginning_is_a_mark(text: str):
    found = list(marks(text))
    assert [mark.start for mark in found] == [match.start() for match in re.finditer(r"<\|mt_", text)]
    assert all(a.end <= b.start for a, b in pairwise(found))
    closed = [Mark(m[1], *m.span()) for m in re.finditer(r"<\|mt_([^<>|]*)\|>", text)]
    assert [mark for mark in found if text[mark.start : mark.end] != "<|mt_"] == closed
