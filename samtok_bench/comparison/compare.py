"""Differences between runs, with intervals and tests: paired by sample, clustered by image.

Runs without answers of single samples are compared unpaired, from the intervals in their summaries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from samtok_bench import statistics
from samtok_bench.comparison.compared_runs import (
    Side,
    Value,
    chosen_metrics,
    clusters_of,
    images_of,
    infos_of,
    scores_of,
    side_of,
    tags_of,
    value_of,
)
from samtok_bench.comparison.given_runs import Source, terms
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import JOURNAL, Line, MetricValue
from samtok_bench.runs.reading import (
    ROUNDING,
    TRACEABLE,
    Change,
    LoadedRun,
    changes,
    gain,
    most_changed,
    tag_values,
)
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
class Pair:
    """Two runs compared."""

    first: Side
    second: Side
    metrics: list[MetricDifference]
    groups: list[GroupDifference]
    better: list[Change] | None
    """Samples whose headline metric changed most for the better, the most first; None where not asked for."""
    worse: list[Change] | None

    @property
    def paired(self) -> bool:
        """By sample; else from summaries alone."""
        return self.first.lines is not None and self.second.lines is not None


@dataclass(frozen=True)
class Comparison:
    """All that is to be shown."""

    sides: list[Side]
    samples: int
    images: int
    metrics: dict[str, MetricValue]
    """What is compared, by id, described as in the first run's summary."""
    headline: str
    """Id of the metric of break-downs and single samples."""
    pairs: list[Pair]
    forced: list[str]
    """What forbids the comparison, had the user not forced it."""
    notes: list[str]

    @property
    def tests(self) -> int:
        """Over how many tests Holm's adjustment goes."""
        return sum(one.p is not None for pair in self.pairs for one in pair.metrics)


@dataclass(frozen=True)
class _Asked:
    """What to look at in each pair."""

    metrics: list[str]
    headline: str
    tags: list[str]
    show: int


def compare(
    sources: Sequence[Source],
    *,
    metrics: Sequence[str] = (),
    by: Sequence[str] = (),
    show: int = 0,
    all_pairs: bool = False,
    force: bool = False,
) -> Comparison:
    """Compare each run with the first.

    Args:
        sources: two or more, see `open_sources`.
        metrics: ids; all that have a direction if none. The first, or else the task's primary metric, is the
            headline of break-downs and single samples.
        by: tags to break down by; those that tell samples apart if none.
        show: how many samples that changed most to name, for the better and for the worse.
        all_pairs: compare every pair of runs.
        force: see `terms`.

    Raises:
        ValueError: runs that do not compare (NotComparable), an unknown metric or tag.
    """
    agreed = terms(sources, force)
    chosen = chosen_metrics(sources, metrics)
    sides = [side_of(source, agreed, list(chosen)) for source in sources]
    undefined = [id for id in chosen if all(side.values[id].value is None for side in sides)]
    primary = sources[0].summary.primary
    headline = metrics[0] if metrics else primary if primary in chosen else next(iter(chosen))
    shown = {id: one for id, one in chosen.items() if id in metrics or id == headline or id not in undefined}
    asked = _Asked(list(shown), headline, tags_of(sides[0], by), show)
    pairs = [
        _pair(first, second, asked)
        for first, second in combinations(sides, 2)
        if all_pairs or first is sides[0]
    ]
    hidden = [one.display for id, one in chosen.items() if id not in shown]
    return Comparison(
        sides=sides,
        samples=len(agreed.ids) or sources[0].summary.samples,
        images=images_of(sides[0]),
        metrics=shown,
        headline=headline,
        pairs=_adjusted(pairs),
        forced=agreed.forced,
        notes=[*agreed.notes, *_lacking(pairs, sides, asked, hidden)],
    )


def _lacking(pairs: Sequence[Pair], sides: Sequence[Side], asked: _Asked, hidden: Sequence[str]) -> list[str]:
    """What was asked for and is not shown, in words."""
    found = [f"undefined in all runs: {', '.join(hidden)}"] if hidden else []
    if asked.show and not all(pair.paired for pair in pairs):
        found.append(f"no single samples of runs without {JOURNAL}")
    run = next((side.source.run for side in sides if side.source.run), None)
    if run is None:
        return found
    (info,) = infos_of(run, [asked.headline])
    if asked.tags and info.aggregate == "corpus":
        found.append(f"no break-down: {info.display} is a value of all answers together")
    if asked.show and info.aggregate not in TRACEABLE:
        found.append(f"no single samples: {info.display} is no value of single samples")
    return found


