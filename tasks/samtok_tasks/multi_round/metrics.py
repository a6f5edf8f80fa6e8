"""Metrics of segmentation over the rounds of a dialogue, per round and over the rounds that have a history.

Definitions: SegLLM's evaluation (berkeley-hipie/segllm, arXiv 2410.18923: LLaVATrainer.evaluate and
hipie_utils) at the image's own size, where SegLLM scores at 1024 x 1024, and SAMTok's script
(bytedance/Sa2VA, projects/samtok, multi-round evaluation).

==================  =================================  =====================================================
point               standard                           released (SAMTok's script)
==================  =================================  =====================================================
target              union of the answer's masks        the answer's first mask
answer              union of all its masks             union too: read as "released-last" it has one at most
IoU of a round      I / (U + 1e-4)                     I / (U + 1e-5)
empty target, no    wrong (version 1 did not look)     right
mask in an answer
that was cut off
or is malformed
==================  =================================  =====================================================

Else a round whose target and answer are empty has IoU 1 and box IoU 1 (SegLLM has no empty target: it
stops at one). A round without an answer (model error, unreadable image) has IoU 0 and the target's area in U.
Both scripts add 1e-10 to the sum of U in cIoU, which changes no digit; it is left out here, so that a round
number that nothing is asked at is undefined (n/a), not 0. P@0.5 is SegLLM's: IoU > 0.5 of the boxes of target
and answer, half open; SAMTok's script has no such figure.
"""

from functools import partial

from samtok_bench import rle
from samtok_bench.measures.boxes import box_iou, pixel_box
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Protocol
from samtok_tasks.answers import failed, overlap

ROUNDS = 6
"""Rounds with figures of their own; SAMTok's table has rounds 2 to 6."""
IOU_EPSILON: dict[Protocol, float] = {"standard": 1e-4, "released": 1e-5}
BOX_THRESHOLD = 0.5

_NUMBERS = range(1, ROUNDS + 1)
_LATER = "all rounds from the second on"


def multi_round_metrics(protocol: Protocol) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `multi_round_scores`, the primary one first."""
    ious = partial(MetricInfo, version=2 if protocol == "standard" else 1)
    return (
        MetricInfo("ciou_later", "cIoU 2+", f"sum I / sum U, {_LATER}", "intersection_later", "union_later"),
        ious("miou_later", "mIoU 2+", f"mean IoU, {_LATER}", "iou_later", "later"),
        ious("box50_later", "P@0.5 2+", f"share with box IoU > 0.5, {_LATER}", "box50_later", "later"),
        *(
            MetricInfo(
                f"ciou_{k}", f"cIoU {k}", f"sum I / sum U, round {k}", f"intersection_{k}", f"union_{k}"
            )
            for k in _NUMBERS
        ),
        *(ious(f"miou_{k}", f"mIoU {k}", f"mean IoU, round {k}", f"iou_{k}", f"round_{k}") for k in _NUMBERS),
        ious("miou", "mIoU", "mean IoU, all rounds", "iou"),
        ious("box50", "P@0.5", "share with box IoU > 0.5, all rounds"),
        MetricInfo("answered", "answered", "share of rounds that got any mask", "has_mask", direction="none"),
    )


def multi_round_scores(number: int, target: RLE, prediction: Prediction, protocol: Protocol) -> Scores:
    """One round's sufficient statistics.

    Args:
        number: of the round in its dialogue, from 1.
        target: one mask, see the module's table.
        prediction: any outcome; its masks are united.
        protocol: see the module's table.

    Returns:
        intersection, union in pixels; iou 0 to 1; box50, has_mask as 0 or 1; and for intersection, union, iou
        the same under _1 to _6, 0 but for this round, and with box50 under _later, 0 for the first round;
        round_1 to round_6 and later as 0 or 1.
    """
    answer, inter, either = overlap(target, prediction)
    if either == 0:
        lost = failed(prediction) if protocol == "standard" else not prediction.answered
        iou = boxes = float(not lost)
    else:
        iou = inter / (either + IOU_EPSILON[protocol])
        boxes = box_iou(pixel_box(target), pixel_box(answer))
    own = {"intersection": inter, "union": either, "iou": iou}
    box50 = int(boxes > BOX_THRESHOLD)
    later = int(number > 1)
    scores: Scores = {**own, "box50": box50, "has_mask": int(not rle.is_empty(answer))}
    scores |= {"later": later, "box50_later": box50 * later}
    scores |= {f"{name}_later": value * later for name, value in own.items()}
    for k in _NUMBERS:
        here = int(number == k)
        scores[f"round_{k}"] = here
        scores |= {f"{name}_{k}": value * here for name, value in own.items()}
    return scores
