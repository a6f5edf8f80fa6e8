"""The figures of a report page: the metric table, breakdowns and distributions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from samtok_bench import statistics
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.changes import ROUNDING, gains
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import LoadedRun, stored_metric
from samtok_bench.runs.summary import Group, MetricValue
from samtok_bench.showing.run_tables import bounded, group_span, metric_row
from samtok_bench.showing.tables import NOT_AVAILABLE, bounds, number, ranks, signed, span

BINS = 20


@dataclass(frozen=True)
class Gauge:
    """A value on a scale; all positions are in percent of its length, and None is not drawn."""

    value: float
    low: float | None
    high: float | None
    floor: float | None
    ceiling: float | None


@dataclass(frozen=True)
class MetricCell:
    """The value of a metric in one run, on all samples or on a slice."""

    value: str
    interval: str
    gauge: Gauge | None
    ceiling: str = ""
    best: bool = False
    """Of several runs that differ."""


@dataclass(frozen=True)
class DifferenceCell:
    """The second run minus the first."""

    change: str
    interval: str
    verdict: str
    """Better or worse if the interval does not contain zero, else empty."""


@dataclass(frozen=True)
class MetricRow:
    """A metric in all runs."""

    display: str
    unit: str
    direction: str
    primary: bool
    floor: str
    cells: list[MetricCell]
    difference: DifferenceCell | None


@dataclass(frozen=True)
class Bin:
    """A bar of a histogram, on the scale of files; only the last bar includes its upper bound."""

    low: float
    high: float
    count: int
    label: str


@dataclass(frozen=True)
class Histogram:
    """The distribution of a per-sample value in one run."""

    bins: list[Bin]
    tallest: int
    """The highest count in all runs, so that all bars have the same scale."""
    undefined: int
    """Samples without a value."""


@dataclass(frozen=True)
class Slice:
    """The samples with one value of a tag."""

    value: str
    samples: int
    bars: list[MetricCell]
    """The primary metric, one per run."""


def metric_rows(runs: Sequence[LoadedRun], ordered: Sequence[Sequence[Line]]) -> list[MetricRow]:
    """The rows of the metric table; if there are two runs, with their paired difference.

    Args:
        runs: runs that compare with each other.
        ordered: the lines of each run, in the same order for all.
    """
    first = runs[0].summary
    changes = {}
    if len(runs) == 2:
        before, now = ([line.scores for line in lines] for lines in ordered)
        paired = statistics.paired(runs[0].metrics, before, now, [line.cluster for line in ordered[0]])
        if all(len(run.lines) == len(lines) for run, lines in zip(runs, ordered, strict=True)):
            together = [info for info in runs[0].metrics if not info.aggregate.from_scores]
            paired |= {info.id: _of_all(info, *runs) for info in together}
        changes = {info.id: _difference(info, paired[info.id]) for info in runs[0].metrics}
    rows = []
    for metric in first.metrics:
        in_runs = [next((own for own in run.summary.metrics if own.id == metric.id), None) for run in runs]
        # only predictors with mask words have values for what the words cost
        if metric.unit and all(own is None or own.value is None for own in in_runs):
            continue
        rows.append(
            MetricRow(
                display=metric.display,
                unit=metric.unit,
                direction=metric.direction,
                primary=metric.id == first.primary,
                floor=metric_row(metric)[3],
                cells=metric_cells(in_runs, metric.direction),
                difference=changes.get(metric.id),
            )
        )
    return rows


def sample_metric(run: LoadedRun) -> MetricInfo | None:
    """The primary metric if single samples have values of it, else None."""
    primary = next(info for info in run.metrics if info.id == run.task.primary)
    return primary if primary.aggregate.per_sample else None


def histograms(info: MetricInfo, ordered: Sequence[Sequence[Line]]) -> list[Histogram]:
    """The distribution of a metric's per-sample values: one histogram per run, all with the same bins."""
    values = [[info.own_value(line.scores) for line in lines] for lines in ordered]
    defined = [[value for value in of_run if value is not None and np.isfinite(value)] for of_run in values]
    together = [value for of_run in defined for value in of_run]
    if not together:
        return []
    low, high = min(together), max(together)
    if not info.unit and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif low == high:
        low, high = low - 0.5, high + 0.5
    # not linspace, which puts 0.15 below an edge at 0.15
    edges = [low + (high - low) * k / BINS for k in range(BINS + 1)]
    counts = [np.histogram(of_run, edges)[0] for of_run in defined]
    tallest = int(max(heights.max() for heights in counts))
    ends = list(pairwise(edges))
    return [
        Histogram(
            [Bin(a, b, int(n), span(a, b, info.unit)) for (a, b), n in zip(ends, heights, strict=True)],
            tallest,
            len(every) - len(kept),
        )
        for heights, every, kept in zip(counts, values, defined, strict=True)
    ]


