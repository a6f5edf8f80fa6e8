"""IoU with the largest object."""

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores

METRICS = (MetricInfo("miou", "mIoU", "mean IoU", "iou"),)


def largest_scores(target: RLE, prediction: Prediction) -> Scores:
    """`iou`, 0 to 1, of the union of all answered masks."""
    inter, union = rle.intersection_union(target, rle.union([*prediction.masks, rle.empty(*target["size"])]))
    return {"iou": inter / union}
