"""Titles of samples in a list."""

import pytest

from samtok_bench.report.titles import TITLE, titles

NAMES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (
            [
                "Please segment the dog in it.",
                "Please segment a cat in it.",
                "Please segment the big dog in it.",
            ],
            ["the dog", "a cat", "the big dog"],
        ),
        (["square 0", "square 1"], ["square 0", "square 1"]),
        (["Describe this:", "Describe this:", "Describe this:"], NAMES[:3]),
        (["What is it", "What is it not", "What is it"], ["What is it", "not", "What is it"]),
        (["", "one", "two"], ["a", "one", "two"]),
        (
            [*(f"Which part? {part}" for part in ("the left", "right", "an ear", "top")), "Where?"],
            ["the left", "right", "an ear", "top", "Where?"],
        ),
    ],
)
def test_what_most_begin_and_end_with_is_left_out(texts, found):
    assert titles([texts], NAMES[: len(texts)]) == found


def test_the_first_texts_that_differ_are_taken():
    same, other = ["x y"] * 3, ["k", "l", "m"]
    assert titles([same, other, ["n", "o", "p"]], NAMES[:3]) == other
    assert titles([["1 " * TITLE, "2", "3"]], NAMES[:3])[0] == ("1 " * TITLE)[:TITLE]
    assert titles([], NAMES) == NAMES
