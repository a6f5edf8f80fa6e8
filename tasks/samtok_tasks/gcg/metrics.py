"""Grounded captions (GCG): a caption whose phrases have masks.

Definitions: GLaMM's scorer (mbzuai-oryx/groundingLMM, eval/gcg/evaluate.py). Masks are compared at the
image's own size, an IoU is I / U from exact pixel counts. In both protocols alike:

- METEOR and CIDEr of the captions against the one reference of each image, see
  samtok_bench.measures.captions;
- AP50: pycocotools' COCOeval "segm" at IoU 0.5, one category, all scores 1.0, at most 100 masks per image.
  Since all scores are equal, masks rank in reading order, images by the order of their ids: that of numbers
  where all are numbers in the file, else that of texts. 0 to 1, undefined without target masks, 0 without any
  predicted mask (where GLaMM's scorer stops).

mIoU pairs the masks of an image one to one, always the pair with the largest IoU, as long as it is above 0;
of equal ones the first in the order of the answer, then of the file.
The protocols differ in:

=======================  ====================================  =====================================
point                    standard                              released (GLaMM's scorer)
=======================  ====================================  =====================================
mIoU of an image         sum of paired IoUs / target masks     mean over pairs alone, 0 without pairs
mIoU                     mean over images with target masks    mean over all images
two empty masks          IoU 0                                 nan: no pairs in this image; in recall
                                                               taken as the largest IoU
pairs that recall        as many as can be at once (maximum    greedy by IoU, ended by the first pair
counts                   matching)                             that fails either threshold
same thing is meant      IoU >= 0.5 and the same words (case,  IoU >= 0.5 and cosine of sentence
                         articles, punctuation aside)          vectors >= 0.5
phrase of a mask         the one right before it               the one of the same number
a mask without phrase    is in no pair                         its pair ends the image: all pairs
                                                               found in it are lost
=======================  ====================================  =====================================

Recall is the number of such pairs over the number of target phrases, in all images. The released one needs a
sentence encoder; without one it is undefined, never replaced. A sample without an answer has no masks and an
empty caption, and stays in every denominator.
"""

import contextlib
import io
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from samtok_bench import rle
from samtok_bench.aggregate import Corpus
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Scores
from samtok_bench.task import Protocol
from samtok_tasks.gcg.answers import GroundedPhrases

Array: TypeAlias = NDArray[np.float64]
TextSimilarity: TypeAlias = Callable[[Sequence[str], Sequence[str]], Array]
"""How alike F and S texts are: (F, S), -1 to 1."""

IOU_THRESHOLD = 0.5
TEXT_THRESHOLD = 0.5
MAX_MASKS = 100


