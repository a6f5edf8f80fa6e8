"""Scene graph metrics: cases by hand, and a plain implementation with dense masks as the oracle."""

import numpy as np
import pytest

from samtok_bench import metric, rle
from samtok_bench.aggregate import Corpus
from samtok_tasks.scene_graph.answers import GraphAnswer
from samtok_tasks.scene_graph.metrics import RANKS, mean_recalls, relation_metrics, relation_scores
from samtok_tasks.scene_graph.triplets import Triplet, Vocabulary

NAMES = Vocabulary(frozenset(("cat", "dog", "sky")), ("on", "beside", "over"))


def values(protocol, scores) -> dict[str, float | None]:
    found = metric.values(relation_metrics(protocol), scores, ["an image"] * len(scores))
    return found | mean_recalls(scores, NAMES.predicates, protocol)


def rows(first: int, last: int) -> rle.RLE:
    """A 10 x 10 mask of the rows first..last-1."""
    mask = np.zeros((10, 10), bool)
    mask[first:last] = True
    return rle.encode(mask)


CAT, DOG = rows(0, 4), rows(4, 8)
TRUTH = (
    Triplet("cat", "on", "dog", CAT, DOG),
    Triplet("dog", "beside", "cat", DOG, CAT),
    Triplet("cat", "beside", "dog", CAT, DOG),
)


def score(*triplets: Triplet, protocol="standard", truth=TRUTH, **more):
    return relation_scores(truth, GraphAnswer(triplets, **more), NAMES, protocol)


@pytest.mark.parametrize(
    ("triplet", "hit"),
    [
        (TRUTH[0], True),
        (Triplet("cat", "on", "dog", rows(0, 2), DOG), True),  # IoU exactly 0.5
        (Triplet("cat", "on", "dog", rows(0, 1), DOG), False),
        (Triplet("cat", "on", "dog", CAT, rows(7, 8)), False),
        (Triplet("cat", "on", "dog", DOG, CAT), False),
        (Triplet("dog", "on", "cat", CAT, DOG), False),
        (Triplet("cat", "over", "dog", CAT, DOG), False),
        (Triplet("Cat", "on", "dog", CAT, DOG), False),
        (Triplet("cat", "on", "dog", None, DOG), False),
        (Triplet("cat", "on", "dog", CAT, rle.empty(10, 10)), False),
    ],
)
def test_what_finds_a_triplet(triplet, hit):
    got = score(triplet)
    assert (got["hits"], got["right"], got["recall_20"]) == (hit, hit, hit / 3)
    assert got["hits_20 on"] == hit
    assert got["hits_20 beside"] == 0
    assert (got["relations on"], got["relations beside"], got["relations"]) == (1, 2, 3)
    assert "relations over" not in got


def test_boxes_are_more_lenient():
    corners = np.zeros((10, 10), bool)
    corners[0, 0] = corners[3, 9] = True
    triplet = Triplet("CAT", "on", "dog", rle.encode(corners), DOG)
    got = score(triplet)
    assert (got["hits"], got["box_hits"], got["box_hits on"], got["box_recall"]) == (0, 1, 1, 1 / 3)
    assert score(Triplet("cat", "on", "dog", rows(0, 1), DOG))["box_hits"] == 0
    assert score(Triplet("cat", "on", "dog", None, DOG))["box_hits"] == 0


def test_what_is_counted():
    strange = Triplet("cow", "on", "dog", CAT, DOG)
    bare = Triplet("cat", "over", "dog", None, DOG)
    self = Triplet("cat", "over", "cat", CAT, rows(0, 3))
    again = Triplet("cat", "on", "dog", rows(0, 3), rows(4, 7))
    answer = (TRUTH[0], again, strange, bare, self, TRUTH[0], TRUTH[1])
    got = score(*answer, malformed=2, loose_masks=4)
    assert (got["listed"], got["predicted"], got["hits"], got["right"]) == (9, 7, 2, 2)
    assert (got["duplicates"], got["unknown"], got["missing_masks"], got["self_relations"]) == (2, 1, 1, 1)
    assert (got["malformed"], got["loose_masks"], got["no_graph"], got["judged"], got["ranked"]) == (
        *(2, 4, 0, 1, 1),
    )
    assert (got["objects"], got["objects_found"]) == (2, 2)
    released = score(*answer, protocol="released", malformed=2)
    assert (released["listed"], released["predicted"], released["hits"]) == (9, 3, 2)
    # a copy is compared with what is kept: an IoU of 0.5 with the first is no copy
    half = Triplet("cat", "on", "dog", rows(0, 2), DOG)
    assert score(TRUTH[0], half, half)["duplicates"] == 1


