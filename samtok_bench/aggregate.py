"""How the scores of samples become one value: of a run, and of a run whose clusters were drawn again.

A new way to sum up is one class here. Each works on the two columns that a metric names; `OfSums` on columns
of its own.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """The columns of one metric for N samples in C clusters."""

    top: Array
    """(N,) numerators."""
    bottom: Array
    """(N,) denominators; a sample with 0 takes no part."""
    rows: NDArray[np.int64]
    """(N,) the cluster of each sample, 0 to C - 1."""
    clusters: int
    """C."""
    sums: Array | None = None
    """(C, K) of the K scores of `OfSums`, by cluster."""
    _drawn: list[Array] = field(default_factory=list, compare=False, repr=False)
    """The last weights and the sums that they gave: metrics that share a table come one after the other."""

    def differing(self, other: "Table") -> NDArray[np.int64]:
        """The clusters that are not the same in a table of the same samples, ascending."""
        if self.sums is not None:
            return np.flatnonzero((self.sums != other.sums).any(axis=1))
        return np.unique(self.rows[(self.top != other.top) | (self.bottom != other.bottom)])

    def drawn_sums(self, weights: Array) -> Array:
        """(R, K) of `OfSums`, of weights (R, C)."""
        assert self.sums is not None, "a table of OfSums"
        if not self._drawn or self._drawn[0] is not weights:
            self._drawn[:] = weights, weights @ self.sums
        return self._drawn[1]

    def followed_by(self, other: "Table") -> "Table":
        """Both, with the clusters of the other one behind these."""
        return Table(
            np.concatenate([self.top, other.top]),
            np.concatenate([self.bottom, other.bottom]),
            np.concatenate([self.rows, other.rows + self.clusters]),
            self.clusters + other.clusters,
            None if self.sums is None or other.sums is None else np.concatenate([self.sums, other.sums]),
        )


class Aggregate(ABC):
    """A way to sum up."""

    per_sample: ClassVar[bool] = False
    """Whether a sample has a value of its own that says how good it is."""
    has_interval: ClassVar[bool] = True
    """Whether resampling says something about the value."""
    from_scores: ClassVar[bool] = True
    """Whether the scores of samples are enough; else `Task.corpus` computes the value from the answers."""

    @property
    def alike(self) -> tuple[str, ...]:
        """Metrics of which this is equal, and not empty, have the same `table`."""
        return ()

    def looks_at(self, named: tuple[str, ...]) -> tuple[str, ...]:
        """The scores that it needs, of a metric that names one or two."""
        return named

    def table(self, columns: Sequence[Array], rows: NDArray[np.int64], clusters: int) -> Table:
        """Those scores of N samples, each (N,), whose clusters are given by number."""
        ones = np.ones(len(rows))
        top, bottom, *_ = (*columns, ones, ones)
        return self.prepared(Table(top, bottom, rows, clusters))

    def prepared(self, table: Table) -> Table:
        """The columns as `value` and `resampled` take them; computed once, before any resampling."""
        return table

    def value(self, table: Table) -> float | None:
        """The value of all samples; None where it is undefined."""
        found = float(self.resampled(table, np.ones((1, table.clusters)))[0])
        return None if math.isnan(found) else found

    @abstractmethod
    def resampled(self, table: Table, weights: Array) -> Array:
        """The values of R resampled runs.

        Args:
            table: see `prepared`.
            weights: (R, C), how often each cluster was drawn.

        Returns:
            (R,), nan where a run leaves the value undefined.
        """

    def own_value(self, top: float, bottom: float) -> float:
        """The value of one sample that takes part, for aggregates that are `per_sample`."""
        return top


@dataclass(frozen=True)
class Ratio(Aggregate):
    """Sum of numerators over sum of denominators."""

    epsilon: float = 0.0
    """Added to the denominators' sum, where the source does so."""
    per_sample: ClassVar[bool] = True

    def resampled(self, table: Table, weights: Array) -> Array:
        top = np.bincount(table.rows, table.top, table.clusters)
        bottom = np.bincount(table.rows, table.bottom, table.clusters)
        return _divided(weights @ top, weights @ bottom + self.epsilon)

    def own_value(self, top: float, bottom: float) -> float:
        return top / bottom


RATIO = Ratio()