def gcg_metrics(protocol: Protocol) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `gcg_scores`, the primary one first."""
    released = protocol == "released"
    over = "images" if released else "images with target masks"
    same = "sentence vectors' cosine" if released else "the same words"
    found = f"target phrases found: IoU >= 0.5 and {same}"
    precision = "average precision of the masks at IoU 0.5, all scores equal"
    cider = "CIDEr-D of the captions; 10 at most, 1000 in tables"
    bare, unnamed, unmasked = "phrases without mask", "share of answered masks", "share of answered phrases"
    return (
        MetricInfo("miou", "mIoU", f"mean over {over}", "iou", None if released else "has_masks", version=2),
        MetricInfo("recall", "Recall", found, "matched", "matchable", version=2),
        MetricInfo("ap50", "AP50", precision, aggregate=Corpus(), version=2),
        MetricInfo("meteor", "METEOR", "of the captions", aggregate=Corpus()),
        MetricInfo("cider", "CIDEr", cider, aggregate=Corpus(), most=10),
        MetricInfo("unnamed_masks", "masks without phrase", unnamed, "unnamed", "masks", direction="lower"),
        MetricInfo("unmasked_phrases", bare, unmasked, "unmasked", "phrases", direction="lower"),
    )


def gcg_scores(
    target: GroundedPhrases,
    answer: GroundedPhrases,
    protocol: Protocol,
    similarity: TextSimilarity | None = None,
) -> Scores:
    """One image's sufficient statistics.

    Args:
        target: phrase and mask of the same number belong together.
        answer: empty where there is none.
        protocol: see the module's table.
        similarity: for the released recall; without it that is undefined.

    Returns:
        iou 0 to 1; has_masks 0 or 1; matched, pairs of recall; matchable, target phrases, or 0 where recall
        is not computed; target_masks, target_phrases; masks and phrases of the answer; unnamed, masks without
        a phrase; unmasked, phrases without a mask.
    """
    ious = rle.iou_matrix(target.masks, answer.masks)
    there = bool(target.masks)
    if protocol == "released":
        pairs = paired_ious(ious.T)
        iou = sum(pairs) / len(pairs) if pairs else 0.0
        matched = released_matches(ious, target.phrases, answer.phrases, similarity) if similarity else 0
        matchable = len(target.phrases) if similarity else 0
    else:
        ious = np.nan_to_num(ious)
        iou = sum(paired_ious(ious.T)) / len(target.masks) if there else 0.0
        matched, matchable = maximum_matching(_same_things(ious, target, answer)), len(target.phrases)
    return {
        "iou": iou,
        "has_masks": int(there),
        "matched": matched,
        "matchable": matchable,
        "target_masks": len(target.masks),
        "target_phrases": len(target.phrases),
        "masks": len(answer.masks),
        "phrases": len(answer.phrases),
        "unnamed": answer.phrase_of.count(None),
        "unmasked": len(answer.phrases) - len(set(answer.phrase_of) - {None}),
    }


def paired_ious(ious: Array) -> list[float]:
    """IoUs of one-to-one pairs, always the largest left that is above 0.

    Args:
        ious: (F, S); of equal ones the first in the order of rows. One nan, and there are no pairs.
    """
    left, found = ious.copy(), []
    while left.size and left.max() > 0:
        row, column = divmod(int(left.argmax()), left.shape[1])
        found.append(float(left[row, column]))
        left[row, :] = left[:, column] = 0
    return found


def released_matches(
    ious: Array, labels: Sequence[str], phrases: Sequence[str], similarity: TextSimilarity
) -> int:
    """Pairs that GLaMM's scorer counts for recall in one image.

    Args:
        ious: (T, M) of target and answered masks; mask k belongs to text k.
        labels: of the targets.
        phrases: of the answer.
        similarity: see TextSimilarity.
    """
    left, alike, count = ious.copy(), None, 0
    while left.size:
        row, column = divmod(int(left.argmax()), left.shape[1])
        if left[row, column] < IOU_THRESHOLD:  # nan passes
            break
        if row >= len(labels) or column >= len(phrases):
            return 0  # an index error there, which drops the image's pairs
        if alike is None:
            alike = np.array(similarity(labels, phrases))
        if alike[row, column] < TEXT_THRESHOLD:
            break
        count += 1
        for table in (left, alike):
            table[row, :] = table[:, column] = 0
    return count


def _same_things(ious: Array, target: GroundedPhrases, answer: GroundedPhrases) -> NDArray[np.bool_]:
    """(T, M): whether a target with its phrase and an answered mask with its phrase are the same."""
    labels = [plain_words(label) for label in target.phrases]
    named = [None if at is None else plain_words(answer.phrases[at]) for at in answer.phrase_of]
    found = ious >= IOU_THRESHOLD
    for row, column in np.argwhere(found):
        found[row, column] = row < len(labels) and labels[row] == named[column]
    return found


def plain_words(phrase: str) -> str:
    """Lower case without punctuation and articles at the beginning."""
    words = re.sub(r"[\W_]+", " ", phrase.casefold()).split()
    while len(words) > 1 and words[0] in ("a", "an", "the"):
        words = words[1:]
    return " ".join(words)


def maximum_matching(allowed: NDArray[np.bool_]) -> int:
    """The most pairs (row, column) that can be allowed at once, each row and column in one pair at most."""
    partner: dict[int, int] = {}  # row by column

    def place(row: int, tried: set[int]) -> bool:
        for column in np.flatnonzero(allowed[row]).tolist():
            if column not in tried:
                tried.add(column)
                if column not in partner or place(partner[column], tried):
                    partner[column] = row
                    return True
        return False

    return sum(place(row, set()) for row in range(len(allowed)))


def ap50(images: Sequence[tuple[int | str, Sequence[RLE], Sequence[RLE]]]) -> float | None:
    """Average precision at IoU 0.5 over all images, 0 to 1; None without any target mask.

    Args:
        images: id, target masks and answered masks of each; ids differ.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    numbers = all(isinstance(id, int) for id, _, _ in images)
    ordered = sorted(images, key=lambda image: int(image[0]) if numbers else str(image[0]))
    targets = [(place, mask) for place, (_, wanted, _) in enumerate(ordered) for mask in wanted]
    answers = [(place, mask) for place, (_, _, given) in enumerate(ordered) for mask in given]
    if not targets or not answers:
        return 0.0 if targets else None
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [
            {"id": place, **dict(zip(("height", "width"), mask["size"], strict=True))}
            for place, (_, wanted, given) in enumerate(ordered)
            for mask in (*wanted, *given)[:1]
        ],
        "categories": [{"id": 1}],
        "annotations": [
            {"id": k, "iscrowd": 0, "area": rle.area(mask), **_annotation(place, mask)}
            for k, (place, mask) in enumerate(targets, start=1)
        ],
    }
    with contextlib.redirect_stdout(io.StringIO()):  # it reports what it does
        truth.createIndex()
        scorer = COCOeval(
            truth,
            truth.loadRes([_annotation(place, mask) | {"score": 1.0} for place, mask in answers]),
            "segm",
        )
        scorer.params.iouThrs = np.array([0.5])
        scorer.params.areaRng, scorer.params.areaRngLbl = [[0, 1e10]], ["all"]
        scorer.params.maxDets = [MAX_MASKS]
        scorer.evaluate()
        scorer.accumulate()
    return float(scorer.eval["precision"].mean())


def _annotation(image_id: int, mask: RLE) -> dict[str, Any]:
    return {"image_id": image_id, "category_id": 1, "segmentation": mask}
