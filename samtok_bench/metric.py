"""What a metric is: per-sample values, and how they become one value of a run or of a resampled run."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from samtok_bench.sample import Scores

Array = NDArray[np.float64]
Aggregate = Literal["ratio", "median", "worst_decile", "collisions", "perplexity", "used", "corpus"]


@dataclass(frozen=True)
class MetricInfo:
    """A metric. Without a unit, values are 0 to 1 in files and 0 to 100 in tables.

    Samples take part by their denominator. Where all are 0 the metric is undefined (None in files, n/a in
    tables).
    """

    id: str
    version: int
    display: str
    direction: Literal["higher", "lower", "none"]
    """Which way is better; `none` for a property of the data."""
    numerator: str
    """Key of the per-sample scores."""
    denominator: str | None
    """Key of the per-sample scores; None counts every sample."""
    source: str
    """Paper or official script."""
    description: str
    epsilon: float = 0.0
    """Added to the denominator's sum, where the source does so."""
    aggregate: Aggregate = "ratio"
    """
    ratio: sum of numerators over sum of denominators
    median: of the numerators
    worst_decile: mean of the lowest tenth of the numerators
    collisions: share of samples whose numerator another sample of the same cluster has too
    perplexity: of the numerators as symbols, exp(entropy): between 1 and the size of the codebook
    used: number of different numerators
    corpus: of all answers together, see `Task.corpus`; the numerator is not looked at
    """
    unit: str = ""
    """Of a value that is no share, as "bits"; tables show such values as they are."""

    @property
    def has_interval(self) -> bool:
        """Whether resampling says something: counts of symbols only shrink when samples are drawn again, and
        what looks at all answers together is too slow to do thousands of times.
        """
        return self.aggregate not in ("perplexity", "used", "corpus")


@dataclass(frozen=True)
class Table:
    """The columns of one metric for N samples in C clusters."""

    top: Array
    """(N,) numerators."""
    bottom: Array
    """(N,) denominators."""
    rows: NDArray[np.int64]
    """(N,) the cluster of each sample, 0 to C - 1."""
    clusters: int
    """C."""


def table(info: MetricInfo, scores: Sequence[Scores], rows: NDArray[np.int64], clusters: int) -> Table:
    """The columns that a metric looks at."""
    count = len(scores)
    top = np.fromiter((s[info.numerator] for s in scores), np.float64, count)
    if info.denominator is None:
        bottom = np.ones(count)
    else:
        bottom = np.fromiter((s[info.denominator] for s in scores), np.float64, count)
    if info.aggregate == "collisions":
        places = list(zip(rows.tolist(), top.tolist(), bottom.tolist(), strict=True))
        seen = Counter(place for place in places if place[2])
        top = np.array([float(seen[place] > 1) for place in places])
    return Table(top, bottom, rows, clusters)


def value(info: MetricInfo, scores: Sequence[Scores], rows: NDArray[np.int64], clusters: int) -> float | None:
    """The metric of samples; None where it is undefined, and for those of the whole corpus."""
    if info.aggregate == "corpus":
        return None
    columns = table(info, scores, rows, clusters)
    if info.aggregate in ("perplexity", "used"):
        symbols = Counter(columns.top[columns.bottom > 0].tolist())
        if not symbols:
            return None
        if info.aggregate == "used":
            return float(len(symbols))
        total = symbols.total()
        return math.exp(-sum(n / total * math.log(n / total) for n in symbols.values()))
    found = float(resampled(info, columns, np.ones((1, clusters)))[0])
    return None if math.isnan(found) else found


def resampled(info: MetricInfo, columns: Table, weights: Array) -> Array:
    """The metric of R resampled runs.

    Args:
        info: with an interval.
        columns: see `table`.
        weights: (R, C), how often each cluster was drawn.

    Returns:
        (R,), nan where a run leaves the metric undefined.
    """
    if info.aggregate in ("ratio", "collisions"):
        top = np.bincount(columns.rows, columns.top, columns.clusters)
        bottom = np.bincount(columns.rows, columns.bottom, columns.clusters)
        return _divided(weights @ top, weights @ bottom, info.epsilon)
    chosen = columns.bottom > 0
    order = np.argsort(columns.top[chosen], kind="stable")
    values = columns.top[chosen][order]  # (M,) ascending
    counts = weights[:, columns.rows[chosen][order]]  # (R, M)
    if not len(values):
        return np.full(len(weights), np.nan)
    upto = np.cumsum(counts, axis=1)
    total = upto[:, -1]
    if info.aggregate == "median":
        middle = [(upto <= place[:, None]).sum(1) for place in ((total - 1) // 2, total // 2)]
        found = sum(values[np.minimum(place, len(values) - 1)] for place in middle) / 2
        return np.where(total > 0, found, np.nan)
    share = total / 10  # the sample on the border counts in part
    taken = np.clip(share[:, None] - (upto - counts), 0, counts)
    return _divided(taken @ values, share, 0.0)


def _divided(top: Array, bottom: Array, epsilon: float) -> Array:
    below = bottom + epsilon
    return np.divide(top, below, out=np.full(len(top), np.nan), where=below > 0)
