"""Differences between runs, with intervals and tests: paired by sample, clustered by image.

If a run has no answers of single samples, the intervals in the summaries are compared, unpaired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from samtok_bench import metric, statistics
from samtok_bench.comparison.compared_runs import (
    ComparedRun,
    chosen_metrics,
    infos_of,
    on_common_samples,
    tags_of,
)
from samtok_bench.comparison.given_runs import GivenRun, agree_on_terms
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.changes import ROUNDING, Change, changes, gain, most_changed
from samtok_bench.runs.folder import JOURNAL
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import LoadedRun, clusters_of, scores_of, tag_values
from samtok_bench.runs.summary import MetricValue
from samtok_bench.statistics import Difference, Interval


@dataclass(frozen=True, kw_only=True)
class MetricDifference(Difference):
    """A metric in two runs; the interval is approximate where they are unpaired."""

    id: str
    p: float | None = None
    """Of the permutation test; None where there is none."""
    adjusted: float | None = None
    """p after Holm, over all tests of the comparison."""
    wins: int | None = None
    """Samples on which the second run is better; None where samples have no value of their own."""
    ties: int | None = None
    losses: int | None = None


@dataclass(frozen=True)
class GroupDifference:
    """The headline metric on the samples with one value of a tag."""

    tag: str
    value: str
    samples: int
    images: int | None
    """How many inform the metric in both runs; None where summaries do not count them."""
    difference: MetricDifference


@dataclass
class RunPair:
    """Two runs compared."""

    first: ComparedRun
    second: ComparedRun
    metrics: list[MetricDifference]
    groups: list[GroupDifference]
    better: list[Change] | None
    """Samples whose headline metric improved most, largest change first; None if not asked for."""
    worse: list[Change] | None
    """The same for those that got worse."""
    pictures: list[Path] = field(default_factory=list)
    """Of these samples, as far as they were drawn."""

    @property
    def paired(self) -> bool:
        """Whether samples are compared one by one; if not, only summaries are."""
        return self.first.lines is not None and self.second.lines is not None


@dataclass
class Comparison:
    """Everything that is shown."""

    runs: list[ComparedRun]
    samples: int
    images: int
    metrics: dict[str, MetricValue]
    """The compared metrics by id, as the first run's summary describes them."""
    headline: str
    """Id of the metric of break-downs and single samples."""
    pairs: list[RunPair]
    forced: list[str]
    """What would have prevented the comparison if the user had not forced it."""
    notes: list[str]

    @property
    def tests(self) -> int:
        """Over how many tests Holm's adjustment goes."""
        return sum(metric.p is not None for pair in self.pairs for metric in pair.metrics)


def compare(
    given: Sequence[GivenRun],
    *,
    metrics: Sequence[str] = (),
    by: Sequence[str] = (),
    show: int = 0,
    all_pairs: bool = False,
    force: bool = False,
) -> Comparison:
    """Compare each run with the first.

    Args:
        given: two or more, see `read_given_runs`.
        metrics: ids; if none are given, all metrics with a direction. The first of them, or else the task's
            primary metric, is the headline of break-downs and single samples.
        by: tags to break down by; if none are given, all that differ between samples.
        show: how many of the most improved and of the most worsened samples to name.
        all_pairs: compare every pair of runs.
        force: see `agree_on_terms`.

    Raises:
        ValueError: runs that do not compare (NotComparable), an unknown metric or tag.
    """
    common, forced, notes = agree_on_terms(given, force)
    chosen = chosen_metrics(given, metrics)
    runs = [on_common_samples(run, common, list(chosen)) for run in given]
    undefined = [id for id in chosen if all(run.values[id].value is None for run in runs)]
    primary = given[0].summary.primary
    headline = metrics[0] if metrics else primary if primary in chosen else next(iter(chosen))
    shown = {
        id: metric for id, metric in chosen.items() if id in metrics or id == headline or id not in undefined
    }
    tags = tags_of(runs[0], by)
    pairs = [
        _pair(first, second, list(shown), headline, tags, show)
        for first, second in combinations(runs, 2)
        if all_pairs or first is runs[0]
    ]
    hidden = [metric.display for id, metric in chosen.items() if id not in shown]
    if hidden:
        notes.append(f"undefined in all runs: {', '.join(hidden)}")
    if show and not all(pair.paired for pair in pairs):
        notes.append(f"no single samples of runs without {JOURNAL}")
    if run := next((compared.given.run for compared in runs if compared.given.run), None):
        (info,) = infos_of(run, [headline])
        if tags and not info.aggregate.from_scores:
            notes.append(f"no break-down: {info.display} is computed from all answers together")
        if show and not info.aggregate.per_sample:
            notes.append(f"no single samples: {info.display} is not defined for a single sample")
    lines = runs[0].lines
    return Comparison(
        runs=runs,
        samples=len(common) or given[0].summary.samples,
        images=given[0].summary.clusters if lines is None else len(set(clusters_of(lines))),
        metrics=shown,
        headline=headline,
        pairs=_adjusted(pairs),
        forced=forced,
        notes=notes,
    )


