"""Each run on the compared samples: its lines, values and tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from samtok_bench import registry, statistics
from samtok_bench.comparison.given_runs import GivenRun
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import (
    LoadedRun,
    NotComparable,
    agreed_values,
    clusters_of,
    from_scores,
    scores_of,
    stored_metric,
    tag_values,
)
from samtok_bench.runs.summary import MetricValue


@dataclass(frozen=True)
class ComparedRun:
    """One run on the compared samples."""

    given: GivenRun
    lines: dict[str, Line] | None
    """By id, in the same order for all runs; None if there is only a summary."""
    values: dict[str, MetricValue]
    """By the metric's id."""


def chosen_metrics(given: Sequence[GivenRun], asked: Sequence[str]) -> dict[str, MetricValue]:
    """The metrics to compare; NotComparable unless all runs have them in the same version."""
    summary = given[0].summary
    known = {metric.id: metric for metric in summary.metrics}
    for id in asked:
        if id not in known:
            raise ValueError(f"{summary.task} has no metric {id!r}{registry.suggestion(id, list(known))}")
        if known[id].direction == "none":
            raise ValueError(f"{id} describes the data: neither more nor less of it is better")
    chosen = {id: known[id] for id in asked} or {
        id: metric for id, metric in known.items() if metric.direction != "none"
    }
    if not chosen:
        raise ValueError(f"{summary.task} has no metric with a better direction")
    for run in given[1:]:
        there = {metric.id: metric.version for metric in run.summary.metrics}
        for id, metric in chosen.items():
            if there.get(id) != metric.version:
                has = f"version {there[id]} of {id}" if id in there else f"no {id}"
                what = f"{run.path} has {has}, {given[0].path} version {metric.version}"
                raise NotComparable(f"{what}: rescore them")
    return chosen


def on_common_samples(given: GivenRun, common: Sequence[str], ids: Sequence[str]) -> ComparedRun:
    """A run with its metrics on the samples in common; NotComparable if its files disagree."""
    if given.run is None:
        return ComparedRun(given, None, {id: given.summary.metric(id) for id in ids})
    lines = {id: given.run.lines[id] for id in common}
    return ComparedRun(given, lines, _values(given.run, lines, ids))


def _values(run: LoadedRun, lines: Mapping[str, Line], ids: Sequence[str]) -> dict[str, MetricValue]:
    """The metrics of some of a run's lines; a metric of the whole corpus is undefined unless it is all."""
    infos = infos_of(run, ids)
    measured = agreed_values(run, from_scores(infos), lines)
    stored = {info.id: stored_metric(run, info) for info in infos}
    if len(lines) == len(run.lines):
        return stored
    bounds = statistics.intervals(
        [info for info in infos if measured.get(info.id) is not None], scores_of(lines), clusters_of(lines)
    )
    return {info.id: MetricValue.of(info, measured.get(info.id), bounds.get(info.id)) for info in infos}


def infos_of(run: LoadedRun, ids: Sequence[str]) -> list[MetricInfo]:
    """The definitions of a run's metrics; NotComparable if its task no longer has one of them."""
    known = {info.id: info for info in run.metrics}
    lacking = [id for id in ids if id not in known]
    if lacking:
        raise NotComparable(f"{run.path}: {run.task.name} no longer has {lacking[0]}: rescore it")
    return [known[id] for id in ids]


def tags_of(run: ComparedRun, asked: Sequence[str]) -> list[str]:
    """The tags to break down by: those asked for, or all that differ between samples."""
    if run.given.run is None or run.lines is None:
        known = {
            tag: [value for value, group in groups.items() if group.samples]
            for tag, groups in run.given.summary.breakdown.items()
        }
    else:
        known = tag_values(run.given.run, run.lines.values())
    for tag in asked:
        if tag not in known:
            others = registry.suggestion(tag, list(known)) if known else "; they have no tags at all"
            raise ValueError(f"samples have no tag {tag!r}{others}")
    return list(dict.fromkeys(asked)) or [tag for tag, values in known.items() if len(values) > 1]
