"""Union-mask metrics of generalized referring segmentation (GRES), from exact pixel counts.

Definitions: ReLA's evaluator (henghuiding/ReLA, gres_model/evaluation/refer_evaluation.py) with SAMTok's
rule that an answer without a mask, or whose union is empty, says "no target" (bytedance/Sa2VA,
projects/samtok, gRefCOCO evaluation). Scored at the image's own size.

The protocols differ in five points:

==========================  =====================================  ===================================
point                       standard                               released (SAMTok's script)
==========================  =====================================  ===================================
per-sample IoU              I / U                                  I / (U + 1e-8)
cIoU                        sum I / sum U, undefined where U is 0  sum I / (sum U + 1e-10), 0 there
malformed mask words only,  wrong: a broken mask is no refusal     right: the parser leaves no mask
no target in the image
cut off before a mask,      wrong: it was not said that nothing is     right: the parser finds no mask
no target in the image      there
crowds among the targets    left out, as in ReLA's loader; a       targets like any other, as in SAMTok's
                            sentence about crowds alone is no      converter
                            sample (the loader stops at it)
==========================  =====================================  ===================================

In both, a sample without an answer (model error, unreadable image) counts as wrong everywhere: IoU 0, no
credit in N-acc or T-acc, and the target's area in U. A truncated answer with masks counts as what it holds.
gIoU and N-acc are version 2 in `standard`: version 1 took an answer that was cut off for a refusal. The
released script leaves out samples without an answer, divides by zero on a split without no-target samples
(undefined here), and sums in 32-bit integers (exact here).
"""

from samtok_bench import rle
from samtok_bench.aggregate import Ratio
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Protocol
from samtok_tasks.answers import failed, overlap

PRECISION_THRESHOLDS = {"pr70": 0.7, "pr80": 0.8, "pr90": 0.9}
RELEASED_IOU_EPSILON = 1e-8
RELEASED_CIOU_EPSILON = 1e-10


def gres_metrics(protocol: Protocol) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `gres_scores`, the primary one first."""
    summed = Ratio(RELEASED_CIOU_EPSILON if protocol == "released" else 0.0)
    mean = "mean IoU; a no-target sample counts 1 if refused, else 0"
    right = "share of no-target samples refused"
    refuses = "share of samples without a target: the gIoU of a model that always refuses"
    some = "share of targeted samples that got any mask"
    version = 2 if protocol == "standard" else 1
    return (
        MetricInfo("giou", "gIoU", mean, "iou", version=version),
        MetricInfo(
            "ciou", "cIoU", "sum I / sum U over all samples", "intersection", "union", aggregate=summed
        ),
        MetricInfo("n_acc", "N-acc", right, "refused_rightly", "no_target", version=version),
        MetricInfo("t_acc", "T-acc", some, "answered_rightly", "targeted"),
        *(
            MetricInfo(key, f"Pr@{least}", f"share of targeted samples with IoU >= {least}", key, "targeted")
            for key, least in PRECISION_THRESHOLDS.items()
        ),
        MetricInfo(
            "miou_targeted", "mIoU targeted", "mean IoU, targeted samples", "iou_targeted", "targeted"
        ),
        MetricInfo("no_target_share", "no-target share", refuses, "no_target", direction="none"),
    )


def gres_scores(target: RLE, no_target: bool, prediction: Prediction, protocol: Protocol) -> Scores:
    """One sample's sufficient statistics.

    Args:
        target: union of the target's instances; empty where there is no target.
        no_target: what the annotation says.
        prediction: any outcome; its masks are united.
        protocol: see the module's table.

    Returns:
        intersection, union, target_area, predicted_area in pixels; iou, iou_targeted 0 to 1;
        no_target, targeted, refused_rightly, answered_rightly, pr70, pr80, pr90 as 0 or 1.
    """
    predicted, inter, either = overlap(target, prediction)
    target_area, predicted_area = rle.area(target), rle.area(predicted)
    refused = prediction.answered and not predicted_area
    if protocol == "standard" and failed(prediction):
        refused = False
    if no_target:
        # a right refusal adds nothing to U: the union of two empty masks
        iou = float(refused)
    elif either == 0:
        iou = 0.0
    else:
        iou = inter / (either + (RELEASED_IOU_EPSILON if protocol == "released" else 0.0))
    scores: Scores = {
        "intersection": inter,
        "union": either,
        "target_area": target_area,
        "predicted_area": predicted_area,
        "iou": iou,
        "iou_targeted": 0.0 if no_target else iou,
        "no_target": int(no_target),
        "targeted": int(not no_target),
        "refused_rightly": int(no_target and refused),
        "answered_rightly": int(not no_target and predicted_area > 0),
    }
    for key, least in PRECISION_THRESHOLDS.items():
        # the epsilon must not turn an IoU that is exactly the threshold into a miss
        scores[key] = int(not no_target and either > 0 and inter / either >= least)
    return scores
