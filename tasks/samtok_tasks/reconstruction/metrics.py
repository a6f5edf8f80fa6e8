"""Mask reconstruction: how much of a mask is left after a codec, and what the code costs.

IoU and boundary IoU are at the image's own size, one value a mask. A mask without an answer counts 0 in every
mean and share. `bits` and `tokens` are means over the masks that were coded.

Protocols: `standard` gives all metrics. `released` gives the one of SAMTok's ablation, "rMaskIoU": the plain
mean of the IoU of each mask, decoded with its own box, bilinear, logit > 0.5 (their reconstruction script on
EntitySeg val). Both take the same IoU; the script has no rule for a mask that is lost.
"""

from samtok_bench import rle
from samtok_bench.measures.boundary import boundary_intersection_union
from samtok_bench.metric import Aggregate, MetricInfo
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Protocol

THRESHOLDS = (0.5, 0.75, 0.9)
CODEBOOKS = 2
"""Codebooks that are told apart: as many as a mask has words."""


def reconstruction_metrics(protocol: Protocol) -> tuple[MetricInfo, ...]:
    """Metrics over the scores of `reconstruction_scores`, the primary one first."""
    if protocol == "released":
        return (_metric("mean_iou", "rMaskIoU", "iou", "mean IoU over masks"),)
    return (
        _metric("mean_iou", "mean IoU", "iou", "mean IoU over masks"),
        _metric(
            "boundary_iou",
            "boundary IoU",
            "biou",
            "mean IoU of the bands along the outline, 2 % of the diagonal",
        ),
        *(
            _metric(_key(t), f"IoU >= {t}", _key(t), f"share of masks with an IoU of {t} or more")
            for t in THRESHOLDS
        ),
        _metric("median_iou", "median IoU", "iou", "median IoU over masks", aggregate="median"),
        _metric(
            "worst_decile", "worst decile", "iou", "mean IoU of the worst tenth", aggregate="worst_decile"
        ),
        _cost("bits", "bits a mask", "bits", "mean length of the code, without entropy coding"),
        _cost("tokens", "tokens a mask", "tokens", "mean number of a language model's words"),
        *(
            metric
            for level in range(1, CODEBOOKS + 1)
            for metric in (
                _usage(f"perplexity_{level}", f"perplexity of codebook {level}", level, "perplexity"),
                _usage(f"used_{level}", f"codes used of codebook {level}", level, "used"),
            )
        ),
        MetricInfo(
            "collisions",
            1,
            "code collisions",
            "none",
            "code",
            "coded_1",
            _SOURCE,
            "share of masks whose code another mask of the image has too",
            aggregate="collisions",
        ),
    )


_SOURCE = "SAMTok, arXiv 2601.16093, tokenizer ablation; boundary IoU: arXiv 2103.16562"


def _metric(
    id: str, display: str, numerator: str, description: str, aggregate: Aggregate = "ratio"
) -> MetricInfo:
    return MetricInfo(id, 1, display, "higher", numerator, None, _SOURCE, description, aggregate=aggregate)


def _cost(id: str, display: str, numerator: str, description: str) -> MetricInfo:
    return MetricInfo(id, 1, display, "lower", numerator, "coded", _SOURCE, description, unit=id)


def _usage(id: str, display: str, level: int, aggregate: Aggregate) -> MetricInfo:
    meaning = "exp(entropy) of the codes" if aggregate == "perplexity" else "number of different codes"
    # a code that is never used is wasted; where many masks share few codes the words tell little
    return MetricInfo(
        id, 1, display, "higher", f"code_{level}", f"coded_{level}", _SOURCE, meaning,
        aggregate=aggregate, unit="codes",
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
    masks = prediction.masks
    predicted = rle.union(masks) if masks else rle.empty(*target["size"])
    inter, either = rle.intersection_union(target, predicted)
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
