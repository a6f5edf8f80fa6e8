"""Where labels stand in a caption, and the answer that this makes."""

from pathlib import Path

import pytest

from samtok_bench import rle
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import Sample
from samtok_bench.task import Generation
from samtok_tasks.gcg.answers import grounded_phrases, marked
from samtok_tasks.gcg.labels import locate_labels, target
from samtok_tasks.gcg.reader import GroundedCaption

LEFT, RIGHT = rle.rectangle(0, 0, 3, 4, 4, 6), rle.rectangle(3, 0, 6, 4, 4, 6)


@pytest.mark.parametrize(
    ("text", "labels", "found"),
    [
        ("a dog and a dog", ["dog", "a dog"], ["dog", "a dog"]),
        ("the dogs and a dog", ["dog"], ["dog"]),
        ("one cat", ["dog", "", " "], [None, None, None]),
        ("cat, dog", ["dog", "cat"], ["dog", "cat"]),
        ("a (b)", ["(b)", "a"], ["(b)", "a"]),
    ],
)
def test_labels_are_found_as_whole_words_in_free_places(text, labels, found):
    spans = locate_labels(text, labels)
    assert [span and text[slice(*span)] for span in spans] == found
    taken = [place for span in spans if span for place in range(*span)]
    assert len(taken) == len(set(taken))


def test_a_caption_that_says_our_own_mark_has_its_own_masks_only():
    caption = f"A <region> sign on a wall, {marked('x')}"
    labels = ("wall", "<region> sign")
    record = GroundedCaption("a", Path("a.jpg"), 4, 6, caption, labels, (LEFT, RIGHT))
    made = target(record)
    assert made.masks == (RIGHT, LEFT)
    assert "<region>".join(made.pieces) == made.text
    sample = Sample("a", record.image, (4, 6), (), "a", made)
    (answer,) = OraclePredictor("", PredictorOptions(Generation(9))).predict([sample])
    read = grounded_phrases(answer, "standard")
    assert read.phrases == ("<region> sign", "wall", "x")
    assert (read.masks, read.phrase_of) == ((RIGHT, LEFT), (0, 1))
