"""Differences between runs, with intervals and tests: paired by sample, clustered by image.

If a run has no answers of single samples, the intervals in the summaries are compared, unpaired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from samtok_bench import statistics
from samtok_bench.comparison.compared_runs import (
    ComparedRun,
    Value,
    chosen_metrics,
    images_of,
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
from samtok_bench.statistics import Interval


@dataclass(frozen=True)
class MetricDifference:
    """A metric in two runs."""

    id: str
    first: float | None
    second: float | None
    interval: Interval | None
    """Of `second - first`; approximate where the runs are unpaired."""
    p: float | None = None
    """Of the permutation test; None where there is none."""
    adjusted: float | None = None
    """p after Holm, over all tests of the comparison."""
    wins: int | None = None
    """Samples on which the second run is better; None where samples have no value of their own."""
    ties: int | None = None
    losses: int | None = None

    @property
    def change(self) -> float | None:
        """`second - first`."""
        return None if self.first is None or self.second is None else self.second - self.first


@dataclass(frozen=True)
class GroupDifference:
    """The headline metric on the samples with one value of a tag."""

    tag: str
    value: str
    samples: int
    difference: MetricDifference


@dataclass(frozen=True)
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

    @property
    def paired(self) -> bool:
        """Whether samples are compared one by one; if not, only summaries are."""
        return self.first.lines is not None and self.second.lines is not None


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class _Asked:
    """What to look at in each pair."""

    metrics: list[str]
    headline: str
    tags: list[str]
    show: int


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
    agreed = agree_on_terms(given, force)
    chosen = chosen_metrics(given, metrics)
    runs = [on_common_samples(run, agreed, list(chosen)) for run in given]
    undefined = [id for id in chosen if all(run.values[id].value is None for run in runs)]
    primary = given[0].summary.primary
    headline = metrics[0] if metrics else primary if primary in chosen else next(iter(chosen))
    shown = {
        id: metric for id, metric in chosen.items() if id in metrics or id == headline or id not in undefined
    }
    asked = _Asked(list(shown), headline, tags_of(runs[0], by), show)
    pairs = [
        _pair(first, second, asked)
        for first, second in combinations(runs, 2)
        if all_pairs or first is runs[0]
    ]
    hidden = [metric.display for id, metric in chosen.items() if id not in shown]
    return Comparison(
        runs=runs,
        samples=len(agreed.ids) or given[0].summary.samples,
        images=images_of(runs[0]),
        metrics=shown,
        headline=headline,
        pairs=_adjusted(pairs),
        forced=agreed.forced,
        notes=[*agreed.notes, *_lacking(pairs, runs, asked, hidden)],
    )


def _lacking(
    pairs: Sequence[RunPair], runs: Sequence[ComparedRun], asked: _Asked, hidden: Sequence[str]
) -> list[str]:
    """What was asked for and cannot be shown, in words."""
    found = [f"undefined in all runs: {', '.join(hidden)}"] if hidden else []
    if asked.show and not all(pair.paired for pair in pairs):
        found.append(f"no single samples of runs without {JOURNAL}")
    run = next((compared.given.run for compared in runs if compared.given.run), None)
    if run is None:
        return found
    (info,) = infos_of(run, [asked.headline])
    if asked.tags and not info.aggregate.from_scores:
        found.append(f"no break-down: {info.display} is computed from all answers together")
    if asked.show and not info.aggregate.per_sample:
        found.append(f"no single samples: {info.display} is not defined for a single sample")
    return found


def _pair(first: ComparedRun, second: ComparedRun, asked: _Asked) -> RunPair:
    if first.given.run is None or first.lines is None or second.lines is None:
        metrics = [_approximate(id, first.values[id], second.values[id]) for id in asked.metrics]
        return RunPair(first, second, metrics, _summarized_groups(first, second, asked), None, None)
    run = first.given.run
    metrics = _differences(infos_of(run, asked.metrics), first, second, first.lines, second.lines)
    (headline,) = infos_of(run, [asked.headline])
    groups = _groups(run, headline, first.lines, second.lines, asked.tags)
    if not asked.show or not headline.aggregate.per_sample:
        return RunPair(first, second, metrics, groups, None, None)
    better, worse = most_changed(headline, first.lines, second.lines, asked.show)
    return RunPair(first, second, metrics, groups, better, worse)


def _approximate(id: str, first: Value, second: Value) -> MetricDifference:
    """From the values and intervals of the summaries."""
    found = MetricDifference(id, first.value, second.value, None)
    if found.change is None or first.interval is None or second.interval is None:
        return found
    return replace(found, interval=statistics.independent(first.interval, second.interval, found.change))


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
        first_value, second_value = values[info.id]
        difference = MetricDifference(info.id, first_value, second_value, None)
        paired = intervals.get(info.id)
        if paired is not None:  # summed up in one order, so that equal answers have equal values
            difference = MetricDifference(info.id, paired.first, paired.second, paired.interval, ps[info.id])
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
    values, found = tag_values(run, before.values()), []
    for tag in tags:
        for value in values.get(tag, ()):
            group = {id: line for id, line in before.items() if line.tags.get(tag) == value}
            old, new = scores_of(group), [now[id].scores for id in group]
            paired = statistics.paired([info], old, new, clusters_of(group))[info.id]
            difference = MetricDifference(info.id, paired.first, paired.second, paired.interval)
            found.append(GroupDifference(tag, value, len(group), difference))
    return found


def _summarized_groups(first: ComparedRun, second: ComparedRun, asked: _Asked) -> list[GroupDifference]:
    """From the break-downs in the summaries, whose intervals are those of the primary metric."""
    found = []
    ours, theirs = first.given.summary, second.given.summary
    for tag in asked.tags:
        for value, group in ours.breakdown.get(tag, {}).items():
            other = theirs.breakdown.get(tag, {}).get(value)
            if other is None or not group.samples:
                continue
            values = [Value(side.metrics.get(asked.headline), side.interval) for side in (group, other)]
            if asked.headline != ours.primary:  # the bounds are of another metric
                values = [Value(bounded.value, None) for bounded in values]
            found.append(GroupDifference(tag, value, group.samples, _approximate(asked.headline, *values)))
    return found


def _adjusted(pairs: Sequence[RunPair]) -> list[RunPair]:
    """The pairs with Holm's adjustment over all of their tests."""
    adjusted = iter(statistics.holm([metric.p for pair in pairs for metric in pair.metrics]))
    return [
        replace(pair, metrics=[replace(metric, adjusted=next(adjusted)) for metric in pair.metrics])
        for pair in pairs
    ]
