"""Intervals for metrics, by a percentile bootstrap that resamples images, and tests of two runs.

Samples of one image are not independent, so whole clusters are drawn (Field and Welsh 2007, "Bootstrapping
clustered data"). All metrics, both runs of a pair and all groups of samples share the same draws: of one seed
and one set of clusters there is one interval. Tests let whole clusters change sides, for the same reason.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samtok_bench.aggregate import Array, Table
from samtok_bench.metric import Columns, MetricInfo, Scored, columns_of, numbered, values

RESAMPLES = 10_000
PERMUTATIONS = 10_000
FEWEST_CLUSTERS = 10
"""What a group of samples needs for an interval: of fewer, the percentiles are mostly too narrow."""
LEVEL = 0.95
_TIE = 1e-10
"""Relative to the values, what the order of additions may add to a difference."""
_CHUNK_BYTES = 32 << 20
_BLOCK = 1 << 16
"""Clusters that are drawn and counted at once: what the processor's cache holds."""


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
    for start, end in _chunks(resamples, max(count, width)):
        weights = np.empty((end - start, count))
        few = max(1, _BLOCK // count)
        for block in (weights[k : k + few] for k in range(0, len(weights), few)):
            drawn = rng.integers(0, count, size=block.shape, dtype=np.int64)
            drawn += np.arange(len(block))[:, None] * count
            block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
        yield weights


def _chunks(rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Ranges (start, end) of rows of which one chunk takes a bounded memory, `width` numbers a row."""
    chunk = max(1, min(rows, _CHUNK_BYTES // (16 * width)))
    return ((start, min(start + chunk, rows)) for start in range(0, rows, chunk))


def bootstrap(
    metrics: Sequence[MetricInfo],
    runs: Sequence[Scored],
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, list[Array]]:
    """Every metric of every run in all draws.

    Args:
        metrics: those without an interval are left out.
        runs: scores of the same samples in the same order.

    Returns:
        metric id -> for each run (B,); nan where a draw leaves the metric undefined. A metric that fewer than
        two clusters inform in some run is left out: nothing can be said about it.
    """
    rows, count = numbered(clusters)
    parts = [_Part(info, tables) for info, tables in _informed(metrics, runs, rows, count).values()]
    drawn = _resampled(parts, count, len(clusters), resamples, seed)
    return {part.info.id: values for part, values in zip(parts, drawn, strict=True)}


@dataclass(frozen=True)
class _Part:
    """A metric of some of the samples, in each run."""

    info: MetricInfo
    tables: list[Table]
    own: NDArray[np.int64] | None = None
    """The clusters that the tables have, ascending; None for all."""


def _resampled(
    parts: Sequence[_Part], count: int, width: int, resamples: int, seed: int
) -> list[list[Array]]:
    """Each part in all draws of `count` clusters: for each run (B,)."""
    found: list[list[list[Array]]] = [[[] for _ in part.tables] for part in parts]
    grouped = any(part.own is not None for part in parts)
    for weights in draws(count, resamples, seed, width) if parts else ():
        by_cluster = np.ascontiguousarray(weights.T) if grouped else weights.T  # rows are quickly taken out
        for part, of_runs in zip(parts, found, strict=True):
            own = weights if part.own is None else by_cluster[part.own].T
            for table, drawn in zip(part.tables, of_runs, strict=True):
                drawn.append(part.info.aggregate.resampled(table, own))
    return [[np.concatenate(drawn) for drawn in of_runs] for of_runs in found]


def _informed(
    metrics: Sequence[MetricInfo], runs: Sequence[Scored], rows: NDArray[np.int64], count: int
) -> dict[str, tuple[MetricInfo, list[Table]]]:
    """The columns of every run, by metric, where at least two clusters inform each of them."""
    found = {}
    shared: dict[Any, list[Table]] = {}
    for info in metrics:
        if info.aggregate.has_interval:
            alike = info.aggregate.alike or info.id
            if alike not in shared:
                shared[alike] = [info.table(scores, rows, count) for scores in runs]
            tables = shared[alike]
            if all(len(np.unique(rows[table.bottom > 0])) > 1 for table in tables):
                found[info.id] = (info, tables)
    return found


def intervals(
    metrics: Sequence[MetricInfo],
    scores: Scored,
    clusters: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval | None]:
    """Percentile intervals of every metric by id; None where there is none (see `bootstrap`).

    Draws in which a metric is undefined are left out of its percentiles.
    """
    found = bootstrap(metrics, [scores], clusters, resamples=resamples, seed=seed)
    return {info.id: percentiles(found[info.id][0]) if info.id in found else None for info in metrics}


def with_groups(
    metrics: Sequence[MetricInfo],
    scores: Scored,
    clusters: Sequence[str],
    info: MetricInfo,
    groups: Sequence[NDArray[np.int64]],
    *,
    seed: int = 0,
) -> tuple[dict[str, Interval | None], list["Grouped"]]:
    """`intervals` of all samples, and `of_groups` of one metric, from draws that are made once."""
    rows, count = numbered(clusters)
    informed = _informed(metrics, [scores], rows, count)
    whole = [_Part(of, tables) for of, tables in informed.values()]
    found, parts = _parts_of_groups(info, [scores], rows, groups, FEWEST_CLUSTERS)
    drawn = _resampled([*whole, *parts.values()], count, len(clusters), RESAMPLES, seed)
    bounds = {id: percentiles(values) for id, (values,) in zip(informed, drawn, strict=False)}
    return {of.id: bounds.get(of.id) for of in metrics}, _of_drawn(found, parts, drawn[len(whole) :])


def paired(
    metrics: Sequence[MetricInfo],
    first: Scored,
    second: Scored,
    clusters: Sequence[str],
) -> dict[str, Difference]:
    """Every metric of two runs over the same samples in the same order, by id, with their difference."""
    found = bootstrap(metrics, [first, second], clusters)
    before, after = (values(metrics, scores, clusters) for scores in (first, second))
    return {
        info.id: Difference(
            before[info.id],
            after[info.id],
            percentiles(found[info.id][1] - found[info.id][0]) if info.id in found else None,
        )
        for info in metrics
    }


@dataclass(frozen=True)
class Grouped:
    """A metric on some of the samples of a run, or of two."""

    clusters: int
    """How many inform it, in the run that has fewer."""
    interval: Interval | None
    """Of its value, or of the second run's minus the first's. None of few clusters, or where there is none at
    all (see `bootstrap`)."""


def of_groups(
    info: MetricInfo,
    runs: Sequence[Scored],
    clusters: Sequence[str],
    groups: Sequence[NDArray[np.int64]],
    *,
    seed: int = 0,
    fewest: int = FEWEST_CLUSTERS,
) -> list[Grouped]:
    """The intervals of a metric on groups of samples, from the same draws as those of all samples.

    Args:
        runs: one, or two over the same samples in the same order.
        clusters: of all samples.
        groups: each the numbers of its samples.
        fewest: clusters that must inform a group for an interval; at least 2.
    """
    rows, count = numbered(clusters)
    found, parts = _parts_of_groups(info, runs, rows, groups, fewest)
    return _of_drawn(found, parts, _resampled(list(parts.values()), count, len(clusters), RESAMPLES, seed))


def _parts_of_groups(
    info: MetricInfo,
    runs: Sequence[Scored],
    rows: NDArray[np.int64],
    groups: Sequence[NDArray[np.int64]],
    fewest: int,
) -> tuple[list[Grouped], dict[int, _Part]]:
    """What is known of each group before any draw, and by their numbers those that get an interval."""
    columns = [scores if isinstance(scores, Columns) else columns_of([info], scores) for scores in runs]
    found, parts = [Grouped(0, None)] * len(groups), dict[int, _Part]()
    for place, chosen in enumerate(groups):
        own, inner = np.unique(rows[chosen], return_inverse=True)
        tables = [info.table(scores.chosen(chosen), inner, len(own)) for scores in columns]
        informing = min(len(np.unique(inner[table.bottom > 0])) for table in tables)
        found[place] = Grouped(informing, None)
        if informing >= fewest and info.aggregate.has_interval:
            parts[place] = _Part(info, tables, own)
    return found, parts


def _of_drawn(
    found: list[Grouped], parts: Mapping[int, _Part], drawn: Sequence[Sequence[Array]]
) -> list[Grouped]:
    for place, of_runs in zip(parts, drawn, strict=True):
        interval = percentiles(of_runs[0] if len(of_runs) == 1 else of_runs[1] - of_runs[0])
        found[place] = Grouped(found[place].clusters, interval)
    return found


def percentiles(drawn: Array) -> Interval | None:
    """The middle share LEVEL of the defined values; None where none is."""
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high))


def independent(first: Interval, second: Interval, change: float) -> Interval:
    """An approximate interval of a difference, from the intervals of two values of equal level.

    Values are taken as normal and independent. Two runs over the same samples usually agree in part, which
    makes this interval too wide.
    """
    half = math.hypot(first.high - first.low, second.high - second.low) / 2
    return Interval(change - half, change + half)


def permutation_test(
    metrics: Sequence[MetricInfo],
    first: Scored,
    second: Scored,
    clusters: Sequence[str],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> dict[str, float | None]:
    """Whether two runs differ: two-sided p-values of every metric by id.

    If it made no difference which run an answer came from, the answers to a cluster could change sides
    without notice. So each cluster is exchanged between the runs or not, at random, and the metric computed
    anew for both. p is the share of exchanges that leave a difference at least as large as the one there is,
    which itself counts as one (Phipson and Smyth 2010, "Permutation P-values should never be zero"). Where
    there are no more than `permutations` ways to exchange the clusters that differ at all, each is looked at
    once and p is exact. An exchange that leaves a metric undefined counts as a large difference.

    Args:
        metrics: those without an interval get None.
        first: scores of the same samples in the same order as `second`.
        permutations: B, how many exchanges are drawn.

    Returns:
        p in (0, 1]; None for what fewer than two clusters inform in either run.
    """
    rows, count = numbered(clusters)
    informed = _informed(metrics, [first, second], rows, count)
    tests = {id: _Exchange(info, *tables) for id, (info, tables) in informed.items()}
    found: dict[str, float | None] = {info.id: None for info in metrics}
    found |= {id: test.exact() for id, test in tests.items() if test.ways <= permutations}
    drawn = {id: test for id, test in tests.items() if test.ways > permutations}
    hits = dict.fromkeys(drawn, 0)
    if drawn:
        rng = np.random.default_rng(seed)
        for start, end in _chunks(permutations, 2 * len(clusters)):
            sides = rng.integers(0, 2, size=(end - start, count), dtype=np.int64).astype(np.float64)
            for id, test in drawn.items():
                hits[id] += test.hits(sides)
    return found | {id: (1 + number) / (1 + permutations) for id, number in hits.items()}


class _Exchange:
    """One metric of two runs whose clusters change sides."""

    def __init__(self, info: MetricInfo, first: Table, second: Table) -> None:
        self._info, self._first = info, first
        self._both = first.followed_by(second)
        self._differing = first.differing(second)
        self.ways = 2 ** len(self._differing)
        """In how many ways the clusters that differ can be exchanged."""
        ones, twos = (float(values[0]) for values in self._values(np.zeros((1, first.clusters))))
        self._least = abs(twos - ones) - _TIE * max(abs(ones), abs(twos))

    def exact(self) -> float:
        """The share of all exchanges that hit."""
        bits = np.arange(len(self._differing))
        hits = 0
        for start, end in _chunks(self.ways, len(self._both.top)):
            sides = np.zeros((end - start, self._first.clusters))
            sides[:, self._differing] = np.arange(start, end)[:, None] >> bits & 1
            hits += self.hits(sides)
        return hits / self.ways

    def hits(self, sides: Array) -> int:
        """In how many of the exchanges (R, C) the difference is at least as large as without any."""
        ones, twos = self._values(sides)
        return int(np.count_nonzero(~(np.abs(twos - ones) < self._least)))

    def _values(self, sides: Array) -> tuple[Array, Array]:
        stay = 1 - sides
        return (
            self._info.aggregate.resampled(self._both, np.concatenate([stay, sides], axis=1)),
            self._info.aggregate.resampled(self._both, np.concatenate([sides, stay], axis=1)),
        )


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """P-values adjusted for how many there are, so that the chance of any false positive keeps its bound.

    The i-th smallest of m is multiplied by m - i + 1; none becomes smaller than that of a smaller p, or
    larger than 1 (Holm 1979, "A simple sequentially rejective multiple test procedure"). None stays None and
    does not count.
    """
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    least = 0.0
    for rank, (p, place) in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * p))
        adjusted[place] = least
    return adjusted
