"""How answers to multiple-choice questions are read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench.rle import rectangle
from samtok_bench.sample import Prediction, Region, Sample, Target, Text, question
from samtok_bench.shown import Choice
from samtok_tasks.gar_bench.task import GARBench
from samtok_tasks.multiple_choice import LETTERS, choice_prompt, read_answer

CHOICES = ("White.", "Black.", "Red.", "Off white.")


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("C", "C"),
        ("c", "C"),
        (" C\n", "C"),
        ("C.", "C"),
        ("C)", "C"),
        ("(C)", "C"),
        ("(c)", "C"),
        ("C:", "C"),
        ("**C**", "C"),
        ("C<|im_end|>", "C"),
        ("C. Red.", "C"),
        ("c) red", "C"),
        ("(C) because it is red, not A", "C"),
        ("C: red", "C"),
        ("C.\nThe region is red.", "C"),
        ("The answer is C.", "C"),
        ("the correct answer is: C", "C"),
        ("Answer: C", "C"),
        ("answer:**C**", "C"),
        ('The answer is "C"', "C"),
        ("I would pick option C because of the tint", "C"),
        ("The correct choice is (C).", "C"),
        ("The answer is A. No, the answer is C.", "C"),
        ("The answer is A", "A"),
        ("The answer is A.", "A"),
        ("Red", "C"),
        ("red.", "C"),
        ("It is red", "C"),
        ("the region looks RED to me", "C"),
        ("white", "A"),
        ("off white.", "D"),
        ("It is black <|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>.", "B"),
        # these name no choice, or more than one
        ("The answer is A dog", None),
        ("A white dog", "A"),
        ("A dog", None),
        ("it is off white", None),
        ("white or black", None),
        ("E", None),
        ("E. Blue", None),
        ("The answer is E", None),
        ("coloured", None),
        ("redder than all", None),
        ("green", None),
        ("CD", None),
        ("", None),
        ("<|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>", None),
        ("I do not know.", None),
    ],
)
def test_answers_are_read_by_the_declared_rules(answer, read):
    assert read_answer(answer, CHOICES) == read


def test_choices_that_are_regions_have_only_their_letters():
    assert read_answer("B", ("", "")) == "B"
    assert read_answer("<Prompt1>", ("", "")) is None
    assert read_answer("", ("", " x")) is None


@given(st.text(), st.lists(st.text(), min_size=2, max_size=8))
def test_no_answer_breaks_the_reading(answer, texts):
    assert read_answer(answer, texts) in (None, *LETTERS[: len(texts)])


def test_the_prompt_is_the_official_one():
    assert choice_prompt("What {is} it?", ["A. {a}", "B. b"]) == (
        "Question: What {is} it?\nOptions:\nA. {a}\nB. b\nAnswer with the correct option's letter directly."
    )


def test_choices_are_shown_with_the_regions_in_them():
    first, second = (Region(rectangle(x, 0, x + 2, 2, 4, 4)) for x in (0, 2))
    head, middle, end = choice_prompt("What is @?", ["A. White.", "B. Like @", "C. \u00c9"]).split("@")
    turns = question(Path("a.png"), head, first, middle, second, end)
    sample = Sample(
        "1", Path("a.png"), (4, 4), turns, "a", Target(text="B"), truth=("White.", "Like ", "\u00c9")
    )
    shown = GARBench().shown(sample, Prediction(text="The answer is C."))
    assert shown.question == (Text("What is "), first, Text("?"))
    assert shown.choices == (
        Choice("A", (Text("White."),)),
        Choice("B", (Text("Like "), second)),
        Choice("C", (Text("\u00c9"),)),
    )
    assert (shown.right, shown.given, shown.title) == ("B", "C", "What is \u2026?")
    assert GARBench().shown(sample, Prediction(text="?")).given is None
