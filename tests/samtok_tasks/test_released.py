"""What the released scripts make of malformed answers.

The cases of `test_union`, `test_last`, `test_gcg` and `test_rl` were run on the reference. A reading knows
marks by their name and place alone, so a mark is written [name] here.
"""

import re
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok.words import format_words, marks
from samtok_bench.reading import Mark, ReadFault, Reading, ReadMask
from samtok_tasks.released import GCG, LAST, RL, UNION

READINGS = pytest.mark.parametrize("reading", [UNION, LAST, GCG, RL], ids=lambda reading: reading.name)


def written(short: str) -> str:
    """A text from a short form: S, E, digits are start, end and code marks, dots nothing, the rest itself."""
    names = {"S": "[start]", "E": "[end]", ".": ""}
    return re.sub(r"[SE.]|\d+", lambda match: names.get(match[0], f"[{match[0]}]"), short)


class Found(NamedTuple):
    masks: list[ReadMask]
    faults: list[ReadFault]

    @property
    def codes(self) -> list[tuple[int, int]]:
        return [mask.codes for mask in self.masks]

    @property
    def kinds(self) -> list[str]:
        return [fault.kind for fault in self.faults]


def read(reading: Reading, text: str) -> Found:
    assert reading.read is not None
    found = [Mark(match[1] or "", *match.span()) for match in re.finditer(r"\[(?:([^\[\]]*)\])?", text)]
    return Found(*reading.read(text, found))


NAMES = ["start", "end", "0000", "0255", "0256", "0511", "0512", "9999", "7", "00001", "٣٣٣٣", "x", "_", ""]
PIECES = [*(f"[{name}]" for name in NAMES), "[", "]", " ", "a", "\n"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=24).map("".join)


@READINGS
@given(text=TEXTS)
def test_no_text_raises_and_every_code_is_accounted_for(reading: Reading, text: str):
    found = read(reading, text)
    assert all(0 <= first < 256 and 0 <= second < 256 for first, second in found.codes)
    spans = [(span.start, span.end) for span in (*found.masks, *found.faults)]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert found.faults == sorted(found.faults, key=lambda fault: fault.start)
    for code in re.finditer(r"\[[0-9]{4}\]", text):
        assert any(start <= code.start() and code.end() <= end for start, end in spans)


@READINGS
@given(st.tuples(st.integers(0, 255), st.integers(0, 255)))
def test_all_readings_agree_on_one_good_mask(reading: Reading, pair: tuple[int, int]):
    text = f"It is [start][{pair[0]:04d}][{pair[1] + 256:04d}][end]."
    assert read(reading, text) == ([ReadMask(pair, 6, len(text) - 1)], [])


@READINGS
def test_a_reading_takes_the_marks_of_mask_words(reading: Reading):
    text = f"It is {format_words([(230, 89)])[0]}."
    assert reading.read is not None
    found = reading.read(text, [Mark(*mark) for mark in marks(text)])
    assert found == ([ReadMask((230, 89), 6, len(text) - 1)], [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No target.", []),
        ("S.0001.0300.E", [(1, 44)]),
        # odd: a group with one code gets an invalid second one, which ends up at row 0
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
def test_union(text: str, expected: list[tuple[int, int]]):
    assert read(UNION, written(text)).codes == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a group with one code is not closed before another mark, or the beginning of one
        ("S.0001.S", []),
        ("S.0001.[x]", []),
        ("S.0001.[03", []),
        # any digits take part in a repair, but only four digits are a code
        ("S.0001.7.0300.E.0002", []),
        ("S.0001.0300.7.E.0002", [(1, 44)]),
        ("S.7.E.0002", []),
    ],
)
def test_a_repair_looks_at_every_mark(text: str, expected: list[tuple[int, int]]):
    assert len(re.findall(r"\d{4}", text)) % 2, "only an odd number of codes is repaired"
    assert read(UNION, written(text)).codes == expected


def test_union_pairs_across_groups():
    # 0001 pairs with 0002 of the next group (invalid: row 0), 0300 with 0301 (first code invalid: skipped)
    found = read(UNION, written("S.0001.E and S.0002.0300.0301.E"))
    assert found.codes == [(1, 0)]
    assert found.kinds == ["repaired", "dropped"]


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
def test_last(text: str, expected: list[tuple[int, int]]):
    assert read(LAST, written(text)).codes == expected


@pytest.mark.parametrize(
    ("text", "expected", "faults"),
    [
        ("no mask", [], []),
        ("S.0001.0300.E x S.0002.0400.E", [(1, 44), (2, 144)], []),
        # odd, and all codes count after the repair: the pair without start is kept, unlike in union
        ("0001.0300 S.0002.E", [(1, 44), (2, 0)], ["repaired"]),
        ("S.0001.0300.0301.E", [(1, 44)], ["repaired"]),
        # both levels end up at row 0 above their range
        ("S.0300.0301.E", [(0, 45)], ["repaired"]),
        ("S.0001.0512.E", [(1, 0)], ["repaired"]),
        # errors of the script: a second code of the first level, and an odd number after the repair
        ("S.0001.0002.E", [], ["dropped"]),
        ("S.0001.0300.0301", [(1, 44)], ["dropped"]),
        ("0001", [], ["dropped"]),
    ],
)
def test_gcg(text: str, expected: list[tuple[int, int]], faults: list[str]):
    found = read(GCG, written(text))
    assert found.codes == expected
    assert found.kinds == faults


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
        # an answer that does not end, one without its tags, neither
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
def test_rl(text: str, expected: list[tuple[int, int]], faults: list[str]):
    found = read(RL, written(text))
    assert found.codes == expected
    assert found.kinds == faults


@given(TEXTS, TEXTS, TEXTS)
def test_rl_reads_an_answer_as_it_would_stand_alone(before: str, answer: str, after: str):
    text = f"<think>{before}</think><answer>{answer}</answer>{after}"
    offset = text.index("<answer>") + len("<answer>")
    alone = read(RL, answer)
    assert read(RL, text) == (
        [ReadMask(codes, start + offset, end + offset) for codes, start, end in alone.masks],
        [ReadFault(kind, start + offset, end + offset) for kind, start, end in alone.faults],
    )


def test_masks_and_faults_say_where():
    text = written("a S.0001.0300.0301.E b")
    assert read(UNION, text) == (
        [ReadMask((1, 44), 2, 2 + len(written("S.0001.0300")))],
        [ReadFault("repaired", 2, len(text) - 2)],
    )
    text = written("S.0001.E 0300.0301 0302.E")
    found = read(LAST, text)
    assert found.codes == [(1, 46)]
    assert [text[fault.start : fault.end] for fault in found.faults] == [written("0300.0301")]
