"""Union-mask metrics of generalized referring segmentation (GRES), from exact pixel counts.

Definitions: ReLA's evaluator (henghuiding/ReLA, gres_model/evaluation/refer_evaluation.py) with SAMTok's
rule that an answer without a mask, or whose union is empty, says "no target" (bytedance/Sa2VA,
projects/samtok, gRefCOCO evaluation). Scored at the image's own size.

The protocols differ in three points:

==========================  =====================================  ===================================
point                       standard                               released (SAMTok's script)
==========================  =====================================  ===================================
per-sample IoU              I / U                                  I / (U + 1e-8)
cIoU                        sum I / sum U, undefined where U is 0  sum I / (sum U + 1e-10), 0 there
malformed mask words only,  wrong: a broken mask is no refusal     right: the parser leaves no mask
no target in the image
==========================  =====================================  ===================================

In both, a sample without an answer (model error, unreadable image) counts as wrong everywhere: IoU 0, no
credit in N-acc or T-acc, and the target's area in U. A truncated answer counts as what it holds. The
released script leaves out samples without an answer, divides by zero on a split without no-target samples
(undefined here), and sums in 32-bit integers (exact here).
"""

from typing import Literal

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Protocol

PRECISION_THRESHOLDS = (0.7, 0.8, 0.9)
RELEASED_IOU_EPSILON = 1e-8
RELEASED_CIOU_EPSILON = 1e-10

_SOURCE = "ReLA, refer_evaluation.py (arXiv 2306.00968)"


def gres_metrics(protocol: Protocol) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `gres_scores`, the primary one first."""
    ciou_epsilon = RELEASED_CIOU_EPSILON if protocol == "released" else 0.0
    return (
        _metric("giou", "gIoU", "iou", None, "mean IoU; a no-target sample counts 1 if refused, else 0"),
        _metric("ciou", "cIoU", "intersection", "union", "sum I / sum U over all samples", ciou_epsilon),
        _metric("n_acc", "N-acc", "refused_rightly", "no_target", "share of no-target samples refused"),
        _metric(
            "t_acc", "T-acc", "answered_rightly", "targeted", "share of targeted samples that got any mask"
        ),
        *(
            _metric(
                _precision_key(threshold),
                f"Pr@{threshold}",
                _precision_key(threshold),
                "targeted",
                f"share of targeted samples with IoU >= {threshold}",
            )
            for threshold in PRECISION_THRESHOLDS
        ),
        _metric("miou_targeted", "mIoU targeted", "iou_targeted", "targeted", "mean IoU, targeted samples"),
        _metric(
            "no_target_share",
            "no-target share",
            "no_target",
            None,
            "share of samples without a target: the gIoU of a model that always refuses",
            direction="none",
        ),
    )


def _metric(
    id: str,
    display: str,
    numerator: str,
    denominator: str | None,
    description: str,
    epsilon: float = 0.0,
    direction: Literal["higher", "none"] = "higher",
) -> MetricInfo:
    return MetricInfo(
        id=id,
        version=1,
        display=display,
        direction=direction,
        numerator=numerator,
        denominator=denominator,
        source=_SOURCE,
        description=description,
        epsilon=epsilon,
    )


def _precision_key(threshold: float) -> str:
    return f"pr{round(threshold * 100)}"


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
    height, width = target["size"]
    predicted = rle.union(prediction.masks) if prediction.masks else rle.empty(height, width)
    refused = prediction.answered and rle.is_empty(predicted)
    if protocol == "standard" and prediction.faults:
        refused = False
    inter, either = rle.intersection_union(target, predicted)
    if no_target:
        # a right refusal adds nothing to U: the union of two empty masks
        iou = float(refused)
    elif either == 0:
        iou = 0.0
    else:
        iou = inter / (either + (RELEASED_IOU_EPSILON if protocol == "released" else 0.0))
    has_mask = not rle.is_empty(predicted)
    scores: Scores = {
        "intersection": inter,
        "union": either,
        "target_area": rle.area(target),
        "predicted_area": rle.area(predicted),
        "iou": iou,
        "iou_targeted": 0.0 if no_target else iou,
        "no_target": int(no_target),
        "targeted": int(not no_target),
        "refused_rightly": int(no_target and refused),
        "answered_rightly": int(not no_target and has_mask),
    }
    for threshold in PRECISION_THRESHOLDS:
        # the epsilon must not turn an IoU that is exactly the threshold into a miss
        hit = not no_target and either > 0 and inter / either >= threshold
        scores[_precision_key(threshold)] = int(hit)
    return scores
