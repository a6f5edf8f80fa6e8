"""Referring segmentation of one object: RefCOCO, RefCOCO+ and RefCOCOg.

Every sentence is one sample (LAVT's test.py, LISA's validation). An answer's masks are united and scored at
the image's own size. Three numbers go by similar names in papers:

- **cIoU**, also overall IoU, oIoU (LAVT): sum I / sum U over all sentences. Large objects weigh more.
- **mIoU** (CRIS): mean of the sentences' IoU.
- What SAMTok's script prints as "RES CIoU" is no cumulative IoU: it is a mean of IoU too, over different
  expressions, where an expression is an image with a text. Of several samples of one expression (two
  objects that are called the same) the best IoU counts for the mask and the last one for the box. The figure
  that papers report takes VLM-R1's list of expressions instead, which weighs those that it has several times
  and counts those that are not among the samples as 0.

The protocols have cIoU, mIoU and Pr@X in common; `released` adds the script's own figures, and takes its
boxes:

==============  =============================================  ==========================================
point           standard                                       released (SAMTok's script, after PaDT's)
==============  =============================================  ==========================================
answer          all masks of the answer                        the last code of each level: one mask
box of a mask   around its pixels                              first to last column and row, one pixel less
==============  =============================================  ==========================================

In both the boxes come from masks, of the target as of the answer; REC tables of detectors take the annotated
box of the target. A sample without an answer has IoU 0 and its target's area in U. Where target and answer
are both empty the IoU is 0 (LAVT, SAMTok; LISA counts 1).
"""

from collections.abc import Sequence

from samtok_bench.aggregate import Corpus
from samtok_bench.measures.boxes import box_iou, inclusive_box, pixel_box
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Protocol
from samtok_tasks.answers import overlap

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
REC_THRESHOLD = 0.5

Expression = tuple[str, str]
"""An image's number and a text about it."""

_SCRIPT = "bytedance/Sa2VA, projects/samtok, RefCOCO evaluation (after PaDT, eval_refcoco.py)"
_ABSENT = "absent ones are 0; undefined without the list"


def referring_metrics(protocol: Protocol, second_list: bool) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `referring_scores`, the primary one first.

    Args:
        protocol: see the module's table.
        second_list: with the figures over VLM-R1's list; in `released` only.
    """
    boxed = "share of sentences where the masks' boxes have IoU >= 0.5"
    common = (
        MetricInfo("ciou", "cIoU", "sum I / sum U over all sentences", "intersection", "union"),
        MetricInfo("miou", "mIoU", "mean IoU over all sentences", "iou"),
        *(MetricInfo(_key(t), f"Pr@{t}", f"share of sentences with IoU >= {t}") for t in THRESHOLDS),
        MetricInfo("rec50", "REC Acc@0.5", boxed),
    )
    figures = (
        ("script_ciou", '"CIoU"', "mean over expressions of the best IoU: the script's RES CIoU"),
        ("script_ap50", '"REC AP_50"', "share of expressions whose last box has IoU >= 0.5"),
        ("vlm_r1_ciou", '"CIoU" on VLM-R1', f"the script's RES CIoU over VLM-R1's list; {_ABSENT}"),
        ("vlm_r1_ap50", '"REC AP_50" on VLM-R1', f"the script's REC AP_50 over that list; {_ABSENT}"),
    )
    count = (4 if second_list else 2) if protocol == "released" else 0
    script = (MetricInfo(*figure, source=_SCRIPT, aggregate=Corpus()) for figure in figures[:count])
    return (*common, *script)


def _key(threshold: float) -> str:
    return f"pr{round(threshold * 100)}"


def referring_scores(target: RLE, prediction: Prediction, protocol: Protocol) -> Scores:
    """One sentence's sufficient statistics.

    Args:
        target: the object.
        prediction: any outcome; its masks are united.
        protocol: see the module's table.

    Returns:
        intersection, union in pixels; iou, box_iou 0 to 1; pr50 to pr90, rec50 as 0 or 1.
    """
    predicted, inter, either = overlap(target, prediction)
    iou = inter / either if either else 0.0
    box_of = inclusive_box if protocol == "released" else pixel_box
    boxes = box_iou(box_of(target), box_of(predicted))
    return {
        "intersection": inter,
        "union": either,
        "iou": iou,
        **{_key(t): int(iou >= t) for t in THRESHOLDS},
        "box_iou": boxes,
        "rec50": int(boxes >= REC_THRESHOLD),
    }


def script_figures(
    expressions: Sequence[Expression], scores: Sequence[Scores], second: Sequence[Expression] | None
) -> dict[str, float | None]:
    """What SAMTok's script prints, by id of the metric.

    Args:
        expressions: of each sample, in the order of the file (the script takes any order).
        scores: of `referring_scores` in the protocol `released`, one per sample.
        second: VLM-R1's list; None if there is none.
    """
    ious: dict[Expression, float] = {}
    boxes: dict[Expression, float] = {}
    for expression, score in zip(expressions, scores, strict=True):
        ious[expression] = max(score["iou"], ious.get(expression, 0.0))
        boxes[expression] = score["box_iou"]
    found: dict[str, float | None] = {}
    for name, listed in (("script", list(ious)), ("vlm_r1", second or [])):
        count = len(listed)
        hits = sum(boxes.get(expression, 0.0) >= REC_THRESHOLD for expression in listed)
        total = sum(ious.get(expression, 0.0) for expression in listed)
        found[f"{name}_ciou"] = total / count if count else None
        found[f"{name}_ap50"] = hits / count if count else None
    return found
