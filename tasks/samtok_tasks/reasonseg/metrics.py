"""ReasonSeg: gIoU and cIoU outside of the pixels to be ignored.

Definitions: dvlab-research/LISA, train_ds.py (validate) and utils/utils.py (intersectionAndUnionGPU). Pixels
with the label 255 are taken out of the target and out of the answer, so they are in neither I nor U. An
answer's masks are united and scored at the image's own size.

- gIoU: mean of I / U over samples. It is no generalized IoU of boxes. Where U is 0, target and answer both
  empty, the sample counts 1, unless the answer failed (malformed mask words, cut off before a mask; version 1
  did not look). LISA adds 1e-5 to U, which changes no digit that is printed; here it is 0.
- cIoU: sum I / sum U. On the 200 images of val a few large targets decide it.

A sample without an answer has IoU 0, and its target in U. SAMTok released no script for
ReasonSeg: the protocol `released` only reads mask words as its GRES script does.
"""

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_tasks.answers import failed, overlap

REASONSEG_METRICS = (
    MetricInfo("giou", "gIoU", "mean IoU over all samples; both empty counts 1", "iou", version=2),
    MetricInfo("ciou", "cIoU", "sum I / sum U over all samples", "intersection", "union"),
)
"""Over the scores of `reasonseg_scores`, the primary one first."""


def reasonseg_scores(target: RLE, ignore: RLE | None, prediction: Prediction) -> Scores:
    """One sample's sufficient statistics.

    Args:
        target: has no pixel of `ignore`.
        ignore: of the target's size; None where every pixel counts.
        prediction: any outcome; its masks are united.

    Returns:
        intersection, union in pixels; iou 0 to 1.
    """
    predicted, inter, either = overlap(target, prediction)
    if ignore is not None:
        # the target has none of these pixels, so those of the answer are in U alone
        either -= rle.intersection_union(ignore, predicted)[0]
    iou = inter / either if either else float(not failed(prediction))
    return {"intersection": inter, "union": either, "iou": iou}
