"""From the scores of samples to summary.json: values, intervals, floor, ceiling, counts, break-down."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from samtok_bench import statistics
from samtok_bench.metric import Columns, Gathering, MetricInfo, Scored
from samtok_bench.running.tally import Tally, needs_answers
from samtok_bench.runs.settings import RunSettings
from samtok_bench.runs.summary import Group, IntervalInfo, MetricValue, Summary
from samtok_bench.sample import Outcome, Prediction, Sample
from samtok_bench.task import SampleSet, Task

Values = Mapping[str, float | None]


def summarize(
    settings: RunSettings,
    task: Task,
    chosen: SampleSet,
    told: Tally,
    ceiling: Tally | None,
) -> Summary:
    """Summarize a run whose samples are all answered.

    Args:
        chosen: the samples of the run.
        told: of its journal.
        ceiling: of the oracle's journal on the same samples, if there is one.
    """
    samples, seed = chosen.samples, settings.seed
    clusters = [sample.cluster for sample in samples]
    groups = _groups(task, samples)
    (primary,) = [info for info in task.metrics if info.id == task.primary]
    bounds, grouped = statistics.with_groups(
        task.metrics, told.scores, clusters, primary, list(groups.values()), seed=seed
    )
    values, floors = _values(task, chosen, told.predictions, told.scores), _floors(task, chosen)
    above = {} if ceiling is None else _values(task, chosen, ceiling.predictions, ceiling.scores)
    metrics = [
        MetricValue.of(
            info,
            values[info.id],
            bounds[info.id],
            floor=_best(info, floors),
            ceiling=above.get(info.id) if info.direction != "none" else None,
        )
        for info in task.metrics
    ]
    return Summary(
        task=task.name,
        protocol=task.protocol,
        split=settings.split,
        model=settings.label,
        samples=len(samples),
        clusters=len(set(clusters)),
        outcomes=_outcomes(told),
        ceiling_outcomes=None if ceiling is None else _outcomes(ceiling),
        dropped=dict(chosen.dropped.counts),
        kept=dict(chosen.dropped.kept),
        primary=task.primary,
        metrics=metrics,
        interval=IntervalInfo(
            method="percentile bootstrap, clustered by image",
            level=statistics.LEVEL,
            resamples=statistics.RESAMPLES,
            seed=seed,
        ),
        breakdown=_breakdown(task, told.scores, clusters, groups, grouped),
    )


def _outcomes(told: Tally) -> dict[str, int]:
    return {str(outcome): told.outcomes[outcome] for outcome in Outcome}


def _values(task: Task, chosen: SampleSet, predictions: Sequence[Prediction], scores: Scored) -> Values:
    """Every metric by id; `predictions` may be none where the task does not need them, see `tally`."""
    values = task.summarize(scores, [sample.cluster for sample in chosen.samples])
    return {**values, **(task.corpus(chosen.samples, predictions, chosen.shared) if predictions else {})}


def _floors(task: Task, chosen: SampleSet) -> dict[str, Values]:
    """Every metric of answers that never look at the image, by the answer's name."""
    kept, names = needs_answers(task), list(task.floors(chosen.samples[0]))
    scores = {name: Gathering(task.metrics) for name in names}
    answers: dict[str, list[Prediction]] = {name: [] for name in names}
    for sample in chosen.samples:
        given = task.floors(sample)
        for name in names:
            scores[name].add(task.score(sample, given[name]))
            answers[name] += [given[name]] if kept else ()
    return {name: _values(task, chosen, answers[name], scores[name].columns()) for name in names}


def _best(info: MetricInfo, floors: Mapping[str, Values]) -> tuple[float | None, str | None]:
    if info.direction == "none":
        return None, None
    defined = [(value, name) for name, values in floors.items() if (value := values[info.id]) is not None]
    # of equals the first
    return max(defined, key=lambda pair: info.sign * pair[0], default=(None, None))


def _groups(task: Task, samples: Sequence[Sample]) -> dict[tuple[str, str], NDArray[np.int64]]:
    """The samples of each tag and value, by number.

    Tags come in the order in which samples have them, their values as the task orders them or by name.
    """
    groups: dict[str, dict[str, array[int]]] = {}
    for place, sample in enumerate(samples):
        for tag, value in sample.tags.items():
            by_value = groups.setdefault(tag, {})
            if value not in by_value:
                by_value[value] = array("q")
            by_value[value].append(place)
    return {
        (tag, value): np.array(by_value.get(value, ()), np.int64)
        for tag, by_value in groups.items()
        for value in dict.fromkeys([*task.tag_values.get(tag, ()), *sorted(by_value)])
    }


def _breakdown(
    task: Task,
    scores: Columns,
    clusters: Sequence[str],
    groups: Mapping[tuple[str, str], NDArray[np.int64]],
    intervals: Sequence[statistics.Grouped],
) -> dict[str, dict[str, Group]]:
    found: dict[str, dict[str, Group]] = {}
    for ((tag, value), places), part in zip(groups.items(), intervals, strict=True):
        found.setdefault(tag, {})[value] = Group(
            samples=len(places),
            images=part.clusters,
            metrics=task.summarize(scores.chosen(places), [clusters[place] for place in places]),
            low=part.interval.low if part.interval else None,
            high=part.interval.high if part.interval else None,
        )
    return found