@dataclass(frozen=True)
class Collisions(Ratio):
    """Share of samples whose numerator another sample of the same cluster has too."""

    per_sample: ClassVar[bool] = False

    def prepared(self, table: Table) -> Table:
        places = list(zip(table.rows.tolist(), table.top.tolist(), table.bottom.tolist(), strict=True))
        seen = Counter(place for place in places if place[2])
        shared = np.array([float(seen[place] > 1) for place in places])
        return Table(shared, table.bottom, table.rows, table.clusters)


@dataclass(frozen=True)
class OfSums(Aggregate):
    """A formula over the sums of several scores; every sample takes part, and none has a value of its own."""

    scores: tuple[str, ...]
    """K of them; a metric's numerator and denominator are not looked at."""
    formula: Callable[[Array], Array]
    """Of sums (R, K), in the order of `scores`; (R,), nan where undefined."""

    @property
    def alike(self) -> tuple[str, ...]:
        return self.scores

    def looks_at(self, named: tuple[str, ...]) -> tuple[str, ...]:
        return self.scores

    def table(self, columns: Sequence[Array], rows: NDArray[np.int64], clusters: int) -> Table:
        ones = np.ones(len(rows))
        sums: Array = np.stack([np.bincount(rows, column, clusters) for column in columns], axis=1)
        return Table(ones, ones, rows, clusters, sums)

    def resampled(self, table: Table, weights: Array) -> Array:
        return self.formula(table.drawn_sums(weights))


class _Ordered(Aggregate):
    """Of the numerators in ascending order."""

    per_sample: ClassVar[bool] = True

    def resampled(self, table: Table, weights: Array) -> Array:
        chosen = table.bottom > 0
        order = np.argsort(table.top[chosen], kind="stable")
        values = table.top[chosen][order]  # (M,)
        counts = weights[:, table.rows[chosen][order]]  # (R, M)
        return self._of(values, counts) if len(values) else np.full(len(weights), np.nan)

    @abstractmethod
    def _of(self, values: Array, counts: Array) -> Array:
        """(R,) for values (M,), M at least 1, and how often each was drawn (R, M)."""


@dataclass(frozen=True)
class Median(_Ordered):
    """Median of the numerators."""

    def _of(self, values: Array, counts: Array) -> Array:
        upto = np.cumsum(counts, axis=1)
        total = upto[:, -1]
        middle = [(upto <= place[:, None]).sum(1) for place in ((total - 1) // 2, total // 2)]
        found = sum(values[np.minimum(place, len(values) - 1)] for place in middle) / 2
        return np.where(total > 0, found, np.nan)


@dataclass(frozen=True)
class WorstDecile(_Ordered):
    """Mean of the lowest tenth of the numerators; the sample on the border counts in part."""

    def _of(self, values: Array, counts: Array) -> Array:
        upto = np.cumsum(counts, axis=1)
        share = upto[:, -1] / 10
        taken = np.clip(share[:, None] - (upto - counts), 0, counts)
        return _divided(taken @ values, share)


class _WithoutInterval(Aggregate):
    has_interval: ClassVar[bool] = False

    def resampled(self, table: Table, weights: Array) -> Array:
        raise TypeError(f"{type(self).__name__} is not resampled")


@dataclass(frozen=True)
class Used(_WithoutInterval):
    """Number of different numerators. It only shrinks when samples are drawn again: there is no interval."""

    def value(self, table: Table) -> float | None:
        return float(len(symbols)) if (symbols := _symbols(table)) else None


@dataclass(frozen=True)
class Perplexity(_WithoutInterval):
    """exp(entropy) of the numerators as symbols: 1 to the size of the codebook. No interval, as `Used`."""

    def value(self, table: Table) -> float | None:
        symbols = _symbols(table)
        total = symbols.total()
        if not total:
            return None
        return math.exp(-sum(n / total * math.log(n / total) for n in symbols.values()))


@dataclass(frozen=True)
class Corpus(_WithoutInterval):
    """Of all answers together, see `Task.corpus`: too slow to compute thousands of times."""

    from_scores: ClassVar[bool] = False

    def value(self, table: Table) -> float | None:
        return None


def _symbols(table: Table) -> Counter[float]:
    return Counter(table.top[table.bottom > 0].tolist())


def _divided(top: Array, bottom: Array) -> Array:
    return np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0)
