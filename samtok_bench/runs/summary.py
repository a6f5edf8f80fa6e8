"""From scores to summary.json: values, intervals, floor, ceiling, counts, break-down."""

from collections import Counter
from collections.abc import Mapping, Sequence

from samtok_bench import statistics
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import Group, IntervalInfo, Line, MetricValue, Summary
from samtok_bench.sample import Outcome, Prediction, Sample, Scores
from samtok_bench.task import SampleSet, Task

Values = Mapping[str, float | None]


def summarize(
    task: Task,
    split: str,
    model: str,
    chosen: SampleSet,
    lines: Mapping[str, Line],
    ceiling: Mapping[str, Line] | None,
    seed: int,
) -> Summary:
    """Summarize a complete run.

    Args:
        task: with its protocol.
        split: its name.
        model: as the user wrote it.
        chosen: the samples of the run.
        lines: a journal line for every sample.
        ceiling: the oracle's journal lines of the same samples, if there are any.
        seed: of the bootstrap.
    """
    samples = chosen.samples
    ordered = [lines[sample.id] for sample in samples]
    scores = [line.scores for line in ordered]
    clusters = [sample.cluster for sample in samples]
    bounds = statistics.intervals(task.metrics, scores, clusters, seed=seed)
    values = _values(task, samples, [line.prediction for line in ordered], scores)
    floors = _floors(task, samples)
    above: Values = {}
    if ceiling is not None:
        best = [ceiling[sample.id] for sample in samples]
        above = _values(task, samples, [line.prediction for line in best], [line.scores for line in best])
    counts = Counter(line.prediction.outcome for line in ordered)
    metrics = []
    for info in task.metrics:
        interval = bounds[info.id]
        floor, floor_by = _best(info, floors)
        metrics.append(
            MetricValue(
                id=info.id,
                version=info.version,
                display=info.display,
                unit=info.unit,
                direction=info.direction,
                value=values[info.id],
                low=interval.low if interval else None,
                high=interval.high if interval else None,
                floor=floor,
                floor_by=floor_by,
                ceiling=above.get(info.id) if info.direction != "none" else None,
            )
        )
    return Summary(
        task=task.name,
        protocol=task.protocol,
        split=split,
        model=model,
        samples=len(samples),
        clusters=len(set(clusters)),
        outcomes={str(outcome): counts[outcome] for outcome in Outcome},
        dropped=dict(chosen.dropped),
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


def _values(
    task: Task, samples: Sequence[Sample], predictions: Sequence[Prediction], scores: Sequence[Scores]
) -> Values:
    """Every metric by id."""
    values = task.summarize(scores, [sample.cluster for sample in samples])
    return {**values, **task.corpus(samples, predictions)}


def _floors(task: Task, samples: Sequence[Sample]) -> dict[str, Values]:
    """Every metric of answers that never look at the image, by the answer's name."""
    answers = [task.floors(sample) for sample in samples]
    values = {}
    for name in answers[0]:
        made = [one[name] for one in answers]
        scores = [task.score(sample, one) for sample, one in zip(samples, made, strict=True)]
        values[name] = _values(task, samples, made, scores)
    return values


def _best(info: MetricInfo, floors: Mapping[str, Values]) -> tuple[float | None, str | None]:
    if info.direction == "none":
        return None, None
    sign = 1 if info.direction == "higher" else -1
    defined = [
        (sign * value, name) for name, values in floors.items() if (value := values[info.id]) is not None
    ]
    if not defined:
        return None, None
    value, name = max(defined, key=lambda pair: pair[0])  # the first of equals
    return sign * value, name


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