def test_duplicates_keep_their_rank_in_the_standard_protocol_alone():
    answer = [TRUTH[0]] * 20 + [TRUTH[1]] * 40 + [TRUTH[2]]
    got = score(*answer)
    assert [got[f"recall_{k}"] for k in RANKS] == [1 / 3, 2 / 3, 1]
    assert [got[f"hits_{k} beside"] for k in RANKS] == [0, 1, 2]
    released = score(*answer, protocol="released")
    assert [released[f"recall_{k}"] for k in RANKS] == [1, 1, 1]
    assert (got["predicted"], got["right"], released["predicted"], released["right"]) == (61, 3, 3, 3)


def test_a_summary_by_hand():
    # the first image has 1 of 3, the second all, the third no answer, the fourth no true triplet
    scores = [
        score(TRUTH[0], Triplet("sky", "over", "dog", CAT, DOG)),
        score(TRUTH[1], truth=TRUTH[1:2]),
        score(truth=TRUTH[:1]),
        score(TRUTH[0], truth=()),
    ]
    got = values("standard", scores)
    assert got["r20"] == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert got["r20_skip"] == pytest.approx((1 / 3 + 1) / 2)
    # on: 1 and 0; beside: 0 and 1; over: in no image, 0
    assert got["mr20"] == pytest.approx((1 / 2 + 1 / 2 + 0) / 3)
    assert got["mr20_skip"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert got["recall"] == 2 / 5
    assert got["precision"] == 2 / 4
    assert got["f1"] == pytest.approx(2 * 2 / (4 + 5))
    assert got["object_recall"] == pytest.approx((2 + 2 + 0) / 6)
    assert got["box_recall"] == 2 / 5
    assert got["box_mean_recall"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert (got["listed"], got["no_graph"]) == (1, 1 / 4)
    released = values("released", [score(TRUTH[0], protocol="released"), score(protocol="released")])
    assert (released["r20"], released["mr20"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert "r20_skip" not in released


def test_without_true_triplets_recalls_are_undefined():
    for protocol in ("standard", "released"):
        got = values(protocol, [score(truth=(), protocol=protocol)])
        assert [got[id] for id in ("r20", "mr20", "recall", "precision", "box_mean_recall", "malformed")] == [
            *([None] * 6),
        ]
        assert got["no_graph"] == 1


def test_every_metric_has_its_scores():
    for protocol in ("standard", "released"):
        infos = relation_metrics(protocol)
        assert len({info.id for info in infos}) == len(infos)
        assert infos[0].id == "r20"
        computed = mean_recalls([], (), protocol)
        assert {info.id for info in infos if info.aggregate == Corpus()} == set(computed)


# The plain implementation: dense masks, lists of recalls as in the official evaluator


def dense_iou(a, b) -> float:
    if a is None or b is None or not (a | b).any():
        return 0.0
    return (a & b).sum() / (a | b).sum()


def box_of(mask):
    out = np.zeros_like(mask)
    if mask.any():
        y, x = np.nonzero(mask)
        out[y.min() : y.max() + 1, x.min() : x.max() + 1] = True
    return out


def plain(images, protocol) -> dict[str, float]:
    recall = {(k, skip): [] for k in RANKS for skip in (False, True)}
    by_predicate = {(k, skip, p): [] for k in RANKS for skip in (False, True) for p in NAMES.predicates}
    boxes = {p: [] for p in NAMES.predicates}
    found_total = true_total = right = predicted = 0
    for truth, answer in images:
        if protocol == "released":
            kept = []
            for s, p, o, a, b in answer:
                if s not in NAMES.labels or o not in NAMES.labels or p not in NAMES.predicates:
                    continue
                if a is None or b is None:
                    continue
                if any(
                    (s, p, o) == triplet[:3]
                    and dense_iou(a, triplet[3]) > 0.5
                    and dense_iou(b, triplet[4]) > 0.5
                    for triplet in kept
                ):
                    continue
                kept.append((s, p, o, a, b))
            ranked = kept
        else:
            ranked = answer
        pred_to_gt = [
            [
                g
                for g, true in enumerate(truth)
                if true[:3] == triplet[:3]
                and dense_iou(true[3], triplet[3]) >= 0.5
                and dense_iou(true[4], triplet[4]) >= 0.5
            ]
            for triplet in ranked
        ]
        true_total += len(truth)
        predicted += len(ranked)
        union = set()
        for places in pred_to_gt:
            right += bool(set(places) - union)
            union |= set(places)
        found_total += len(union)
        for true in truth:
            boxes[true[1]].append(
                any(
                    true[:3] == triplet[:3]
                    and all(
                        triplet[side] is not None
                        and dense_iou(box_of(true[side]), box_of(triplet[side])) >= 0.5
                        for side in (3, 4)
                    )
                    for triplet in answer
                )
            )
        for k in RANKS:
            hit = set().union(*map(set, pred_to_gt[:k]))
            for skip in (False, True):
                if skip and not ranked:
                    continue
                recall[k, skip].append(len(hit) / len(truth))
                for p in NAMES.predicates:
                    places = [g for g, true in enumerate(truth) if true[1] == p]
                    if places:
                        by_predicate[k, skip, p].append(len(hit & set(places)) / len(places))
    out = {
        "recall": found_total / true_total,
        "precision": right / predicted,
        "box_recall": np.mean([hit for hits in boxes.values() for hit in hits]),
        "box_mean_recall": np.mean([np.mean(hits) for hits in boxes.values() if hits]),
    }
    for k in RANKS:
        for skip in (False, True):
            suffix = "_skip" if skip and protocol == "standard" else ""
            if protocol == "released" and not skip:
                continue
            out[f"r{k}{suffix}"] = np.mean(recall[k, skip])
            means = [by_predicate[k, skip, p] for p in NAMES.predicates]
            out[f"mr{k}{suffix}"] = sum(np.mean(recalls) if recalls else 0 for recalls in means) / len(means)
    return out


def random_image(rng: np.random.Generator):
    pool = [np.zeros((6, 6), bool) for _ in range(4)]
    for k, mask in enumerate(pool):
        mask[k : k + 3, : 3 + k % 3] = True
    labels, predicates = sorted(NAMES.labels), NAMES.predicates

    def draw(names, wild):
        return wild if wild is not None and rng.random() < 0.05 else names[rng.integers(len(names))]

    truth = {}
    for _ in range(rng.integers(1, 6)):
        a, b = rng.integers(0, 4, 2)
        truth[labels[a % 3], draw(predicates, None), labels[b % 3], a, b] = None
    truth = [(s, p, o, pool[a], pool[b]) for s, p, o, a, b in truth]

    def altered(mask):
        chance = rng.random()
        if chance < 0.05:
            return None
        if chance < 0.1:
            return np.zeros_like(mask)
        return mask if chance < 0.5 else mask ^ (rng.random(mask.shape) < 0.15)

    answer = []
    for _ in range(rng.integers(0, 30) if rng.random() < 0.9 else 0):
        s, p, o, a, b = truth[rng.integers(len(truth))]
        if rng.random() < 0.4:
            s, p, o = draw(labels, "cow"), draw(predicates, "under"), draw(labels, "cow")
        answer.append((s, p, o, altered(a), altered(b)))
        if rng.random() < 0.3:
            answer.append(answer[rng.integers(len(answer))])
    return truth, answer


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_against_a_plain_implementation(protocol):
    def packed(triplets):
        return tuple(
            Triplet(s, p, o, *(m if m is None else rle.encode(m) for m in ab)) for s, p, o, *ab in triplets
        )

    rng = np.random.default_rng(7)
    for _ in range(50):
        images = [random_image(rng) for _ in range(20)]
        scores = [relation_scores(packed(t), GraphAnswer(packed(a)), NAMES, protocol) for t, a in images]
        got, expected = values(protocol, scores), plain(images, protocol)
        assert {id: got[id] for id in expected} == pytest.approx(expected, abs=1e-9)
