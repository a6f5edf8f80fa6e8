"""MMR: gIoU and cIoU over the masks of a question's answer.

Definitions: jdg900/MMR, train_ds.py (validate), which is LISA's with several masks. There the model does not
answer freely: it is given the true answer's text, which names the objects and has a place for each mask, so
that the i-th mask of the answer is the i-th target. Here it answers freely, and its masks are paired in order
with the targets. A target without a mask has IoU 0 and its pixels in U; masks beyond the targets are counted
("surplus") and are in neither figure, as in the official sums. So published figures, whose models were told
how many masks there are and in which order, are easier to reach than ours.

Beside them stand gIoU and cIoU of the united masks of a question, as the copies of MMR on the hub are scored.
"""

from collections.abc import Sequence

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_tasks.answers import overlap

MMR_METRICS = (
    MetricInfo("giou", "gIoU", "mean IoU over target masks, paired in order", "iou_sum", "targets"),
    MetricInfo("ciou", "cIoU", "sum I / sum U over the same pairs", "intersection", "union"),
    MetricInfo("giou_united", "gIoU united", "mean over questions of the IoU of united masks", "iou_united"),
    MetricInfo("ciou_united", "cIoU united", "sum I / sum U of united masks", "i_united", "u_united"),
    MetricInfo("surplus", "surplus", "masks beyond the targets, a question", direction="lower", unit="masks"),
)
"""Over the scores of `mmr_scores`, the primary one first."""


def mmr_scores(targets: Sequence[RLE], prediction: Prediction) -> Scores:
    """One question's sufficient statistics.

    Args:
        targets: at least one, none empty, in the order of the answer.
        prediction: any outcome; its masks are in reading order.

    Returns:
        targets, their number; iou_sum, 0 to that; iou_united, 0 to 1; intersection, union, i_united, u_united
        in pixels; surplus, a number of masks.
    """
    masks = [*prediction.masks, *[rle.empty(*targets[0]["size"])] * len(targets)]
    pairs = [rle.intersection_union(*pair) for pair in zip(targets, masks, strict=False)]
    _, inter, either = overlap(rle.union(targets), prediction)
    return {
        "targets": len(targets),
        "iou_sum": sum(i / u for i, u in pairs),
        "intersection": sum(i for i, _ in pairs),
        "union": sum(u for _, u in pairs),
        "iou_united": inter / either,
        "i_united": inter,
        "u_united": either,
        "surplus": max(0, len(prediction.masks) - len(targets)),
    }
