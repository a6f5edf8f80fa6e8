"""GroundingSuite-Eval (GSEval): masks by mean IoU, boxes by accuracy.

Definitions: hustvl/GroundingSuite, evaluate_grounding.py. An answer's masks are united; its box is that of
the union, the target's box is the file's own (a little off its mask: the masks themselves, as answers, have
a box accuracy of 99.7 on the official file). "All" is over samples, not over classes.

The official scorer leaves out samples whose image file or answer is missing, for masks those without a mask
too; for boxes an answer without a box is wrong, and the classes' denominators keep what the total leaves out.
Here every sample stays in every denominator, in both protocols: what has no mask has IoU 0 and no hit. On a
run that answers everything the two agree.

The protocols differ in two points:

==============  =================================  =========================================================
point           standard                           released (SAMTok's script)
==============  =================================  =========================================================
answer          well-formed mask words             codes paired without regard to groups, odd ones repaired
box of a mask   around its pixels                  first to last column and row, one pixel less; 0 0 0 0
                                                   where there is no mask
==============  =================================  =========================================================

SAMTok's script computes no metric; it writes the box as a list in a list, which the official scorer cannot
read. Here it is read as the four numbers.
"""

from samtok_bench.measures.boxes import Box, box_iou, inclusive_box, pixel_box
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Protocol
from samtok_tasks.answers import overlap
from samtok_tasks.grounding_suite.reader import CLASSES

BOX_THRESHOLD = 0.5


_NAMES = tuple(CLASSES.values())
GROUNDING_METRICS = (
    MetricInfo("giou", "gIoU", "mean IoU over all samples", "iou"),
    *(MetricInfo(f"giou_{c}", f"gIoU {c}", f"mean IoU, {c} only", f"iou_{c}", c) for c in _NAMES),
    MetricInfo("box50", "box Acc@0.5", f"share of samples with box IoU >= {BOX_THRESHOLD}"),
    *(MetricInfo(f"box50_{c}", f"box {c}", f"the same, {c} only", f"box50_{c}", c) for c in _NAMES),
)
"""Over the scores of `grounding_scores`, the primary one first."""


def grounding_scores(kind: str, target: RLE, box: Box, prediction: Prediction, protocol: Protocol) -> Scores:
    """One sample's sufficient statistics.

    Args:
        kind: the name of its class, see CLASSES.
        target: its mask.
        box: its box as the file has it, pixels.
        prediction: any outcome; its masks are united.
        protocol: see the module's table.

    Returns:
        intersection, union in pixels; iou 0 to 1; box50 as 0 or 1; for each class whether the sample is of
        it, and iou and box50 again, 0 in all other classes.
    """
    predicted, inter, either = overlap(target, prediction)
    iou = inter / either if either else 0.0
    answered = inclusive_box(predicted) if protocol == "released" else pixel_box(predicted)
    hit = int(box_iou(box, answered) >= BOX_THRESHOLD)
    scores: Scores = {"intersection": inter, "union": either, "iou": iou, "box50": hit}
    for name in _NAMES:
        same = int(name == kind)
        scores |= {name: same, f"iou_{name}": iou * same, f"box50_{name}": hit * same}
    return scores
