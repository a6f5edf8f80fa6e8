"""What is right, half right and wrong in the triplets of an answer, and why."""

import pytest
from test_scene_graph_metrics import CAT, DOG, NAMES, TRUTH, rows

from samtok_bench.sample import Prediction
from samtok_bench.shown import Linked
from samtok_tasks.scene_graph.answers import GraphAnswer
from samtok_tasks.scene_graph.triplets import Triplet
from samtok_tasks.scene_graph.verdicts import shown_graph


def shown(*triplets: Triplet, protocol="standard", merge=False, truth=TRUTH, **more):
    masks = tuple(mask for triplet in triplets for mask in triplet.masks if mask is not None)
    return shown_graph(truth, GraphAnswer(triplets, **more), Prediction(masks=masks), NAMES, protocol, merge)


@pytest.mark.parametrize(
    ("triplet", "verdict", "why"),
    [
        (TRUTH[0], "right", ""),
        (Triplet("cat", "over", "dog", CAT, DOG), "half", "the target says on"),
        (Triplet("cat", "on", "dog", rows(0, 1), DOG), "half", "subject's mask has IoU 25"),
        (Triplet("cat", "on", "dog", CAT, None), "half", "object without a mask"),
        (Triplet("cat", "on", "sky", CAT, DOG), "wrong", "object: the target says dog"),
        (
            Triplet("cow", "on", "dog", CAT, DOG),
            "wrong",
            "a name that the data does not have; subject: the target says cat",
        ),
        (Triplet("sky", "over", "sky", rows(8, 9), rows(9, 10)), "wrong", "no true triplet is like it"),
    ],
)
def test_verdicts(triplet, verdict, why):
    (row,) = shown(triplet).answer
    assert (row.verdict, row.why) == (verdict, why)
    assert shown(triplet, truth=()).answer[0].verdict == "wrong"


def test_a_target_is_found_or_missed_and_what_comes_again_says_so():
    again = Triplet("cat", "on", "dog", rows(0, 3), DOG)
    got = shown(TRUTH[0], again, TRUTH[1], malformed=2, loose_masks=1)
    assert [row.verdict for row in got.target] == ["right", "right", "wrong"]
    assert [row.why for row in got.answer] == ["", "found already by triplet 1", ""]
    assert got.target[1].subject == Linked("dog", (2,))
    assert got.answer[1].subject == Linked("cat", (2,)), "the mask of its own"
    assert got.besides == "2 malformed records, 1 masks outside of triplets"
    released = shown(TRUTH[0], again, protocol="released").answer[1]
    assert (released.verdict, released.why) == ("wrong", "takes no rank: a repetition")


def test_the_verdict_is_that_of_the_merged_masks():
    """rows 0..3 and 0..2 of the same cat are merged into rows 0..2, too little for the target's 0..6."""
    large = (Triplet("cat", "on", "dog", rows(0, 6), DOG),)
    pair = (Triplet("cat", "on", "dog", rows(0, 3), DOG), Triplet("cat", "over", "dog", rows(0, 2), DOG))
    assert shown(*pair, truth=large).answer[0].verdict == "right"
    assert shown(*pair, truth=large, merge=True).answer[0].verdict == "half"
