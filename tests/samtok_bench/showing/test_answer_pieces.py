"""An answer in pieces: the words of its masks are found where they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench.showing.answer_pieces import answer_pieces


@pytest.mark.parametrize(
    ("text", "words", "count", "expected"),
    [
        ("<a>, <b>.", ("<a>", "<b>"), 2, [(0, "<a>"), ", ", (1, "<b>"), "."]),
        ("<a> and <a>", ("<a>", "<a>"), 2, [(0, "<a>"), " and ", (1, "<a>")]),
        ("one <a>", ("<a>", "<a>"), 2, ["one ", (0, "<a>"), (1, "")]),
        ("repaired", ("<a>",), 1, ["repaired", (0, "")]),
        ("a <b> c", ("<a>", "<b>"), 2, ["a ", (1, "<b>"), " c", (0, "")]),
        ("<b> <a>", ("<a>", "<b>"), 2, ["<b> ", (0, "<a>"), (1, "")]),
        ("two, <a>", ("<a>",), 2, ["two, ", (0, "<a>"), (1, "")]),
        ("[1, 2]", (), 2, ["[1, 2]", (0, ""), (1, "")]),
        ("", ("<a>",), 1, [(0, "")]),
        ("", (), 0, []),
    ],
)
def test_mask_words_are_found_in_the_text(text, words, count, expected):
    assert list(answer_pieces(text, words, count)) == expected


@given(
    st.lists(st.sampled_from(["<a>", "<b>", " ", "x<", "</script>", "é"]), max_size=12),
    st.lists(st.sampled_from(["<a>", "<b>", "<c>"]), max_size=6),
)
def test_pieces_add_up_to_the_text(parts, words):
    text = "".join(parts)
    pieces = list(answer_pieces(text, words, len(words)))
    assert "".join(piece if isinstance(piece, str) else piece[1] for piece in pieces) == text
    assert sorted(piece[0] for piece in pieces if not isinstance(piece, str)) == list(range(len(words)))
