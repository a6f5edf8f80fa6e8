"""Metrics of grounded captions: by hand, and against a dense implementation written for the test."""

import io
from contextlib import redirect_stdout

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from samtok_bench import rle
from samtok_bench.metric import values
from samtok_tasks.gcg.answers import GroundedPhrases
from samtok_tasks.gcg.metrics import ap50, gcg_metrics, gcg_scores, maximum_matching, plain_words

SIDE = 10


def box(x0, x1, rows=SIDE):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[:rows, x0:x1] = True
    return rle.encode(mask)


EMPTY = rle.empty(SIDE, SIDE)


def by_letter(first, second):
    """1 for texts that end alike, else 0."""
    return np.array([[float(a[-1:] == b[-1:]) for b in second] for a in first]).reshape(
        len(first), len(second)
    )


def grounded(phrases, masks, phrase_of=None):
    owners = [k if k < len(phrases) else None for k in range(len(masks))] if phrase_of is None else phrase_of
    return GroundedPhrases(tuple(phrases), tuple(masks), tuple(owners))


def both(target, answer):
    """Scores by protocol."""
    return gcg_scores(target, answer, "standard"), gcg_scores(target, answer, "released", by_letter)


def value(protocol, id, *scores):
    """A metric of images."""
    return values(gcg_metrics(protocol), scores, ["an image"] * len(scores))[id]


# ---- by hand ----------------------------------------------------------------------------------------------


def test_unmatched_targets_count_in_the_standard_miou_only():
    target = grounded(["a", "b"], [box(0, 4), box(6, 10)])
    answer = grounded(["a"], [box(0, 3)])
    standard, released = both(target, answer)
    assert standard["iou"] == pytest.approx(0.75 / 2)
    assert released["iou"] == pytest.approx(0.75)
    assert (
        (standard["matched"], standard["matchable"]) == (released["matched"], released["matchable"]) == (1, 2)
    )
    # further masks change nothing in either
    more = grounded(["a", "c"], [box(0, 3), box(4, 6)])
    assert [scores["iou"] for scores in both(target, more)] == [standard["iou"], released["iou"]]


def test_released_recall_ends_at_the_first_failing_pair():
    target = grounded(["dog", "cat"], [box(0, 4), box(5, 10)])
    # the pair with the largest IoU means another thing, the second pair is right
    answer = grounded(["zebra", "cat"], [box(0, 4), box(5, 9)])
    standard, released = both(target, answer)
    assert (standard["matched"], released["matched"]) == (1, 0)
    # as the second it ends only what follows it
    answer = grounded(["dog", "zebra"], [box(0, 4), box(5, 9)])
    assert [scores["matched"] for scores in both(target, answer)] == [1, 1]


def test_released_recall_loses_an_image_with_more_masks_than_phrases():
    target = grounded(["dog", "cat"], [box(0, 4), box(5, 10)])
    answer = grounded(["dog"], [box(0, 4), box(5, 9)])
    standard, released = both(target, answer)
    assert (standard["matched"], released["matched"]) == (1, 0)
    assert released["matchable"] == 2
    # not if the mask without phrase is never looked at
    answer = grounded(["dog"], [box(0, 4), box(8, 9)])
    assert [scores["matched"] for scores in both(target, answer)] == [1, 1]


def test_two_empty_masks():
    target = grounded(["dog", "cat"], [box(0, 4), EMPTY])
    answer = grounded(["dog", "cat"], [box(0, 4), EMPTY])
    standard, released = both(target, answer)
    assert (standard["iou"], released["iou"]) == (0.5, 0)
    assert (standard["matched"], released["matched"]) == (1, 2)
    answer = grounded(["dog", "horse"], [box(0, 4), EMPTY])
    assert [scores["matched"] for scores in both(target, answer)] == [1, 0]


def test_the_standard_recall_takes_the_best_assignment():
    # the first answer fits both targets, best the second one; the second answer fits only that
    target = grounded(["a dog", "the dog"], [box(0, 6), box(0, 5)])
    answer = grounded(["Dog", "dog"], [box(0, 5), box(0, 5, rows=5)])
    assert [scores["matched"] for scores in both(target, answer)] == [2, 1]


def test_images_without_masks():
    nothing, dog = grounded([], []), grounded(["dog"], [box(0, 4)])
    standard, released = both(nothing, dog)
    assert (standard["iou"], standard["has_masks"], standard["matchable"]) == (0, 0, 0)
    assert (released["iou"], released["matched"]) == (0, 0)
    standard, released = both(dog, nothing)
    assert (standard["iou"], standard["matched"], standard["matchable"]) == (0, 0, 1)
    standard, released = zip(both(nothing, dog), both(dog, dog), strict=True)
    assert value("standard", "miou", *standard) == 1
    assert value("released", "miou", *released) == 0.5