def breakdowns(runs: Sequence[LoadedRun]) -> dict[str, list[Slice]]:
    """The primary metric by tag, except for tags with a single value."""
    first = runs[0].summary
    unit = first.headline.unit
    return {
        tag: [
            Slice(value, group.samples, [_bar(run, tag, value, unit) for run in runs])
            for value, group in groups.items()
        ]
        for tag, groups in first.breakdown.items()
        if len(groups) > 1
    }


def _bar(run: LoadedRun, tag: str, value: str, unit: str) -> MetricCell:
    group: Group | None = run.summary.breakdown.get(tag, {}).get(value)
    score = group.metrics.get(run.summary.primary) if group else None
    if group is None or score is None:
        return MetricCell(NOT_AVAILABLE, NOT_AVAILABLE, None)
    gauge = _gauge(score, group.low, group.high, None, None) if not unit else None
    return MetricCell(number(score, unit), group_span(group.interval, group.images, unit), gauge)


def metric_cells(of_runs: Sequence[MetricValue | None], direction: str) -> list[MetricCell]:
    """A metric in each run, the best marked; n/a where a run has none such."""
    cells = [metric_cell(metric) for metric in of_runs]
    placed = ranks([cell.value for cell in cells], direction)
    return [replace(cell, best=placed.get(cell.value) == 0) for cell in cells]


def metric_cell(metric: MetricValue | None) -> MetricCell:
    """A metric of one run."""
    if metric is None:
        return MetricCell(NOT_AVAILABLE, "", None)
    _, value, interval, _, ceiling = metric_row(metric)
    gauge = None
    if bounded(metric) and metric.value is not None:
        gauge = _gauge(metric.value, metric.low, metric.high, metric.floor, metric.ceiling)
    return MetricCell(value, interval, gauge, ceiling)


def _gauge(
    value: float, low: float | None, high: float | None, floor: float | None, ceiling: float | None
) -> Gauge | None:
    """Positions on a scale from 0 to 1; None if a value is not on it."""
    drawn = [mark for mark in (value, low, high, floor, ceiling) if mark is not None]
    if not all(0 <= mark <= 1 for mark in drawn):
        return None
    places = [None if mark is None else round(100 * mark, 2) for mark in (low, high, floor, ceiling)]
    return Gauge(round(100 * value, 2), *places)


def _of_all(info: MetricInfo, first: LoadedRun, second: LoadedRun) -> statistics.Difference:
    """Of the summaries' values of a metric that is computed from all answers together."""
    return statistics.Difference(stored_metric(first, info).value, stored_metric(second, info).value, None)


def _difference(info: MetricInfo, paired: statistics.Difference) -> DifferenceCell:
    verdict = ""
    if paired.interval is not None and info.direction != "none":
        gained = gains(info, paired.interval)
        verdict = "better" if gained.low > ROUNDING else "worse" if gained.high < -ROUNDING else ""
    return DifferenceCell(signed(paired.change, info.unit), bounds(paired.interval, info.unit), verdict)
