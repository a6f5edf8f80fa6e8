"""Replies of judges in other words than the official scripts want."""

import pytest

from samtok_tasks.captioning.mended_review import mended_review
from samtok_tasks.captioning.review import read_review
from samtok_tasks.dlc_bench.judge import mended_choice, read_choice
from samtok_tasks.videorefer_bench.judge import DIMENSIONS, dimension_scores, mended_dimensions
from samtok_tasks.vip_bench.judge import mended_score, read_score


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        (" 0.7", 0.7),
        ("0.7.", 0.7),
        ("\n0.7\n", 0.7),
        ("Score: 0.7", 0.7),
        ("The correctness score is 0.7.", 0.7),
        ("Correctness = 1.0", 1),
        ("**0.7**", 0.7),
        ("`0.7`", 0.7),
        ("```\n0.7\n```", 0.7),
        ('```json\n{"score": 0.7}\n```', 0.7),
        ("0.7/1.0", 0.7),
        ("Score: .7 out of 1", 0.7),
        ("2 of 3 are there, so the score is 0.7", 0.7),
        ("0.", 0),
        ("Score: 0.0", 0),
        # no verdict, two, or the beginning of one
        ("Score: 0", None),
        ("Score: 0.", None),
        ("either 0.7 or 0.8", None),
        ("between 0.7 and 0.8", None),
        ("0,7", None),
        ("70%", None),
        ("70 %", None),
        ("7/10", None),
        ("7", None),
        ("-0.7", None),
        ("0.7.1", None),
        ("v0.7", None),
        ("none", None),
        ("", None),
    ],
)
def test_one_score_in_other_words(reply, score):
    assert read_score(mended_score(reply)) == score


@pytest.mark.parametrize(
    ("reply", "scores"),
    [
        ("7, 4", (7, 4)),
        ("\n7 4", (7, 4)),
        ("Scores: 7 4", (7, 4)),
        ("7 4  \nThe first is longer than 2 lines.", (7, 4)),
        ("**7 4**", (7, 4)),
        ("```\n7.5 4\n```", (7.5, 4)),
        ("7/10 4/10", (7, 4)),
        ("Assistant 1: 7, Assistant 2: 4", (7, 4)),
        ("Assistant 1: 7/10\nAssistant 2: 4/10\nBecause 3 are missing.", (7, 4)),
        ("Here are the scores:\n\n7 4", (7, 4)),
        # other words may say whose they are, or what is no score
        ("I give 7 to the second and 4 to the first", None),
        ("7 4 9", None),
        ("7", None),
        ("7/100 4/100", None),
        (" 70 40", None),
        ("7 nan", None),
        ("", None),
    ],
)
def test_two_scores_in_other_words(reply, scores):
    assert read_review(reply, "standard") is None
    assert read_review(mended_review(reply), "standard") == scores


@pytest.mark.parametrize(
    ("reply", "place"),
    [
        ("(B)", 1),
        ("(b).", 1),
        ("Answer: B", 1),
        ("The correct option is **B**.", 1),
        ("```\nB\n```", 1),
        ("The answer is E", None),
        ("The answer is a dog", None),
        ("perhaps", None),
    ],
)
def test_a_letter_in_other_words(reply, place):
    choices = ("It is grey.", "It is red.")
    assert read_choice(reply, choices) is None
    assert read_choice(mended_choice(reply), choices) == place


@pytest.mark.parametrize(
    "written",
    [
        "**{name}**: 3",
        "{name} (XX): 3/5",
        "{name}: 3.0.",
        '"{name}": 3,',
        "- {name} - 3",
        "7) {name} = 3",
    ],
)
def test_four_scores_in_other_words(written):
    reply = "\n".join(written.format(name=name) for name in DIMENSIONS)
    assert dimension_scores(reply)["unreadable"] == 1
    scores = dimension_scores(mended_dimensions(reply))
    assert [scores[id] for id in DIMENSIONS.values()] == [3] * 4
    assert scores["unreadable"] == 0


def test_scores_that_are_not_said_stay_unread():
    scores = dimension_scores(mended_dimensions("Subject Correspondence: 7\nTemporal Description: 2"))
    assert (scores["sc_read"], scores["td"], scores["unreadable"]) == (0, 2, 1)
    assert mended_dimensions("no idea") == "no idea"
