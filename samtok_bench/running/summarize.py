"""From the scores of samples to summary.json: values, intervals, floor, ceiling, counts, break-down."""

from collections import Counter
from collections.abc import Mapping, Sequence

from samtok_bench import statistics
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.journal import Line
from samtok_bench.runs.settings import RunSettings
from samtok_bench.runs.summary import Group, IntervalInfo, MetricValue, Summary
from samtok_bench.sample import Outcome, Prediction, Sample, Scores
from samtok_bench.task import SampleSet, Task

Values = Mapping[str, float | None]


def summarize(
    settings: RunSettings,
    task: Task,
    chosen: SampleSet,
    lines: Mapping[str, Line],
    ceiling: Mapping[str, Line] | None,
) -> Summary:
    """Summarize a run whose samples are all answered.

    Args:
        chosen: the samples of the run.
        lines: a journal line for every sample.
        ceiling: the oracle's journal lines of the same samples, if there are any.
    """
    samples, seed = chosen.samples, settings.seed
    ordered = [lines[sample.id] for sample in samples]
    scores = [line.scores for line in ordered]
    clusters = [sample.cluster for sample in samples]
    bounds = statistics.intervals(task.metrics, scores, clusters, seed=seed)
    values, floors = _values_of(task, chosen, lines), _floors(task, chosen)
    above = {} if ceiling is None else _values_of(task, chosen, ceiling)
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
        outcomes=_outcomes(lines),
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
        breakdown=_breakdown(task, samples, scores, seed),
    )


def _outcomes(lines: Mapping[str, Line]) -> dict[str, int]:
    counts = Counter(line.prediction.outcome for line in lines.values())
    return {str(outcome): counts[outcome] for outcome in Outcome}


def _values(
    task: Task, chosen: SampleSet, predictions: Sequence[Prediction], scores: Sequence[Scores]
) -> Values:
    """Every metric by id."""
    values = task.summarize(scores, [sample.cluster for sample in chosen.samples])
    return {**values, **task.corpus(chosen.samples, predictions, chosen.shared)}


def _values_of(task: Task, chosen: SampleSet, lines: Mapping[str, Line]) -> Values:
    answered = [lines[sample.id] for sample in chosen.samples]
    return _values(task, chosen, [line.prediction for line in answered], [line.scores for line in answered])


def _floors(task: Task, chosen: SampleSet) -> dict[str, Values]:
    """Every metric of answers that never look at the image, by the answer's name."""
    answers = [task.floors(sample) for sample in chosen.samples]
    values = {}
    for name in answers[0]:
        constant = [by_name[name] for by_name in answers]
        scores = [task.score(*pair) for pair in zip(chosen.samples, constant, strict=True)]
        values[name] = _values(task, chosen, constant, scores)
    return values


def _best(info: MetricInfo, floors: Mapping[str, Values]) -> tuple[float | None, str | None]:
    if info.direction == "none":
        return None, None
    defined = [(value, name) for name, values in floors.items() if (value := values[info.id]) is not None]
    # of equals the first
    return max(defined, key=lambda pair: info.sign * pair[0], default=(None, None))


def _breakdown(
    task: Task, samples: Sequence[Sample], scores: Sequence[Scores], seed: int
) -> dict[str, dict[str, Group]]:
    """Tags in the order in which samples have them, their values as the task orders them or by name."""
    groups: dict[str, dict[str, list[int]]] = {}
    for place, sample in enumerate(samples):
        for tag, value in sample.tags.items():
            groups.setdefault(tag, {}).setdefault(value, []).append(place)
    return {
        tag: {
            value: _group(task, [samples[k] for k in places], [scores[k] for k in places], seed)
            for value in dict.fromkeys([*task.tag_values.get(tag, ()), *sorted(by_value)])
            for places in [by_value.get(value, [])]
        }
        for tag, by_value in groups.items()
    }


def _group(task: Task, samples: Sequence[Sample], scores: Sequence[Scores], seed: int) -> Group:
    primary = [info for info in task.metrics if info.id == task.primary]
    clusters = [sample.cluster for sample in samples]
    interval = statistics.intervals(primary, scores, clusters, seed=seed)[task.primary]
    return Group(
        samples=len(samples),
        metrics=task.summarize(scores, clusters),
        low=interval.low if interval else None,
        high=interval.high if interval else None,
    )
