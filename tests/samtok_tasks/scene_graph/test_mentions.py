"""Merged mentions: by hand, and against dense arrays."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samtok_bench import rle
from samtok_tasks.scene_graph.answers import GraphAnswer
from samtok_tasks.scene_graph.mentions import LEAST_SHARE, merged
from samtok_tasks.scene_graph.metrics import relation_scores
from samtok_tasks.scene_graph.task import SceneGraph
from samtok_tasks.scene_graph.triplets import Triplet, Vocabulary

STUFF = ("sky",)


def bar(start: int, end: int) -> rle.RLE:
    """Columns of a picture one pixel high."""
    return rle.rectangle(start, 0, end, 1, 1, 20)


def columns(mask: rle.RLE | None) -> list[int]:
    return [] if mask is None else np.flatnonzero(rle.decode(mask)).tolist()


def test_the_share_is_that_of_a_logit_of_ten():
    assert pytest.approx(0.8 / 0.993998, rel=1e-5) == LEAST_SHARE
    assert 4 / 5 < LEAST_SHARE < 5 / 6


def test_things_that_overlap_are_one_and_share_their_common_part():
    first = Triplet("man", "on", "horse", bar(0, 10), bar(12, 20))
    # IoU 8 / 12 with the first one; the third one has 9 / 11 with the second, but 1 / 2 with the first
    second = Triplet("man", "near", "man", bar(2, 12), bar(5, 10))
    got = merged([first, second], STUFF)
    assert columns(got[0].subject_mask) == columns(got[1].subject_mask) == list(range(2, 10))
    assert columns(got[1].object_mask) == list(range(5, 10))
    assert got[0].object_mask == bar(12, 20)
    assert [triplet.names for triplet in got] == [first.names, second.names]


def test_stuff_is_one_however_far_apart():
    above = Triplet("kite", "in", "sky", bar(0, 2), bar(0, 10))
    got = merged([above, Triplet("sky", "over", "kite", bar(10, 20), bar(0, 2))], STUFF)
    assert columns(got[0].object_mask) == columns(got[1].subject_mask) == []
    same = merged([above, Triplet("bird", "in", "sky", bar(3, 4), bar(4, 20))], STUFF)
    assert columns(same[1].object_mask) == list(range(4, 10))


def test_five_of_six_mentions_are_enough_and_four_of_five_are_not():
    for count, kept in ((5, []), (6, [9])):
        once = Triplet("cat", "on", "mat", bar(0, 9), None)
        others = [Triplet("cat", "on", "mat", bar(0, 10), None)] * (count - 1)
        got = merged([once, *others], STUFF)
        assert columns(got[0].subject_mask) == list(range(9)) + kept
        assert all(triplet.object_mask is None for triplet in got)


SIDE = (st.sampled_from(["man", "sky"]), st.integers(0, 9), st.integers(0, 9))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(*SIDE, *SIDE), max_size=6))
def test_dense_arrays_say_the_same(drawn):
    triplets = [Triplet(a, "on", b, bar(x, max(x, y)), bar(z, max(z, w))) for a, x, y, b, z, w in drawn]
    names = [t.subject for t in triplets] + [t.object for t in triplets]
    masks = [t.subject_mask for t in triplets] + [t.object_mask for t in triplets]
    dense = np.array([rle.decode(mask)[0] for mask in masks]).reshape(-1, 20).astype(float)
    expected = dense > 0.5
    taken: set[int] = set()
    for k, name in enumerate(names):
        if k in taken:
            continue
        group = [k]
        for j in range(k + 1, len(names)):
            if j in taken or names[j] != name:
                continue
            union = ((dense[k] + dense[j]) > 0).sum()
            if name == "sky" or (union and (dense[k] * dense[j]).sum() / union > 0.5):
                group.append(j)
        taken |= set(group)
        expected[group] = (0.993998 * dense[group]).mean(0) > 0.8
    got = merged(triplets, STUFF)
    read = [columns(t.subject_mask) for t in got] + [columns(t.object_mask) for t in got]
    assert read == [np.flatnonzero(row).tolist() for row in expected]


def test_the_option_changes_what_finds_and_nothing_else():
    truth = [Triplet("kite", "in", "sky", bar(0, 2), bar(0, 10))]
    again = Triplet("bird", "in", "sky", bar(3, 4), bar(10, 20))
    words = Vocabulary(frozenset(["kite", "bird", "sky"]), ("in",), frozenset(STUFF))
    answer = GraphAnswer((truth[0], again))
    for protocol, merge in product(("standard", "released"), (False, True)):
        scores = relation_scores(truth, answer, words, protocol, merge)
        assert scores["hits"] == scores["recall_20"] == (not merge)
        assert (scores["box_hits"], scores["objects_found"], scores["duplicates"]) == (1, 2, 0)


def test_variants_are_asked_for_by_name():
    assert SceneGraph("released").options["mentions"] == "apart"
    assert SceneGraph("released", options={"mentions": "merged"}).options["mentions"] == "merged"
