"""Mask reconstruction: how much of a mask is left after a codec, and what the code costs.

IoU and boundary IoU are at the image's own size, one value per mask. A mask without an answer counts 0 in
every mean and share. `bits` and `tokens` are means over the masks that were coded.

Protocols: `standard` gives all metrics. `released` gives the one of SAMTok's ablation, "rMaskIoU": the plain
mean of the IoU of each mask, decoded with its own box, bilinear, logit > 0.5 (their reconstruction script on
EntitySeg val). Both take the same IoU; the script has no rule for a mask that is lost.
"""

from samtok_bench import rle
from samtok_bench.aggregate import Collisions, Median, Perplexity, Used, WorstDecile
from samtok_bench.measures.boundary import boundary_intersection_union
from samtok_bench.metric import MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Protocol
from samtok_tasks.answers import overlap

THRESHOLDS = (0.5, 0.75, 0.9)
CODEBOOKS = 2
"""Codebooks that are told apart: as many as a mask has words."""
_OF_A_CODEBOOK = (
    ("perplexity", "perplexity", "exp(entropy) of the codes", Perplexity()),
    # a code that is never used is wasted; where many masks share few codes the words tell little
    ("used", "codes used", "number of different codes", Used()),
)


def reconstruction_metrics(protocol: Protocol) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `reconstruction_scores`, the primary one first."""
    mean = "mean IoU over masks"
    if protocol == "released":
        return (MetricInfo("mean_iou", "rMaskIoU", mean, "iou"),)
    band = "mean IoU of the bands along the outline, 2 % of the diagonal"
    worst = "mean IoU of the worst tenth"
    bits = "mean length of the code, without entropy coding"
    words = "mean number of a language model's words"
    shared = "share of masks whose code another mask of the image has too"
    return (
        MetricInfo("mean_iou", "mean IoU", mean, "iou"),
        MetricInfo("boundary_iou", "boundary IoU", band, "biou"),
        *(
            MetricInfo(_key(t), f"IoU >= {t}", f"share of masks with an IoU of {t} or more")
            for t in THRESHOLDS
        ),
        MetricInfo("median_iou", "median IoU", "median IoU over masks", "iou", aggregate=Median()),
        MetricInfo("worst_decile", "worst decile", worst, "iou", aggregate=WorstDecile()),
        MetricInfo("bits", "bits a mask", bits, "bits", "coded", direction="lower", unit="bits"),
        MetricInfo("tokens", "tokens a mask", words, "tokens", "coded", direction="lower", unit="tokens"),
        *(
            MetricInfo(
                f"{id}_{level}", f"{display} of codebook {level}", meaning, f"code_{level}",
                f"coded_{level}", unit="codes", aggregate=aggregate,
            )
            for level in range(1, CODEBOOKS + 1)
            for id, display, meaning, aggregate in _OF_A_CODEBOOK
        ),
        MetricInfo(
            "collisions", "code collisions", shared, "code", "coded_1", direction="none",
            aggregate=Collisions(),
        ),
    )  # fmt: skip


def _key(threshold: float) -> str:
    return f"iou{round(threshold * 100)}"


def reconstruction_scores(target: RLE, prediction: Prediction) -> Scores:
    """One mask's values.

    Args:
        target: not empty.
        prediction: any outcome; its masks are united.

    Returns:
        iou, biou 0 to 1; iou50, iou75, iou90, coded, coded_1, coded_2 as 0 or 1; intersection, union, area in
        pixels; bits, tokens; code_1, code_2, indices in the codebooks; code, a number that only equal codes
        share.
    """
    predicted, inter, either = overlap(target, prediction)
    iou, biou = inter / either, 0.0
    if inter:
        band, bands = boundary_intersection_union(rle.decode(target), rle.decode(predicted))
        biou = band / bands
    code = prediction.codes[0] if prediction.codes else None
    symbols = code.symbols if code else ()
    scores: Scores = {
        "intersection": inter,
        "union": either,
        "area": rle.area(target),
        "iou": iou,
        "biou": biou,
        **{_key(t): int(iou >= t) for t in THRESHOLDS},
        "coded": int(code is not None),
        "bits": code.bits if code else 0,
        "tokens": code.tokens if code else 0,
        "code": 0,
    }
    for level in range(CODEBOOKS):
        there = level < len(symbols)
        scores[f"coded_{level + 1}"] = int(there)
        scores[f"code_{level + 1}"] = symbols[level] if there else 0
        if there:
            scores["code"] = scores["code"] * 65536 + symbols[level]
    return scores
