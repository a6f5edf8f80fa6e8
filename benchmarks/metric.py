"""What the GRES metric costs on run lengths beside dense arrays.

Pairs of target and answer; both ways read the answer from its JSON form, as a journal
or a file of predictions has it, and give intersection, union and IoU:

- ours: check the run lengths, then pycocotools on run lengths (samtok_tasks.gres.metrics)
- dense: decode both masks with pycocotools and count pixels with numpy, as evaluation scripts do

    python benchmarks/metric.py [--pairs 10000] [--size 640 480] [--rounds 3]
"""

import argparse
import json

import numpy as np
from pycocotools import mask as coco
from timing import Work, side_by_side, tell

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction
from samtok_tasks.gres.metrics import gres_scores


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    height, width = options.size
    ours, dense = metrics(pairs(options.pairs, height, width))
    row = side_by_side(ours, dense, options.rounds)
    tell({f"GRES metric, {options.pairs} pairs of {height} x {width}": row})


def pairs(count: int, height: int, width: int) -> list[tuple[RLE, str]]:
    """Targets, and answers as JSON: an ellipse with a wavy edge, and the same somewhat elsewhere."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    different = [_blob(y, x, *rng.random(4)) for _ in range(min(count, 64))]
    return [
        (different[k % len(different)], json.dumps(different[(k + 1 + k // 64) % len(different)]))
        for k in range(count)
    ]


def _blob(y: np.ndarray, x: np.ndarray, *place: float) -> RLE:
    height, width = y.shape
    across, down, waves, angle = place
    dy, dx = y / height - 0.3 - 0.4 * down, x / width - 0.3 - 0.4 * across
    edge = 0.2 + 0.05 * np.sin((3 + int(8 * waves)) * np.arctan2(dy, dx) + 6 * angle)
    return rle.encode(np.hypot(dy, dx) < edge)


def metrics(given: list[tuple[RLE, str]]) -> tuple[Work, Work]:
    """Both ways."""

    def ours() -> list[float]:
        return [
            gres_scores(target, False, Prediction(masks=(rle.validate(json.loads(answer)),)), "standard")[
                "iou"
            ]
            for target, answer in given
        ]

    def dense() -> list[float]:
        return [_dense_iou(target, json.loads(answer)) for target, answer in given]

    assert np.allclose(ours(), dense(), rtol=0, atol=1e-12)
    return ours, dense


def _dense_iou(target: RLE, answer: RLE) -> float:
    first, second = coco.decode(target).astype(bool), coco.decode(answer).astype(bool)
    return float((first & second).sum() / (first | second).sum())


if __name__ == "__main__":
    main()