def _pair(
    first: ComparedRun, second: ComparedRun, ids: Sequence[str], headline: str, tags: Sequence[str], show: int
) -> RunPair:
    run = first.given.run
    if run is None or first.lines is None or second.lines is None:
        values = [(first.values[id], second.values[id]) for id in ids]
        metrics = [
            _approximate(before.id, (before.value, now.value), (before.interval, now.interval))
            for before, now in values
        ]
        return RunPair(first, second, metrics, _summarized_groups(first, second, headline, tags), None, None)
    metrics = _differences(infos_of(run, ids), first, second, first.lines, second.lines)
    (info,) = infos_of(run, [headline])
    groups = _groups(run, info, first.lines, second.lines, tags)
    if not show or not info.aggregate.per_sample:
        return RunPair(first, second, metrics, groups, None, None)
    better, worse = most_changed(info, first.lines, second.lines, show)
    return RunPair(first, second, metrics, groups, better, worse)


def _approximate(
    id: str, values: Sequence[float | None], intervals: Sequence[Interval | None]
) -> MetricDifference:
    """From the values and intervals of two summaries."""
    (before, now), (first, second) = values, intervals
    found = MetricDifference(before, now, None, id=id)
    if found.change is None or first is None or second is None:
        return found
    return replace(found, interval=statistics.independent(first, second, found.change))


def _differences(
    infos: Sequence[MetricInfo],
    first: ComparedRun,
    second: ComparedRun,
    before: Mapping[str, Line],
    now: Mapping[str, Line],
) -> list[MetricDifference]:
    """Every metric, with interval and test where it is defined in both runs."""
    values = {info.id: (first.values[info.id].value, second.values[info.id].value) for info in infos}
    defined = [info for info in infos if info.aggregate.has_interval and None not in values[info.id]]
    old, new, clusters = scores_of(before), scores_of(now), clusters_of(before)
    intervals = statistics.paired(defined, old, new, clusters)
    ps = statistics.permutation_test(defined, old, new, clusters)
    found = []
    for info in infos:
        difference = MetricDifference(*values[info.id], None, id=info.id)
        paired = intervals.get(info.id)
        if paired is not None:  # summed up in one order, so that equal answers have equal values
            difference = MetricDifference(**vars(paired), id=info.id, p=ps[info.id])
        if difference.change is not None:
            wins, ties, losses = _score(info, before, now)
            difference = replace(difference, wins=wins, ties=ties, losses=losses)
        found.append(difference)
    return found


def _score(
    info: MetricInfo, before: Mapping[str, Line], now: Mapping[str, Line]
) -> tuple[int, int, int] | tuple[None, None, None]:
    """How many samples improved, stayed the same, got worse."""
    if not info.aggregate.per_sample:
        return None, None, None
    gains = [gain(info, change) for change in changes(info, before, now)]
    wins, losses = sum(gained > ROUNDING for gained in gains), sum(gained < -ROUNDING for gained in gains)
    return wins, len(gains) - wins - losses, losses


def _groups(
    run: LoadedRun,
    info: MetricInfo,
    before: Mapping[str, Line],
    now: Mapping[str, Line],
    tags: Sequence[str],
) -> list[GroupDifference]:
    if not info.aggregate.from_scores:
        return []
    values, ids = tag_values(run, before.values()), list(before)
    groups = {
        (tag, value): [place for place, id in enumerate(ids) if before[id].tags.get(tag) == value]
        for tag in tags
        for value in values.get(tag, ())
    }
    scores, clusters = [scores_of(before), [now[id].scores for id in ids]], clusters_of(before)
    parts = statistics.of_groups(info, scores, clusters, [np.array(places) for places in groups.values()])
    found = []
    for ((tag, value), places), part in zip(groups.items(), parts, strict=True):
        own = [clusters[place] for place in places]
        old, new = (metric.values([info], [run[k] for k in places], own)[info.id] for run in scores)
        difference = MetricDifference(old, new, part.interval, id=info.id)
        found.append(GroupDifference(tag, value, len(places), part.clusters, difference))
    return found


def _summarized_groups(
    first: ComparedRun, second: ComparedRun, headline: str, tags: Sequence[str]
) -> list[GroupDifference]:
    """From the break-downs in the summaries, whose intervals are those of the primary metric."""
    found = []
    ours, theirs = first.given.summary, second.given.summary
    for tag in tags:
        for value, group in ours.breakdown.get(tag, {}).items():
            other = theirs.breakdown.get(tag, {}).get(value)
            if other is None or not group.samples:
                continue
            values = [side.metrics.get(headline) for side in (group, other)]
            # otherwise the bounds are of another metric
            intervals = [side.interval if headline == ours.primary else None for side in (group, other)]
            difference = _approximate(headline, values, intervals)
            counted = [side.images for side in (group, other) if side.images is not None]
            images = min(counted) if headline == ours.primary and len(counted) == 2 else None
            found.append(GroupDifference(tag, value, group.samples, images, difference))
    return found


def _adjusted(pairs: Sequence[RunPair]) -> list[RunPair]:
    """The pairs with Holm's adjustment over all of their tests."""
    adjusted = iter(statistics.holm([metric.p for pair in pairs for metric in pair.metrics]))
    return [
        replace(pair, metrics=[replace(metric, adjusted=next(adjusted)) for metric in pair.metrics])
        for pair in pairs
    ]
