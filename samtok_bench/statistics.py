"""Intervals for ratios of sums, by a percentile bootstrap that resamples images.

Expressions on one image are not independent, so whole clusters are drawn (Field and Welsh 2007,
"Bootstrapping clustered data"). All metrics share the same draws, which makes paired differences possible.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samtok_bench.sample import Scores
from samtok_bench.task import MetricInfo

RESAMPLES = 10_000
LEVEL = 0.95
_CHUNK_BYTES = 32 << 20

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Bounds of a metric, 0 to 1."""

    low: float
    high: float


def cluster_sums(values: Array, clusters: Sequence[str]) -> Array:
    """Add up the rows of each cluster.

    Args:
        values: (N, K), one row a sample.
        clusters: N names.

    Returns:
        (C, K) in the order in which clusters first appear.
    """
    index: dict[str, int] = {}
    rows = np.fromiter((index.setdefault(c, len(index)) for c in clusters), np.int64, len(clusters))
    sums = np.zeros((len(index), values.shape[1]))
    np.add.at(sums, rows, values)
    return sums


def resampled_sums(sums: Array, resamples: int, seed: int) -> Array:
    """Draw clusters with replacement, as many as there are, and add them up.

    Args:
        sums: (C, K) per cluster.
        resamples: B, the number of draws.
        seed: of the generator; equal seeds and C give equal draws.

    Returns:
        (B, K).
    """
    count = len(sums)
    rng = np.random.default_rng(seed)
    out = np.empty((resamples, sums.shape[1]))
    chunk = max(1, min(resamples, _CHUNK_BYTES // (16 * count)))
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        drawn = rng.integers(0, count, size=(rows, count), dtype=np.int64)
        drawn += np.arange(rows)[:, None] * count
        # how often each cluster was drawn: (rows, C); one product then sums every metric at once
        weights = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        out[start : start + rows] = weights.astype(np.float64) @ sums
    return out


def intervals(
    metrics: Sequence[MetricInfo],
    scores: Sequence[Scores],
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """Percentile intervals of every metric by id.

    None where the metric is undefined or where fewer than two clusters inform it. Draws in which a
    denominator is 0 are left out of that metric's percentiles.
    """
    if not scores:
        return {info.id: None for info in metrics}
    tops = np.array([[s[info.numerator] for info in metrics] for s in scores], dtype=np.float64)
    bottoms = np.array(
        [[1.0 if info.denominator is None else s[info.denominator] for info in metrics] for s in scores],
        dtype=np.float64,
    )
    sums = cluster_sums(np.hstack([tops, bottoms]), clusters)
    drawn = resampled_sums(sums, resamples, seed)
    tail = (1 - level) / 2
    bounds: dict[str, Interval | None] = {}
    for k, info in enumerate(metrics):
        top, bottom = drawn[:, k], drawn[:, len(metrics) + k]
        defined = bottom > 0
        if np.count_nonzero(sums[:, len(metrics) + k]) < 2 or not defined.any():
            bounds[info.id] = None
            continue
        ratios = top[defined] / (bottom[defined] + info.epsilon)
        low, high = np.quantile(ratios, [tail, 1 - tail])
        bounds[info.id] = Interval(float(low), float(high))
    return bounds
