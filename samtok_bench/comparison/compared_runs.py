"""Each run on the samples that are compared: its lines, its values, its tags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from samtok_bench import registry, statistics
from samtok_bench.comparison.given_runs import Source, Terms
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import Group, Line, MetricValue
from samtok_bench.runs.reading import LoadedRun, NotComparable, agreed_values, stored_metric, tag_values
from samtok_bench.sample import Scores
from samtok_bench.statistics import Interval


@dataclass(frozen=True)
class Value:
    """A metric of one run; None is undefined."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Side:
    """One run on the samples that are compared."""

    source: Source
    lines: dict[str, Line] | None
    """By id, in the same order for all runs; None where there is only a summary."""
    values: dict[str, Value]
    """By the metric's id."""


def chosen_metrics(sources: Sequence[Source], asked: Sequence[str]) -> dict[str, MetricValue]:
    """The metrics to compare, which all runs must have in one version."""
    summary = sources[0].summary
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
        raise ValueError(f"{summary.task} has no metric of which more or less is better")
    for source in sources[1:]:
        there = {metric.id: metric.version for metric in source.summary.metrics}
        for id, metric in chosen.items():
            if there.get(id) != metric.version:
                has = f"version {there[id]} of {id}" if id in there else f"no {id}"
                what = f"{source.path} has {has}, {sources[0].path} version {metric.version}"
                raise NotComparable(f"{what}: rescore them")
    return chosen


def side_of(source: Source, agreed: Terms, ids: Sequence[str]) -> Side:
    """A run with its values on the samples that all runs have; NotComparable where its files disagree."""
    if source.run is None:
        return Side(source, None, {id: _stored(source.summary.metric(id)) for id in ids})
    lines = {id: source.run.lines[id] for id in agreed.ids}
    return Side(source, lines, _values(source.run, lines, ids))


def value_of(one: MetricValue | Group, value: float | None) -> Value:
    """A value with the bounds that a summary has of it."""
    return Value(value, None if one.low is None or one.high is None else Interval(one.low, one.high))


def _stored(metric: MetricValue) -> Value:
    return value_of(metric, metric.value)


def _values(run: LoadedRun, lines: Mapping[str, Line], ids: Sequence[str]) -> dict[str, Value]:
    """The metrics of some of a run's lines; those of the whole corpus are undefined on a part of them."""
    infos = infos_of(run, ids)
    measured = agreed_values(run, [info for info in infos if info.aggregate != "corpus"], lines)
    stored = {info.id: _stored(stored_metric(run, info)) for info in infos}
    if len(lines) == len(run.lines):
        return stored
    scores, clusters = scores_of(lines), clusters_of(lines)
    bounds = statistics.intervals(
        [info for info in infos if measured.get(info.id) is not None], scores, clusters
    )
    return {id: Value(measured.get(id), bounds.get(id)) for id in ids}


def infos_of(run: LoadedRun, ids: Sequence[str]) -> list[MetricInfo]:
    """The definitions of a run's metrics; NotComparable where its task has them no more."""
    known = {info.id: info for info in run.metrics}
    lacking = [id for id in ids if id not in known]
    if lacking:
        raise NotComparable(f"{run.path}: {run.task.name} has no {lacking[0]} any more: rescore it")
    return [known[id] for id in ids]


def scores_of(lines: Mapping[str, Line]) -> list[Scores]:
    """The scores of lines, in order."""
    return [line.scores for line in lines.values()]


def clusters_of(lines: Mapping[str, Line]) -> list[str]:
    """The clusters of lines, in order."""
    return [line.cluster for line in lines.values()]


def images_of(side: Side) -> int:
    """How many images are compared."""
    return side.source.summary.clusters if side.lines is None else len(set(clusters_of(side.lines)))


def tags_of(side: Side, asked: Sequence[str]) -> list[str]:
    """The tags to break down by: those asked for, or all that tell samples apart."""
    if side.source.run is None or side.lines is None:
        known = {
            tag: [value for value, group in groups.items() if group.samples]
            for tag, groups in side.source.summary.breakdown.items()
        }
    else:
        known = tag_values(side.source.run, side.lines.values())
    for tag in asked:
        if tag not in known:
            others = registry.suggestion(tag, list(known)) if known else "; they have no tags at all"
            raise ValueError(f"samples have no tag {tag!r}{others}")
    return list(dict.fromkeys(asked)) or [tag for tag, values in known.items() if len(values) > 1]