def _pair(first: Side, second: Side, asked: _Asked) -> Pair:
    if first.source.run is None or first.lines is None or second.lines is None:
        metrics = [_approximate(id, first.values[id], second.values[id]) for id in asked.metrics]
        return Pair(first, second, metrics, _summarized_groups(first, second, asked), None, None)
    run = first.source.run
    metrics = _differences(infos_of(run, asked.metrics), first, second, first.lines, second.lines)
    (headline,) = infos_of(run, [asked.headline])
    groups = _groups(run, headline, first.lines, second.lines, asked.tags)
    if not asked.show or headline.aggregate not in TRACEABLE:
        return Pair(first, second, metrics, groups, None, None)
    better, worse = most_changed(headline, first.lines, second.lines, asked.show)
    return Pair(first, second, metrics, groups, better, worse)


def _approximate(id: str, first: Value, second: Value) -> MetricDifference:
    """From what summaries say."""
    found = MetricDifference(id, first.value, second.value, None)
    if found.change is None or first.interval is None or second.interval is None:
        return found
    return replace(found, interval=statistics.independent(first.interval, second.interval, found.change))


def _differences(
    infos: Sequence[MetricInfo],
    first: Side,
    second: Side,
    before: Mapping[str, Line],
    now: Mapping[str, Line],
) -> list[MetricDifference]:
    """Every metric, with interval and test where it is defined in both runs."""
    values = {info.id: (first.values[info.id].value, second.values[info.id].value) for info in infos}
    defined = [info for info in infos if info.has_interval and None not in values[info.id]]
    old, new, clusters = scores_of(before), scores_of(now), clusters_of(before)
    intervals = statistics.paired(defined, old, new, clusters)
    ps = statistics.permutation_test(defined, old, new, clusters)
    found = []
    for info in infos:
        first_value, second_value = values[info.id]
        difference = MetricDifference(info.id, first_value, second_value, None)
        one = intervals.get(info.id)
        if one is not None:  # values of one order of additions: of equal answers they are equal
            difference = MetricDifference(info.id, one.first, one.second, one.interval, ps[info.id])
        if difference.change is not None:
            wins, ties, losses = _score(info, before, now)
            difference = replace(difference, wins=wins, ties=ties, losses=losses)
        found.append(difference)
    return found


def _score(
    info: MetricInfo, before: Mapping[str, Line], now: Mapping[str, Line]
) -> tuple[int, int, int] | tuple[None, None, None]:
    """Samples that became better, stayed, became worse."""
    if info.aggregate not in TRACEABLE:
        return None, None, None
    gains = [gain(info, change) for change in changes(info, before, now)]
    wins, losses = sum(one > ROUNDING for one in gains), sum(one < -ROUNDING for one in gains)
    return wins, len(gains) - wins - losses, losses


def _groups(
    run: LoadedRun,
    info: MetricInfo,
    before: Mapping[str, Line],
    now: Mapping[str, Line],
    tags: Sequence[str],
) -> list[GroupDifference]:
    if info.aggregate == "corpus":
        return []
    values, found = tag_values(run, before.values()), []
    for tag in tags:
        for value in values.get(tag, ()):
            some = {id: line for id, line in before.items() if line.tags.get(tag) == value}
            old, new = scores_of(some), [now[id].scores for id in some]
            one = statistics.paired([info], old, new, clusters_of(some))[info.id]
            difference = MetricDifference(info.id, one.first, one.second, one.interval)
            found.append(GroupDifference(tag, value, len(some), difference))
    return found


def _summarized_groups(first: Side, second: Side, asked: _Asked) -> list[GroupDifference]:
    """From the break-downs in summaries, which have intervals of the primary metric."""
    found = []
    ours, theirs = first.source.summary, second.source.summary
    for tag in asked.tags:
        for value, group in ours.breakdown.get(tag, {}).items():
            other = theirs.breakdown.get(tag, {}).get(value)
            if other is None or not group.samples:
                continue
            values = [value_of(one, one.metrics.get(asked.headline)) for one in (group, other)]
            if asked.headline != ours.primary:  # the bounds are of another metric
                values = [Value(one.value, None) for one in values]
            found.append(GroupDifference(tag, value, group.samples, _approximate(asked.headline, *values)))
    return found


def _adjusted(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs with Holm's adjustment over all of their tests."""
    adjusted = iter(statistics.holm([one.p for pair in pairs for one in pair.metrics]))
    return [
        replace(pair, metrics=[replace(one, adjusted=next(adjusted)) for one in pair.metrics])
        for pair in pairs
    ]
