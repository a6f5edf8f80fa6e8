"""Codecs against figures that others measured on the same masks, and their words against Qwen's vocabulary.

All 3,715 masks of GroundingSuite-Eval go through each codec without weights; the mean IoU and the mean bits
must be those of an independent implementation to within 0.3 points and 1 %.

    python benchmarks/codecs.py GROUNDING-SUITE [--every 1] [--vocabulary qwen.tiktoken]

SeqTR's figures were measured in another manner than its code's, and are compared in that manner: points at
equal distances along the outline instead of every k-th of its pixels, painted with the outline.

With `--vocabulary`, Qwen's merges in tiktoken's form (the package dashscope has them), each text is also cut
into words by them, and their number must be what the codec says it is.
"""

import argparse
import base64
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import regex
from timing import tell

from samtok_bench import registry, rle
from samtok_bench.codec import Codec
from samtok_bench.codecs.polygon import contours, filled
from samtok_bench.codecs.seqtr import SeqTRCodec
from samtok_bench.predictor import PredictorOptions
from samtok_bench.rle import RLE
from samtok_bench.task import Generation
from samtok_tasks.reconstruction.data_formats import read_masks

REFERENCE: dict[str, tuple[float, float]] = {
    "text4seg16": (60.67, 256),
    "text4seg24": (69.61, 576),
    "text4seg32": (75.07, 1024),
    "text4seg64": (85.34, 4096),
    "grid16": (58.83, 256),
    "grid32": (75.34, 1024),
    "boxgrid8": (84.20, 104),
    "boxgrid12": (88.60, 184),
    "boxgrid16": (91.09, 296),
    "boxgrid28": (94.74, 824),
    "boxgrid64": (97.88, 4136),
    "dct64-step8": (88.40, 158),
    "dct100-step4": (92.42, 265),
    "dct300-step8": (89.87, 399),
    "dct300-step4": (94.21, 491),
    "dct300-step2": (96.07, 679),
    "simpleseg": (94.52, 13355),
    "simpleseg2": (94.18, 7921),
    "simpleseg5": (92.74, 4098),
    "simpleseg10": (89.91, 2675),
    "seqtr12": (79.90, 239),
    "seqtr18": (84.38, 359),
    "seqtr32": (87.99, 638),
}
"""Mean IoU in percent and mean bits on all 3,715 masks, by an implementation of others."""
JUDGED = "grounding-suite"
"""The data that REFERENCE is of."""
NEAR, NEAR_BITS = 0.3, 0.01
"""Points of IoU, and a share of the bits."""
IN_PLAIN_TEXT = ("text4seg", "grid", "simpleseg", "rle-text")
"""Codecs whose every word is one of the vocabulary, none being added for them."""
# Qwen2Tokenizer's rule, before words are looked for
PIECES = regex.compile(
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def main() -> None:
    """Print a line for each codec; exit with 1 if a figure is another one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--data", default=JUDGED, help="another format of the reconstruction task; unjudged")
    parser.add_argument(
        "--every", type=int, default=1, help="only every so many masks, for a glance; nothing is judged"
    )
    parser.add_argument("--codec", action="append", help="without weights; by default those of REFERENCE")
    parser.add_argument("--vocabulary", type=Path)
    options = parser.parse_args()
    judged = options.every == 1 and options.data == JUDGED
    masks = [mask.mask for mask in read_masks(options.data, options.root, "all").masks][:: options.every]
    count = words_of(options.vocabulary) if options.vocabulary else None
    rows, wrong = {}, []
    for name in options.codec or REFERENCE:
        began = time.perf_counter()
        row = measured(name, masks, count)
        rows[name] = row | {"seconds": time.perf_counter() - began}
        if judged and name in REFERENCE and not agrees(row, *REFERENCE[name]):
            wrong.append(f"{name}: IoU {REFERENCE[name][0]} and {REFERENCE[name][1]} bits there")
        if row.get("vocabulary", row["tokens"]) != row["tokens"]:
            wrong.append(f"{name}: the vocabulary says {row['vocabulary']} words")
    tell(rows)
    if wrong:
        sys.exit("\n".join(wrong))


def agrees(row: dict[str, float], iou: float, bits: float) -> bool:
    """Whether a row has a reference's IoU and bits; another manner also has other bits."""
    if "iou_their_manner" in row:
        return abs(row["iou_their_manner"] - iou) <= NEAR
    return abs(row["iou"] - iou) <= NEAR and abs(row["bits"] / bits - 1) <= NEAR_BITS


def measured(name: str, masks: Sequence[RLE], count: Callable[[str], int] | None = None) -> dict[str, float]:
    """Means over masks: IoU in percent, bits, tokens, and with `count` the words that it finds.

    Args:
        name: a codec without weights.
        masks: none empty.
        count: the number of words of a text.
    """
    kind, argument = registry.codec_class(name)
    codec = kind(argument, PredictorOptions(Generation(0), device="cpu"))
    family = registry.codec_name(name)[0]
    sums = dict.fromkeys(("iou", "bits", "tokens"), 0.0)
    sums |= {"vocabulary": 0.0} if count and family in IN_PLAIN_TEXT else {}
    sums |= {"iou_their_manner": 0.0} if isinstance(codec, SeqTRCodec) else {}
    for mask in masks:
        symbols, back = through(codec, mask)
        sums["iou"] += percent(mask, back)
        if isinstance(codec, SeqTRCodec):
            sums["iou_their_manner"] += percent(mask, at_equal_distances(mask, codec.points))
        sums["bits"] += codec.bits(symbols)
        sums["tokens"] += codec.tokens(symbols)
        if count and "vocabulary" in sums:
            sums["vocabulary"] += count(codec.text(symbols))
    return {key: value / len(masks) for key, value in sums.items()}


def percent(mask: RLE, other: RLE) -> float:
    """The IoU."""
    inter, union = rle.intersection_union(mask, other)
    return 100 * inter / union


def at_equal_distances(mask: RLE, points: int) -> RLE:
    """What is left of the largest outline by so many points at equal distances along it."""
    largest = max(contours(rle.decode(mask), cv2.RETR_EXTERNAL), key=cv2.contourArea)
    ring = np.vstack([largest, largest[:1]])
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(ring, axis=0).T))])
    places = np.arange(points) * along[-1] / points
    chosen = np.stack([np.interp(places, along, axis) for axis in ring.T], 1)
    size = np.array(mask["size"][::-1])
    return filled([np.round((chosen + 0.5) / size * 999) / 999 * size], *mask["size"])


def through(codec: Codec, mask: RLE) -> tuple[tuple[int, ...], RLE]:
    """The symbols of a mask, and what they stand for."""
    size = (mask["size"][0], mask["size"][1])
    (symbols,) = codec.encode(size, [mask])
    (back,) = codec.decode(size, [symbols])
    return symbols, back


def words_of(path: Path) -> Callable[[str], int]:
    """What counts the words of a text by merges in tiktoken's form: a line each, base64 and rank."""
    lines = (line.split() for line in path.read_bytes().splitlines())
    ranks = {base64.b64decode(word): int(rank) for word, rank in lines}

    @cache
    def merged(piece: bytes) -> int:
        parts = [piece[place : place + 1] for place in range(len(piece))]
        while pairs := [(ranks[a + b], k) for k, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]:
            at = min(pairs)[1]
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return len(parts)

    return lambda text: sum(merged(piece.encode()) for piece in PIECES.findall(text))


if __name__ == "__main__":
    main()