def test_alignment_faults_are_counted():
    target = grounded(["dog"], [box(0, 4)])
    answer = grounded(["a", "b", "c"], [box(0, 4)] * 4, (0, None, 2, 2))
    for scores in both(target, answer):
        assert (scores["masks"], scores["unnamed"], scores["phrases"], scores["unmasked"]) == (4, 1, 3, 1)


def test_without_an_encoder_the_released_recall_is_undefined():
    same = grounded(["dog"], [box(0, 4)])
    scores = gcg_scores(same, same, "released")
    assert value("released", "recall", scores) is None
    assert value("released", "recall", both(same, same)[1]) == 1


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("The  Small-red circle.", "small red circle"),
        ("a", "a"),
        ("An A", "a"),
        ("", ""),
        ("Straße_1", "strasse 1"),
    ],
)
def test_words_of_phrases(phrase, words):
    assert plain_words(phrase) == words


# ---- against another implementation -----------------------------------------------------------------------


def dense_iou(a, b):
    """Of bool arrays; nan for two empty ones."""
    a, b = rle.decode(a), rle.decode(b)
    with np.errstate(invalid="ignore"):
        return np.float64((a & b).sum()) / np.float64((a | b).sum())


def dense_pairs(target, answer):
    """Paired IoUs by deleting rows and columns."""
    matrix = np.array([[dense_iou(p, g) for g in target.masks] for p in answer.masks])
    found = []
    while matrix.size and np.max(matrix) > 0:
        row, column = divmod(int(np.argmax(matrix)), matrix.shape[1])
        found.append(matrix[row, column])
        matrix = np.delete(np.delete(matrix, row, 0), column, 1)
    return found


def dense_released_recall(target, answer):
    try:
        ious = np.array([[dense_iou(g, p) for p in answer.masks] for g in target.masks])
        alike = by_letter(target.phrases, answer.phrases)
        count = 0
        while ious.size:
            best = np.unravel_index(np.argmax(ious), ious.shape)
            if ious[best] < 0.5 or alike[best] < 0.5:
                return count
            count += 1
            ious[best[0]] = ious[:, best[1]] = 0
            alike[best[0]] = alike[:, best[1]] = 0
        return count
    except IndexError:
        return 0


def dense_standard(target, answer):
    """iou and matched."""
    edges = [(-dense_iou(p, g), i, j) for i, p in enumerate(answer.masks) for j, g in enumerate(target.masks)]
    total, rows, columns = 0.0, set(), set()
    for cost, i, j in sorted(edge for edge in edges if edge[0] < 0):
        if i not in rows and j not in columns:
            total, rows, columns = total - cost, rows | {i}, columns | {j}
    fits = np.zeros((len(target.masks), len(answer.masks)), int)
    for cost, i, j in edges:
        owner = answer.phrase_of[i]
        if cost <= -0.5 and j < len(target.phrases) and owner is not None:
            fits[j, i] = plain_words(target.phrases[j]) == plain_words(answer.phrases[owner])
    matched = (maximum_bipartite_matching(csr_array(fits)) >= 0).sum() if fits.size else 0
    return total / len(target.masks) if target.masks else 0.0, matched


def random_grounded(rng, most=5):
    count = rng.integers(0, most)
    masks = []
    for _ in range(count):
        x = rng.integers(0, 3)
        masks.append(EMPTY if rng.random() < 0.05 else box(x, x + rng.integers(2, 5), rng.integers(6, 11)))
    phrases = rng.choice(["dog", "the dog", "a cat", "Cat", "horse"], max(0, count + rng.integers(-1, 2)))
    owners = [int(rng.integers(len(phrases))) if len(phrases) and rng.random() < 0.9 else None for _ in masks]
    return GroundedPhrases(tuple(map(str, phrases)), tuple(masks), tuple(owners))


def test_a_dense_implementation_agrees_on_random_answers():
    rng = np.random.default_rng(0)
    seen = np.zeros(3, int)
    for _ in range(500):
        target, answer = random_grounded(rng), random_grounded(rng)
        standard, released = both(target, answer)
        pairs = dense_pairs(target, answer)
        assert released["iou"] == pytest.approx(np.mean(pairs) if pairs else 0)
        assert released["matched"] == dense_released_recall(target, answer)
        iou, matched = dense_standard(target, answer)
        assert standard["iou"] == pytest.approx(iou)
        assert standard["matched"] == matched
        seen += (standard["matched"] > 0, released["matched"] > 0, standard["matched"] != released["matched"])
    assert all(seen > 25)


