"""What became of single samples from one run to another."""

from collections.abc import Mapping
from dataclasses import dataclass

from samtok_bench.metric import MetricInfo
from samtok_bench.runs.journal import Line
from samtok_bench.statistics import Interval

ROUNDING = 1e-9
"""What arithmetic may add to a difference, or a drop of exactly a tolerance."""


@dataclass(frozen=True)
class Change:
    """A sample's own value of a metric in two runs."""

    id: str
    before: float
    after: float


def changes(info: MetricInfo, before: Mapping[str, Line], now: Mapping[str, Line]) -> list[Change]:
    """What became of each sample, in the order of `now`.

    A sample that takes part in one of the runs only has nothing to compare and is left out.
    """
    pairs = ((id, info.own_value(before[id].scores), info.own_value(line.scores)) for id, line in now.items())
    return [Change(id, old, new) for id, old, new in pairs if old is not None and new is not None]


def gain(info: MetricInfo, change: Change) -> float:
    """How much better a sample became; below 0 where worse, whichever way the metric counts."""
    return info.sign * (change.after - change.before)


def most_changed(
    info: MetricInfo, before: Mapping[str, Line], now: Mapping[str, Line], count: int
) -> tuple[list[Change], list[Change]]:
    """The samples that improved most and those that got worse most, up to `count` of each, in this order."""
    found = [(gain(info, change), change.id, change) for change in changes(info, before, now)]
    better = sorted((-gained, id, change) for gained, id, change in found if gained > ROUNDING)
    worse = sorted((gained, id, change) for gained, id, change in found if gained < -ROUNDING)
    return [change for *_, change in better[:count]], [change for *_, change in worse[:count]]


def gains(info: MetricInfo, interval: Interval) -> Interval:
    """Bounds of a difference as bounds of how much better a run became."""
    low, high = sorted(info.sign * bound for bound in (interval.low, interval.high))
    return Interval(low, high)
