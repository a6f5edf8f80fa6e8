"""Mask words: what is written, what is read, and every way to be wrong."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from samtok.words import END, POLICIES, START, VOCABULARY, Fault, Word, format_words, parse_words


def marks(short: str) -> str:
    """A text from a short form: S, E, digits are start, end and code marks, dots nothing, the rest itself."""
    return re.sub(r"[SE.]|\d+", lambda m: {"S": START, "E": END, ".": ""}.get(m[0], f"<|mt_{m[0]}|>"), short)


def kinds(text: str, policy: str = "standard") -> list[str]:
    return [fault.kind for fault in parse_words(marks(text), policy).faults]  # type: ignore[arg-type]


def codes(text: str, policy: str) -> list[tuple[int, int]]:
    return parse_words(marks(text), policy).codes  # type: ignore[arg-type]


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
    text = marks("a cup S.0001.0300.ES.0001.0300.E and S.0255.0256.E!")
    parsed = parse_words(text)
    expected = [marks("S.0001.0300.E"), marks("S.0001.0300.E"), marks("S.0255.0256.E")]
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
    assert kinds(text) == expected


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


@pytest.mark.parametrize("policy", POLICIES)
@given(text=TEXTS)
def test_no_text_raises_and_every_code_is_accounted_for(policy: str, text: str):
    parsed = parse_words(text, policy)  # type: ignore[arg-type]
    assert all(0 <= a < 256 and 0 <= b < 256 for a, b in parsed.codes)
    spans = [(s.start, s.end) for s in [*parsed.words, *parsed.faults]]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    for code in re.finditer(r"<\|mt_[0-9]{4}\|>", text):
        assert any(start <= code.start() and code.end() <= end for start, end in spans)


@pytest.mark.parametrize("policy", POLICIES)
@given(st.tuples(st.integers(0, 255), st.integers(0, 255)))
def test_all_policies_agree_on_one_good_word(policy: str, pair: tuple[int, int]):
    text = f"It is {format_words([pair])[0]}."
    parsed = parse_words(text, policy)  # type: ignore[arg-type]
    assert parsed.words == [Word(pair, 6, len(text) - 1)]
    assert not parsed.faults


def test_unknown_policy_is_refused():
    with pytest.raises(ValueError, match="policy must be one of standard"):
        parse_words("", "lenient")  # type: ignore[arg-type]


# ---- what the released scripts do: each case was run on the reference -------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No target.", []),
        ("S.0001.0300.E", [(1, 44)]),
        # odd: a group with one code gets an invalid second one, which ends at row 0
        ("S.0001.E", [(1, 0)]),
        ("S.0001 and", [(1, 0)]),
        ("S.0001", [(1, 0)]),
        # odd: an over-long group keeps its first two codes
        ("S.0001.0300.0301.E", [(1, 44)]),
        # an over-long group without an end is not repaired, and complete groups alone count
        ("S.0001.0300.0301", []),
        ("S.0001.0300.E S.0002.0400.0401", [(1, 44)]),
        # odd: a truncated pair without end, and codes without start, are lost
        ("S.0001.0300 S.0002.E", [(2, 0)]),
        ("0001.0300 S.0002.E", [(2, 0)]),
        # even: they stay
        ("S.0001.0300", [(1, 44)]),
        ("0001.0300", [(1, 44)]),
        # odd: of a group that opens twice the second part counts
        ("S.0001.S.0002.0300.E", [(2, 44)]),
        # the second code is invalid: row 0; the first one is: the pair is skipped
        ("S.0001.0002.E", [(1, 0)]),
        ("S.0001.9999.E", [(1, 0)]),
        ("S.0300.0301.E", []),
        ("S.0300.0301.E S.0001.0300.E", [(1, 44)]),
        # nothing valid is left: the script stops with an error, here nothing is left
        ("S.0300.E", []),
        ("0300", []),
    ],
)
def test_released_union(text: str, expected: list[tuple[int, int]]):
    assert codes(text, "released-union") == expected


def test_released_union_pairs_across_groups():
    # 0001 pairs with 0002 of the next group (invalid: row 0), 0300 with 0301 (first code invalid: skipped)
    parsed = parse_words(marks("S.0001.E and S.0002.0300.0301.E"), "released-union")
    assert parsed.codes == [(1, 0)]
    assert [f.kind for f in parsed.faults] == ["repaired", "dropped"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No target.", []),
        ("S.0001.0300.E", [(1, 44)]),
        ("S.0001.0300.E S.0002.0400.E", [(2, 144)]),
        # the codes of two groups mix only where the last lacks a level
        ("S.0001.0300.E S.0002.E", [(2, 44)]),
        ("S.0001.E", [(1, 0)]),
        ("S.0300.E", []),
        ("S.0300.0001.E", [(1, 44)]),
        # the script stops with an error: the code is dropped
        ("S.0001.0512.E", [(1, 0)]),
        ("S.0001.0300.9999.E", [(1, 44)]),
    ],
)
def test_released_last(text: str, expected: list[tuple[int, int]]):
    assert codes(text, "released-last") == expected


@pytest.mark.parametrize(
    ("text", "expected", "faults"),
    [
        ("no mask", [], []),
        ("S.0001.0300.E x S.0002.0400.E", [(1, 44), (2, 144)], []),
        # odd, and all codes count after the repair: the pair without start is kept, unlike in union
        ("0001.0300 S.0002.E", [(1, 44), (2, 0)], ["repaired"]),
        ("S.0001.0300.0301.E", [(1, 44)], ["repaired"]),
        # both levels end at row 0 above their range
        ("S.0300.0301.E", [(0, 45)], ["repaired"]),
        ("S.0001.0512.E", [(1, 0)], ["repaired"]),
        # errors of the script: a second code of the first level, and an odd number after the repair
        ("S.0001.0002.E", [], ["dropped"]),
        ("S.0001.0300.0301", [(1, 44)], ["dropped"]),
        ("0001", [], ["dropped"]),
    ],
)
def test_released_gcg(text: str, expected: list[tuple[int, int]], faults: list[str]):
    assert codes(text, "released-gcg") == expected
    assert kinds(text, "released-gcg") == faults


FEW, MANY = "S.0001.0300.E" * 10, "S.0001.0300.E" * 11


@pytest.mark.parametrize(
    ("text", "expected", "faults"),
    [
        ("<think>S.0009.0300.E?</think><answer>S.0001.0300.E</answer>", [(1, 44)], []),
        ("<think>S.0009.0300.E?</think><answer>No target.</answer>", [], []),
        ("<think>a</think><answer>S.0001.0300.E\nS.0002.0400.E</answer>", [(1, 44), (2, 144)], []),
        # the first answer, wherever it is
        ("<answer>S.0001.0300.E</answer><answer>S.0002.0300.E</answer>", [(1, 44)], []),
        ("<think><answer>S.0001.0300.E</answer></think>S.0002.0300.E", [(1, 44)], []),
        # an answer that does not end, one without its marks, neither
        ("<think>S.0009.0300.E</think><answer>S.0001.0300.E", [(1, 44)], []),
        ("<think>S.0009.0300.E</think>S.0001.0300.E", [(1, 44)], []),
        ("<think>S.0009.0300.E</think>", [], []),
        ("<think>S.0009.0300.E", [(9, 44)], []),
        ("S.0009.0300.E", [(9, 44)], []),
        ("<answer></answer>S.0009.0300.E", [], []),
        # an odd number is counted and repaired in the answer alone
        ("<think>0007</think><answer>S.0001.0300.E</answer>", [(1, 44)], []),
        ("<think>0007</think><answer>S.0001.E</answer>", [(1, 0)], ["repaired"]),
        ("<answer>" + FEW + "</answer>", [(1, 44)] * 10, []),
        ("<answer>" + MANY + "</answer>", [(1, 44)], ["dropped"] * 10),
        ("S.0300.0301.E" + FEW, [], ["dropped"] * 11),
    ],
)  # fmt: skip
def test_released_rl(text: str, expected: list[tuple[int, int]], faults: list[str]):
    assert codes(text, "released-rl") == expected
    assert kinds(text, "released-rl") == faults


@given(TEXTS, TEXTS, TEXTS)
def test_released_rl_reads_an_answer_as_it_would_stand_alone(before: str, answer: str, after: str):
    text = f"<think>{before}</think><answer>{answer}</answer>{after}"
    parsed, alone = parse_words(text, "released-rl"), parse_words(answer, "released-rl")
    offset = text.index("<answer>") + len("<answer>")
    assert parsed.codes == alone.codes
    assert [text[w.start : w.end] for w in parsed.words] == [answer[w.start : w.end] for w in alone.words]
    assert [f.start - offset for f in parsed.faults] == [f.start for f in alone.faults]


def test_released_faults_say_where():
    text = marks("a S.0001.0300.0301.E b")
    parsed = parse_words(text, "released-union")
    assert parsed.words == [Word((1, 44), 2, 2 + len(marks("S.0001.0300")))]
    assert parsed.faults == [Fault("repaired", 2, len(text) - 2)]
    text = marks("S.0001.E 0300.0301 0302.E")
    parsed = parse_words(text, "released-last")
    assert parsed.codes == [(1, 46)]
    assert [text[f.start : f.end] for f in parsed.faults] == [marks("0300.0301")]
