"""Reviews of two answers: how replies are read, and what they are worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench import metric
from samtok_tasks.captioning.review import read_review, review_metrics, review_scores


def values(metrics, scores):
    return metric.values(metrics, scores, [str(place) for place in range(len(scores))])


@pytest.mark.parametrize(
    ("reply", "standard", "released"),
    [
        ("7 4\nBecause", (7, 4), (7, 4)),
        ("7,4", (7, 4), (7, 4)),
        ("7.5 4", (7.5, 4), (7.5, 4)),
        ("7 4  \nBecause", None, (7, 4)),
        ("7, 4", None, None),
        ("Scores: 7 4", None, None),
        ("7", None, None),
        ("", None, None),
        ("7 nan", None, None),
        ("inf 4", None, None),
        ("\n7 4", None, None),
    ],
)
def test_reviews_are_read_as_each_script_does(reply, standard, released):
    assert read_review(reply, "standard") == standard
    assert read_review(reply, "released") == released


@given(st.text())
def test_no_reply_breaks_the_reading(reply):
    for protocol in ("standard", "released"):
        read = read_review(reply, protocol)
        assert read is None or np.isfinite(read).all()


def test_a_ratio_of_means_by_hand():
    replies = ["8 4", "10 5", "words"]
    scores = [review_scores(reply, "standard") for reply in replies]
    found = values(review_metrics(), scores)
    # (4 + 5 - 1) / (8 + 10 - 1): an unreadable reply enters as -1, as in the scripts
    assert found["ratio"] == pytest.approx(8 / 17)
    assert (found["model"], found["reference"]) == (pytest.approx(8 / 3), pytest.approx(17 / 3))
    assert found["unreadable"] == pytest.approx(1 / 3)


def test_ratios_by_group():
    groups = ("web", "ocr")
    given = [("8 4", "web"), ("8 8", "ocr"), ("4 4", "web")]
    scores = [review_scores(reply, "released", group, groups) for reply, group in given]
    found = values(review_metrics(groups), scores)
    assert found["ratio_web"] == pytest.approx(8 / 12)
    assert found["ratio_ocr"] == 1
    assert found["ratio"] == pytest.approx(16 / 20)


def test_reviews_agree_with_a_second_implementation():
    rng = np.random.default_rng(2)
    pairs = rng.integers(1, 11, (1200, 2))
    broken = rng.random(1200) < 0.1
    replies = ["none" if bad else f"{a} {b}\nwhy" for bad, (a, b) in zip(broken, pairs, strict=True)]
    found = values(review_metrics(), [review_scores(reply, "standard") for reply in replies])
    kept = np.where(broken[:, None], -1, pairs)
    assert found["ratio"] == pytest.approx(kept[:, 1].mean() / kept[:, 0].mean(), abs=1e-9)
    assert found["unreadable"] == pytest.approx(broken.mean())