def test_matchings_are_the_largest():
    rng = np.random.default_rng(1)
    for _ in range(300):
        allowed = rng.random(rng.integers(1, 12, 2)) < rng.random() * 0.6
        expected = (maximum_bipartite_matching(csr_array(allowed.astype(int))) >= 0).sum()
        assert maximum_matching(allowed) == expected


def interpolated_precision(images):
    """AP50 of masks that all have one score, from its definition, 0 to 1."""
    hits = []
    for _, wanted, given in sorted(images, key=lambda image: image[0]):
        free = set(range(len(wanted)))
        for mask in given[:100]:
            best = max(
                ((dense_iou(mask, wanted[k]), k) for k in free if dense_iou(mask, wanted[k]) >= 0.5),
                default=None,
            )
            hits.append(best is not None)
            free -= {best[1]} if best else set()
    found = np.cumsum(hits)
    precision = found / (1 + np.arange(len(hits)))
    recall = found / sum(len(wanted) for _, wanted, _ in images)
    # the best precision at a recall of at least so much; no tolerance, as in COCO's code
    at = [precision[recall >= asked].max(initial=0) for asked in np.linspace(0, 1, 101)]
    return np.mean(at)


def coco_ap50(images):
    """The second line of COCOeval's summary with all its defaults, as GLaMM's scorer asks for it."""
    truth = COCO()
    size = {"height": SIDE, "width": SIDE}
    truth.dataset = {"images": [{"id": id, **size} for id, _, _ in images], "categories": [{"id": 1}]}
    shared = {"category_id": 1, "iscrowd": 0}
    targets = [(id, mask) for id, wanted, _ in images for mask in wanted]
    truth.dataset["annotations"] = [
        {"id": k + 1, "image_id": id, "segmentation": mask, "area": rle.area(mask), **shared}
        for k, (id, mask) in enumerate(targets)
    ]
    truth.dataset["info"] = {}
    answers = [
        {"image_id": id, "category_id": 1, "segmentation": mask, "score": 1.0}
        for id, _, given in images
        for mask in given
    ]
    with redirect_stdout(io.StringIO()):
        truth.createIndex()
        scorer = COCOeval(truth, truth.loadRes(answers), "segm")
        scorer.params.catIds = [1]
        scorer.evaluate()
        scorer.accumulate()
        scorer.summarize()
    return scorer.stats[1]


def test_ap50_is_cocos_and_agrees_with_its_definition():
    rng = np.random.default_rng(2)
    different = set()
    for trial in range(150):
        images = []
        for k in rng.permutation(rng.integers(2, 9)):
            target, answer = random_grounded(rng, 6), random_grounded(rng, 6)
            # of equal targets COCO's code takes the last, which the definition leaves open
            images.append(
                (f"sa_{k}", tuple({mask["counts"]: mask for mask in target.masks}.values()), answer.masks)
            )
        if not any(image[1] for image in images) or not any(image[2] for image in images):
            continue
        found = ap50(images)
        assert found == pytest.approx(interpolated_precision(images), abs=1e-4), trial
        if trial < 40:
            assert found == pytest.approx(coco_ap50(images), abs=1e-9)
        different.add(round(found, 3))
    assert len(different) > 50


def test_ap50_ranks_images_by_their_ids_and_looks_at_a_hundred_masks():
    good, bad = ("a", (box(0, 5),), (box(0, 5),)), ("b", (box(0, 5),), (box(6, 9),))
    assert ap50([good, bad]) == ap50([bad, good]) == pytest.approx(51 / 101)
    numbers = [(10, *bad[1:]), (9, *good[1:])]
    assert ap50(numbers) == ap50(numbers[::-1]) == coco_ap50(numbers) == pytest.approx(51 / 101)
    texts = [(str(id), *masks) for id, *masks in numbers]
    assert ap50(texts) == coco_ap50(texts) == pytest.approx(0.5 * 51 / 101)
    # the wrong mask comes first where its image does
    assert ap50([("c", *good[1:]), bad]) == pytest.approx(0.5 * 51 / 101)
    late = (box(6, 9),) * 100 + (box(0, 5),)
    assert ap50([("a", (box(0, 5),), late)]) == 0
    assert ap50([("a", (box(0, 5),), late[1:])]) == pytest.approx(0.01)
    assert ap50([("a", (), (box(0, 5),))]) is None
    assert ap50([("a", (box(0, 5),), ())]) == 0
