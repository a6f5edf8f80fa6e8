"""Figures of runs as a page shows them: the metric table, break-downs, distributions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from samtok_bench import statistics
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import Group, Line, MetricValue
from samtok_bench.runs.reading import ROUNDING, TRACEABLE, LoadedRun, gains, own_value
from samtok_bench.showing.tables import NOT_AVAILABLE, bounded, bounds, metric_row, number, signed, span

BINS = 20


@dataclass(frozen=True)
class Gauge:
    """A value on a line, all in percent of its length; None is not drawn."""

    value: float
    low: float | None
    high: float | None
    floor: float | None
    ceiling: float | None


@dataclass(frozen=True)
class Cell:
    """A metric of one run."""

    value: str
    interval: str
    ceiling: str
    gauge: Gauge | None


@dataclass(frozen=True)
class Difference:
    """The second run less the first."""

    change: str
    interval: str
    verdict: str
    """better or worse where the interval is on one side of zero, else empty."""


@dataclass(frozen=True)
class MetricRow:
    """A metric of all runs."""

    display: str
    primary: bool
    floor: str
    cells: list[Cell]
    difference: Difference | None


@dataclass(frozen=True)
class Bin:
    """A bar of a histogram, on the scale of files; the last one has its upper bound too."""

    low: float
    high: float
    count: int
    label: str


@dataclass(frozen=True)
class Histogram:
    """How a per-sample value is distributed in one run."""

    bins: list[Bin]
    tallest: int
    """Over all runs, so that their bars compare."""
    undefined: int
    """Samples without a value."""


@dataclass(frozen=True)
class Bar:
    """The primary metric of some samples of one run."""

    text: str
    interval: str
    gauge: Gauge | None


@dataclass(frozen=True)
class Slice:
    """The samples with one value of a tag."""

    value: str
    samples: int
    bars: list[Bar]
    """One a run."""


def metric_rows(runs: Sequence[LoadedRun], ordered: Sequence[Sequence[Line]]) -> list[MetricRow]:
    """The metric table; with two runs it has their paired difference.

    Args:
        runs: comparable ones.
        ordered: the lines of each run in one order.
    """
    first = runs[0].summary
    changes = _differences(runs, ordered) if len(runs) == 2 else {}
    rows = []
    for metric in first.metrics:
        found = [_metric(run, metric.id) for run in runs]
        # what a code costs and uses is not asked of predictors without one
        if metric.unit and all(one is None or one.value is None for one in found):
            continue
        rows.append(
            MetricRow(
                display=metric.display,
                primary=metric.id == first.primary,
                floor=metric_row(metric)[3],
                cells=[_cell(one) for one in found],
                difference=changes.get(metric.id),
            )
        )
    return rows


def sample_metric(run: LoadedRun) -> MetricInfo | None:
    """The primary metric if samples have values of their own of it, else None."""
    found = next(info for info in run.metrics if info.id == run.task.primary)
    return found if found.aggregate in TRACEABLE else None


def histograms(info: MetricInfo, ordered: Sequence[Sequence[Line]]) -> list[Histogram]:
    """The distribution of a metric's per-sample values, a histogram a run with common bins."""
    values = [[own_value(info, line) for line in lines] for lines in ordered]
    defined = [[one for one in some if one is not None and np.isfinite(one)] for some in values]
    together = [one for some in defined for one in some]
    if not together:
        return []
    low, high = min(together), max(together)
    if not info.unit and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low == high:
        low, high = low - 0.5, high + 0.5
    # not linspace, which puts 0.15 below an edge at 0.15
    edges = [low + (high - low) * k / BINS for k in range(BINS + 1)]
    counts = [np.histogram(some, edges)[0] for some in defined]
    tallest = int(max(one.max() for one in counts))
    ends = list(pairwise(edges))
    return [
        Histogram(
            [Bin(a, b, int(n), span(a, b, info.unit)) for (a, b), n in zip(ends, one, strict=True)],
            tallest,
            len(some) - len(kept),
        )
        for one, some, kept in zip(counts, values, defined, strict=True)
    ]


def breakdowns(runs: Sequence[LoadedRun]) -> dict[str, list[Slice]]:
    """The primary metric by tag, for tags that tell samples apart."""
    first = runs[0].summary
    unit = first.metric(first.primary).unit
    return {
        tag: [
            Slice(value, group.samples, [_bar(run, tag, value, unit) for run in runs])
            for value, group in groups.items()
        ]
        for tag, groups in first.breakdown.items()
        if len(groups) > 1
    }


def _bar(run: LoadedRun, tag: str, value: str, unit: str) -> Bar:
    group: Group | None = run.summary.breakdown.get(tag, {}).get(value)
    found = group.metrics.get(run.summary.primary) if group else None
    if group is None or found is None:
        return Bar(NOT_AVAILABLE, NOT_AVAILABLE, None)
    gauge = _gauge(found, group.low, group.high, None, None) if not unit else None
    return Bar(number(found, unit), span(group.low, group.high, unit), gauge)


def _metric(run: LoadedRun, id: str) -> MetricValue | None:
    return next((metric for metric in run.summary.metrics if metric.id == id), None)


def _cell(metric: MetricValue | None) -> Cell:
    if metric is None:
        return Cell(NOT_AVAILABLE, "", "", None)
    _, value, interval, _, ceiling = metric_row(metric)
    gauge = None
    if bounded(metric) and metric.value is not None:
        gauge = _gauge(metric.value, metric.low, metric.high, metric.floor, metric.ceiling)
    return Cell(value, interval, ceiling, gauge)


def _gauge(
    value: float, low: float | None, high: float | None, floor: float | None, ceiling: float | None
) -> Gauge | None:
    """Places on a line from 0 to 1; None where something lies outside of it."""
    drawn = [one for one in (value, low, high, floor, ceiling) if one is not None]
    if not all(0 <= one <= 1 for one in drawn):
        return None
    places = [None if one is None else round(100 * one, 2) for one in (low, high, floor, ceiling)]
    return Gauge(round(100 * value, 2), *places)


def _differences(runs: Sequence[LoadedRun], ordered: Sequence[Sequence[Line]]) -> dict[str, Difference]:
    """By metric."""
    infos = runs[0].metrics
    first, second = ([line.scores for line in lines] for lines in ordered)
    clusters = [line.cluster for line in ordered[0]]
    paired = statistics.paired(infos, first, second, clusters)
    return {info.id: _difference(info, paired[info.id]) for info in infos}


def _difference(info: MetricInfo, found: statistics.Difference) -> Difference:
    verdict = ""
    if found.interval is not None and info.direction != "none":
        gained = gains(info, found.interval)
        verdict = "better" if gained.low > ROUNDING else "worse" if gained.high < -ROUNDING else ""
    return Difference(signed(found.change, info.unit), bounds(found.interval, info.unit), verdict)
