"""What a metric is: which scores of a sample it looks at, and how they are summed up."""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from samtok_bench.aggregate import RATIO, Aggregate, Array, Table
from samtok_bench.sample import Scores

Direction = Literal["higher", "lower", "none"]


@dataclass(frozen=True)
class MetricInfo:
    """A metric. Without a unit, values are 0 to 1 in files and 0 to 100 in tables, or up to `most`.

    Samples take part by their denominator. Where all are 0 the metric is undefined (None in files, n/a in
    tables).
    """

    id: str
    display: str
    description: str
    numerator: str = ""
    """Key of the per-sample scores; the id if empty."""
    denominator: str | None = None
    """Key of the per-sample scores; None counts every sample."""
    _: KW_ONLY
    source: str = ""
    """Paper or official script; the task's own if empty."""
    direction: Direction = "higher"
    """Which way is better; `none` for a property of the data."""
    unit: str = ""
    """Of a value that is no share, as "bits"; tables show such values as they are."""
    most: float = 1
    """The largest value that there can be, of a metric without a unit."""
    aggregate: Aggregate = RATIO
    version: int = 1

    @property
    def sign(self) -> int:
        """-1 where less is better, else 1."""
        return -1 if self.direction == "lower" else 1

    @property
    def keys(self) -> tuple[str, ...]:
        """The scores that it looks at."""
        if not self.aggregate.from_scores:
            return ()
        top = self.numerator or self.id
        return self.aggregate.looks_at((top,) if self.denominator is None else (top, self.denominator))

    def table(self, scores: "Scored", rows: NDArray[np.int64], clusters: int) -> Table:
        """The columns of samples, whose clusters are given by number; see `numbered`."""
        given = scores if isinstance(scores, Columns) else columns_of([self], scores)
        return self.aggregate.table([given.by_key[key] for key in self.keys], rows, clusters)

    def own_value(self, scores: Scores) -> float | None:
        """A sample's own value; None where it takes no part, or the aggregate has no such values."""
        if not self.aggregate.per_sample:
            return None
        top, bottom, *_ = (*(scores[key] for key in self.keys), 1.0)
        return self.aggregate.own_value(top, bottom) if bottom > 0 else None

    def is_finite(self, scores: Scores) -> bool:
        """Whether the scores that it looks at are finite numbers."""
        return all(math.isfinite(scores[key]) for key in self.keys)


@dataclass(frozen=True)
class Columns:
    """The scores of N samples by key: what metrics need of them, in a fraction of the memory."""

    by_key: Mapping[str, Array]
    """(N,) each."""
    count: int
    """N."""

    def __len__(self) -> int:
        return self.count

    def chosen(self, places: NDArray[np.int64]) -> "Columns":
        """Those of some samples, which are given by number."""
        return Columns({key: column[places] for key, column in self.by_key.items()}, len(places))


Scored = Sequence[Scores] | Columns


class Gathering:
    """Columns that grow by a sample at a time."""

    def __init__(self, metrics: Iterable[MetricInfo]) -> None:
        self._keys = list(dict.fromkeys(key for info in metrics for key in info.keys))
        self._rows = array("d")
        self._count = 0

    def add(self, scores: Scores) -> None:
        """One more sample; KeyError where it lacks a score."""
        self._rows.extend([scores[key] for key in self._keys])
        self._count += 1

    def columns(self) -> Columns:
        """Of all samples so far."""
        table = np.array(self._rows).reshape(self._count, len(self._keys))
        return Columns({key: table[:, place].copy() for place, key in enumerate(self._keys)}, self._count)


def columns_of(metrics: Iterable[MetricInfo], scores: Iterable[Scores]) -> Columns:
    """The columns that metrics look at; KeyError where a sample lacks one."""
    gathered = Gathering(metrics)
    for score in scores:
        gathered.add(score)
    return gathered.columns()


def numbered(clusters: Sequence[str]) -> tuple[NDArray[np.int64], int]:
    """Clusters as numbers (N,) in the order of their names, and how many there are.

    So one seed draws the same clusters in whatever order samples come.
    """
    index = {cluster: number for number, cluster in enumerate(sorted(set(clusters)))}
    return np.fromiter(map(index.__getitem__, clusters), np.int64, len(clusters)), len(index)


def values(metrics: Sequence[MetricInfo], scores: Scored, clusters: Sequence[str]) -> dict[str, float | None]:
    """Metrics of samples by id; None where one is undefined, and for those of the whole corpus."""
    rows, count = numbered(clusters)
    return {info.id: info.aggregate.value(info.table(scores, rows, count)) for info in metrics}
