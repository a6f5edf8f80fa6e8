"""Intervals for metrics, by a percentile bootstrap that resamples images.

Samples of one image are not independent, so whole clusters are drawn (Field and Welsh 2007, "Bootstrapping
clustered data"). All metrics and both runs of a pair share the same draws.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samtok_bench import metric
from samtok_bench.metric import Array, MetricInfo
from samtok_bench.sample import Scores

RESAMPLES = 10_000
LEVEL = 0.95
_CHUNK_BYTES = 32 << 20


@dataclass(frozen=True)
class Interval:
    """Bounds of a metric, or of a difference, on the metric's own scale."""

    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """A metric in two runs over the same samples."""

    first: float | None
    second: float | None
    interval: Interval | None
    """Of `second - first`; None where either is undefined, or the metric has no interval."""

    @property
    def change(self) -> float | None:
        """`second - first`."""
        return None if self.first is None or self.second is None else self.second - self.first


def numbered(clusters: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Clusters as numbers (N,) in the order in which they first appear, and how many there are."""
    index: dict[str, int] = {}
    rows = np.fromiter((index.setdefault(c, len(index)) for c in clusters), np.int64, len(clusters))
    return rows, len(index)


def draws(count: int, resamples: int, seed: int, width: int = 1) -> Iterator[Array]:
    """Draw clusters with replacement, as many as there are, again and again.

    Args:
        count: C, the number of clusters.
        resamples: B, the number of draws.
        seed: of the generator; equal seeds and counts give equal draws.
        width: numbers that the caller keeps for each draw, which bounds how many come at once.

    Yields:
        (R, C), how often each cluster was drawn in each of the next R draws; B rows in all.
    """
    rng = np.random.default_rng(seed)
    chunk = max(1, min(resamples, _CHUNK_BYTES // (16 * max(count, width))))
    for start in range(0, resamples, chunk):
        rows = min(chunk, resamples - start)
        drawn = rng.integers(0, count, size=(rows, count), dtype=np.int64)
        drawn += np.arange(rows)[:, None] * count
        weights = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        yield weights.astype(np.float64)


def bootstrap(
    metrics: Sequence[MetricInfo],
    runs: Sequence[Sequence[Scores]],
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, list[Array]]:
    """Every metric of every run in all draws.

    Args:
        metrics: those without an interval are left out.
        runs: scores of the same samples in the same order.
        clusters: of these samples.

    Returns:
        metric id -> for each run (B,); nan where a draw leaves the metric undefined. A metric that fewer than
        two clusters inform in some run is left out: nothing can be said about it.
    """
    rows, count = numbered(clusters)
    tables = {}
    for info in metrics:
        if info.has_interval:
            columns = [metric.table(info, scores, rows, count) for scores in runs]
            if all(len(np.unique(rows[one.bottom > 0])) > 1 for one in columns):
                tables[info.id] = (info, columns)
    found: dict[str, list[list[Array]]] = {id: [[] for _ in runs] for id in tables}
    if tables:
        for weights in draws(count, resamples, seed, width=len(clusters)):
            for id, (info, columns) in tables.items():
                for place, one in enumerate(columns):
                    found[id][place].append(metric.resampled(info, one, weights))
    return {id: [np.concatenate(parts) for parts in values] for id, values in found.items()}


def intervals(
    metrics: Sequence[MetricInfo],
    scores: Sequence[Scores],
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """Percentile intervals of every metric by id; None where there is none (see `bootstrap`).

    Draws in which a metric is undefined are left out of its percentiles.
    """
    found = bootstrap(metrics, [scores], clusters, resamples=resamples, seed=seed)
    return {info.id: percentiles(found[info.id][0], level) if info.id in found else None for info in metrics}


def paired(
    metrics: Sequence[MetricInfo],
    first: Sequence[Scores],
    second: Sequence[Scores],
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> dict[str, Difference]:
    """Every metric of two runs over the same samples in the same order, by id, with their difference."""
    rows, count = numbered(clusters)
    found = bootstrap(metrics, [first, second], clusters, resamples=resamples, seed=seed)
    return {
        info.id: Difference(
            metric.value(info, first, rows, count),
            metric.value(info, second, rows, count),
            percentiles(found[info.id][1] - found[info.id][0], level) if info.id in found else None,
        )
        for info in metrics
    }


def percentiles(drawn: Array, level: float = LEVEL) -> Interval | None:
    """The middle share `level` of the defined values; None where none is."""
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high))
