"""What DLC-Bench's judge is asked, how replies are read, what they are worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench import metric
from samtok_tasks.dlc_bench.judge import METRICS, object_scores, read_choice, recognition_question
from samtok_tasks.dlc_bench.reader import DLCQuestion

FOUR = ("The wing is not mentioned.", "The wing is grey.", "The wing is red.", "It is not described.")
TWO = ("The boats are not mentioned in the description.", "The boats are mentioned in the description.")


def question(kind, choices, scores):
    pairs = [list(pair) for pair in zip(choices, scores, strict=True)]
    return DLCQuestion.model_validate({"question": "Which?", "type": kind, "choices": pairs})


@pytest.mark.parametrize(
    ("reply", "choices", "read"),
    [
        ("The wing is red.", FOUR, 2),
        ("  c. the wing is RED. ", FOUR, 2),
        ("C", FOUR, 2),
        ("b", TWO, 1),
        ("I choose: the wing is red.", FOUR, 2),
        # one choice inside another: the letter decides before the place does
        ("A. not a choice", FOUR, 0),
        ("B. The wing is grey. The wing is red.", FOUR, 1),
        ("The wing is red. The wing is grey.", FOUR, 1),
        ("both: the wing is grey. no, the wing is red. or the wing is grey.", FOUR, 2),
        ("x yes, yes it is", ("yes", "yes it", "no"), 1),
        ("the wing is", FOUR, 0),
        ("red", ("a red one", "a very red one", "blue"), 1),
        ("b\nbecause", TWO, 1),
        ("Yes.", ("Yes", "No"), 0),
        ("No, it is not known", ("Yes", "No"), 1),
        ("", FOUR, None),
        ("   ", FOUR, None),
        ("d", TWO, None),
        ("c. none of them", TWO, None),
        ("perhaps", FOUR, None),
        ("e", ("x1", "x2"), None),
    ],
)
def test_choices_are_read_in_the_official_order(reply, choices, read):
    assert read_choice(reply, choices) == read


def official_reading(reply, choices):
    """The order of the script in other words; its two IndexErrors are None."""
    reply, texts = reply.strip().lower(), [c.strip().lower() for c in choices]
    try:
        for k, text in enumerate(texts):
            if reply in {text, "abcde"[k] + ". " + text, "abcde"[k]}:
                return k
        hits = [k for k, text in enumerate(texts) if reply.find(text) >= 0]
        if len(hits) == 1:
            return hits[0]
        if reply[0] in "abcde" and reply[1] == ".":
            k = ord(reply[0]) - ord("a")
            return k if k < len(texts) else None
        if hits:
            latest = max(reply.find(texts[k]) for k in hits)
            return next(
                iter(
                    sorted((k for k in hits if reply.find(texts[k]) == latest), key=lambda k: -len(texts[k]))
                )
            )
        within = sorted(
            (k for k, text in enumerate(texts) if reply and reply in text), key=lambda k: -len(texts[k])
        )
        if within:
            return within[0]
        if reply[0] in "abcde" and (len(reply) == 1 or reply[1] == "\n"):
            k = ord(reply[0]) - ord("a")
            return k if k < len(texts) else None
    except IndexError:
        return None
    return None


def test_reading_agrees_with_a_second_implementation():
    rng = np.random.default_rng(0)
    words = np.array(["a", "b", "e", "yes", "no", "is", "red", ".", "\n", " "])
    seen = set()
    for _ in range(5000):
        choices = ["".join(rng.choice(words, rng.integers(1, 4))) + "x" for _ in range(rng.integers(2, 6))]
        reply = "".join(rng.choice([*words, *choices], rng.integers(0, 5)))
        read = read_choice(reply, choices)
        assert read == official_reading(reply, choices), (reply, choices)
        seen.add(read)
    assert seen == {None, 0, 1, 2, 3, 4}


@given(st.text(), st.lists(st.text(), min_size=2, max_size=5))
def test_no_reply_breaks_the_reading(reply, choices):
    assert read_choice(reply, choices) in (None, 0, 1, 2, 3, 4)


def test_the_recognition_question_follows_the_class():
    end = "? Again, It does not have to be an exact match."
    for name, asked in {
        "wild bird": "object in the description is a wild bird or an object of a similar type",
        "apple": "object in the description is an apple or an object of a similar type",
        "scissors": "objects in the description are scissors or objects of a similar type",
        "wine glass": "objects in the description are wine glass or objects of a similar type",
        "bus": "object in the description is a bus or an object of a similar type",
    }.items():
        assert recognition_question(name) == f"Is it likely that the {asked}{end}"


QUESTIONS = [
    question("positive", FOUR, (0.0, 0.5, -1.0, 1.0)),
    question("positive", FOUR, (0.0, 1.0, -1.0, 0.5)),
    question("negative", TWO, (1.0, -1.0)),
]


def test_one_object_by_hand():
    scores = object_scores(["A. Yes", "D", "C", "A"], QUESTIONS)
    assert scores == {
        "positive": 0.0,  # (1 - 1) / 2
        "negative": 1.0,
        "average": 0.5,
        "recognised": 1.0,
        "unreadable": 0.0,
        "replies": 4.0,
    }
    # an object that is not recognised keeps what it lost
    assert object_scores(["No", "D", "C", "A"], QUESTIONS)["positive"] == -0.5
    assert object_scores(["No", "D", "C", "A"], QUESTIONS)["negative"] == 0
    unread = object_scores(["Maybe?", "D", "hm", "A"], QUESTIONS)
    assert (unread["positive"], unread["recognised"], unread["unreadable"]) == (0, 0, 2)
    half = object_scores(["Yes", "D", "hm", "B"], QUESTIONS)
    assert (half["positive"], half["negative"], half["unreadable"]) == (0.5, -1, 1)


def test_dlc_agrees_with_a_second_implementation():
    rng = np.random.default_rng(1)
    objects, positives, negatives, unread, replies = [], [], [], 0, 0
    for _ in range(1000):
        count = rng.integers(2, 9)
        kinds = [True, False, *(bool(v) for v in rng.integers(0, 2, count - 2))]
        worth = rng.choice([-1, 0, 0.5, 1], (count, 4))
        picked = rng.integers(-1, 4, count)
        known = rng.choice(["yes", "no", "?"])
        said = ["zzz" if k < 0 else "ABCD"[k] for k in picked]
        questions = [
            question("positive" if positive else "negative", FOUR, row.tolist())
            for positive, row in zip(kinds, worth, strict=True)
        ]
        objects.append(object_scores([known, *said], questions))
        got = np.where(picked < 0, 0, worth[np.arange(count), np.maximum(picked, 0)])
        got = got if known == "yes" else np.minimum(got, 0)
        positives.append(got[np.array(kinds)].mean())
        negatives.append(got[~np.array(kinds)].mean())
        unread += (picked < 0).sum() + (known == "?")
        replies += count + 1
    found = metric.values(METRICS, objects, [str(place) for place in range(len(objects))])
    assert found["positive"] == pytest.approx(np.mean(positives), abs=1e-9)
    assert found["negative"] == pytest.approx(np.mean(negatives), abs=1e-9)
    assert found["average"] == pytest.approx((np.mean(positives) + np.mean(negatives)) / 2, abs=1e-9)
    assert found["unreadable"] == pytest.approx(unread / replies)
