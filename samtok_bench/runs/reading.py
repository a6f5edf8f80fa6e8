"""Finished runs, read back: complete, with metrics that are defined, compared like with like."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samtok_bench import metric, registry, statistics
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import (
    JOURNAL,
    RUN,
    SUMMARY,
    Line,
    MetricValue,
    RunFolder,
    RunRecord,
    Summary,
    differences,
)
from samtok_bench.sample import Sample, Scores
from samtok_bench.statistics import Interval
from samtok_bench.task import Task

COMPARED = ("task", "protocol", "split", "data", "options")
"""Settings without which two runs do not compare."""
TRACEABLE = ("ratio", "median", "worst_decile")
"""Aggregates for which a sample's own value says how good it is."""
ROUNDING = 1e-9
"""What arithmetic may add to a difference, or a drop of exactly a tolerance."""
UNREMARKABLE = {*COMPARED, "data_format", "model", "code", "limit", "sample"}
"""Settings that are compared already, or whose change is what one compares; so are a predictor's weights."""


class NotComparable(ValueError):
    """A run that cannot be read, or two that do not compare; the message is the reason."""


@dataclass(frozen=True)
class LoadedRun:
    """A complete results folder."""

    path: Path
    record: RunRecord
    summary: Summary
    lines: dict[str, Line]
    task: Task
    metrics: Sequence[MetricInfo]
    """Of the task; of a judge, where the run is looked at as judged."""
    files: str = f"{SUMMARY} and {JOURNAL}"
    """What must agree."""
    mend: str = "rescore it"
    """What makes them agree."""


@dataclass(frozen=True)
class Change:
    """A sample's own value of a metric in two runs."""

    id: str
    before: float
    after: float


def open_run(path: Path) -> LoadedRun:
    """A complete results folder; NotComparable says what it lacks."""
    folder = RunFolder(path)
    try:
        record = folder.record()
        if record.status != "complete":
            raise NotComparable(f"{path} is incomplete: run its command again")
        summary, lines, task = folder.summary(), folder.journal.read(), task_of(record)
    except (OSError, ValueError) as error:
        raise NotComparable(str(error)) from None
    if len(lines) != record.samples:
        raise NotComparable(f"{path} is incomplete: {JOURNAL} holds {len(lines)} of {record.samples} samples")
    return LoadedRun(path, record, summary, lines, task, task.metrics)


def samples_of(run: LoadedRun) -> dict[str, Sample]:
    """The samples of a run's split by id, read from its data; ValueError or OSError where they cannot be."""
    read = run.task.samples(run.record.root(run.task), run.record.settings["split"])
    return {sample.id: sample for sample in read.samples}


def task_of(record: RunRecord) -> Task:
    """The task that a run was of; ValueError where it is unknown, or run.json malformed."""
    settings = record.settings
    missing = [
        name for name in ("task", "protocol", "split", "data") if not isinstance(settings.get(name), str)
    ]
    if missing:
        raise ValueError(f"the settings in {RUN} have no {missing[0]}")
    kind = registry.task_class(settings["task"])
    return kind(settings["protocol"], settings.get("data_format"), settings.get("options"))


def comparable(
    run: LoadedRun, baseline: LoadedRun, tag: Mapping[str, str]
) -> tuple[dict[str, Line], dict[str, Line]]:
    """The lines of both runs with a tag, in one order; NotComparable unless they are of one thing."""
    if run.path.resolve() == baseline.path.resolve():
        raise NotComparable(f"{run.path} is compared with itself")
    unlike = f"{run.path} does not compare with {baseline.path}"
    there, here = ({name: one.record.settings.get(name) for name in COMPARED} for one in (baseline, run))
    differing = differences(there, here)
    if (differing and there["data"] == here["data"]) or len(differing) > 1:
        raise NotComparable(f"{unlike}: {'; '.join(differing)}")
    lines, others = chosen(run, tag), chosen(baseline, tag)
    only, lacking = len(lines.keys() - others.keys()), len(others.keys() - lines.keys())
    if only or lacking:
        raise NotComparable(f"{unlike}: {only} samples are in the former alone, {lacking} in the latter")
    if differing:  # told last: of other data, how many samples differ says more
        raise NotComparable(f"{unlike}: {differing[0]}")
    return lines, {id: others[id] for id in lines}


def chosen(run: LoadedRun, tag: Mapping[str, str]) -> dict[str, Line]:
    """The lines with the given values of tags, by id; NotComparable where there are none."""
    found = {
        id: line for id, line in sorted(run.lines.items()) if all(line.tags.get(k) == tag[k] for k in tag)
    }
    if not found:
        wanted = " and ".join(f"{name} {value!r}" for name, value in tag.items())
        raise NotComparable(f"{run.path} has no samples{f' with {wanted}' if tag else ''}")
    return found


def defined_value(run: LoadedRun, info: MetricInfo, lines: Mapping[str, Line]) -> float:
    """The metric of some of a run's lines, if it is defined and the summary agrees with the journal."""
    value = agreed_values(run, [info], lines)[info.id]
    if value is None:
        raise NotComparable(f"{run.path}: {info.id} is undefined on {len(lines)} samples")
    return value


def agreed_values(
    run: LoadedRun, infos: Sequence[MetricInfo], lines: Mapping[str, Line]
) -> dict[str, float | None]:
    """Metrics of some of a run's lines by id, None where undefined (as those of the whole corpus are here).

    NotComparable unless the summary has all of them, in this version, and agrees with the journal.
    """
    stored = {info.id: stored_metric(run, info).value for info in infos}
    whole = _measured(run, infos, run.lines)
    for id, value in whole.items():
        there = stored[id]
        if value is None or there is None:
            agree = value is there
        else:
            agree = math.isclose(there, value, rel_tol=1e-6, abs_tol=1e-9)
        if not agree:
            raise NotComparable(f"{run.path}: {run.files} differ in {id}: {run.mend}")
    return whole if len(lines) == len(run.lines) else _measured(run, infos, lines)


def stored_metric(run: LoadedRun, info: MetricInfo) -> MetricValue:
    """A metric as the summary has it; NotComparable where it is of another version, or not there."""
    try:
        stored = run.summary.metric(info.id)
    except KeyError:
        raise NotComparable(f"{run.path}: {SUMMARY} has no {info.id}") from None
    if stored.version != info.version:
        raise NotComparable(
            f"{run.path} has version {stored.version} of {info.id}, not {info.version}: rescore it"
        )
    return stored


def _measured(
    run: LoadedRun, infos: Sequence[MetricInfo], lines: Mapping[str, Line]
) -> dict[str, float | None]:
    scores = [line.scores for line in lines.values()]
    rows, count = statistics.numbered([line.cluster for line in lines.values()])
    try:
        values = {info.id: metric.value(info, scores, rows, count) for info in infos}
        finite = {info.id: _all_finite(info, scores) for info in infos}
    except KeyError as error:
        raise NotComparable(f"{run.path}: {JOURNAL} has no score {error}: rescore it") from None
    found = {info.id: values[info.id] if finite[info.id] else None for info in infos}
    return {id: None if value is None or not math.isfinite(value) else value for id, value in found.items()}


def _all_finite(info: MetricInfo, scores: Sequence[Scores]) -> bool:
    if info.aggregate == "corpus":
        return True
    keys = [info.numerator] if info.denominator is None else [info.numerator, info.denominator]
    return all(math.isfinite(one[key]) for one in scores for key in keys)


def sign(info: MetricInfo | MetricValue) -> int:
    """-1 where less is better, else 1."""
    return -1 if info.direction == "lower" else 1


def own_value(info: MetricInfo, line: Line) -> float | None:
    """A sample's own value of a metric; None where it takes no part, or the aggregate has no such value."""
    if info.aggregate not in TRACEABLE:
        return None
    top = line.scores[info.numerator]
    bottom = 1.0 if info.denominator is None else line.scores[info.denominator]
    if bottom <= 0:
        return None
    return top / bottom if info.aggregate == "ratio" else top


def changes(info: MetricInfo, before: Mapping[str, Line], now: Mapping[str, Line]) -> list[Change]:
    """What became of each sample, in the order of `now`.

    A sample that takes part in one of the runs only has nothing to compare and is left out.
    """
    pairs = ((id, own_value(info, before[id]), own_value(info, line)) for id, line in now.items())
    return [Change(id, old, new) for id, old, new in pairs if old is not None and new is not None]


def gain(info: MetricInfo, change: Change) -> float:
    """How much better a sample became; below 0 where worse, whichever way the metric counts."""
    return sign(info) * (change.after - change.before)


def most_changed(
    info: MetricInfo, before: Mapping[str, Line], now: Mapping[str, Line], count: int
) -> tuple[list[Change], list[Change]]:
    """The samples that became better and those that became worse: so many of each, the most changed first."""
    found = [(gain(info, change), change.id, change) for change in changes(info, before, now)]
    better = sorted((-gained, id, change) for gained, id, change in found if gained > ROUNDING)
    worse = sorted((gained, id, change) for gained, id, change in found if gained < -ROUNDING)
    return [change for *_, change in better[:count]], [change for *_, change in worse[:count]]


def gains(info: MetricInfo, interval: Interval) -> Interval:
    """Bounds of a difference as bounds of how much better a run became."""
    low, high = sorted(sign(info) * bound for bound in (interval.low, interval.high))
    return Interval(low, high)


def tag_values(run: LoadedRun, lines: Iterable[Line]) -> dict[str, list[str]]:
    """The tags of some of a run's lines with the values that occur, in the task's order, then by name."""
    found: dict[str, set[str]] = {}
    for line in lines:
        for tag, value in line.tags.items():
            found.setdefault(tag, set()).add(value)
    order = run.task.tag_values
    return {
        tag: [value for value in dict.fromkeys([*order.get(tag, ()), *sorted(values)]) if value in values]
        for tag, values in found.items()
    }


def informing_images(info: MetricInfo, lines: Mapping[str, Line]) -> int:
    """How many images inform a metric."""
    key = info.denominator
    return len({line.cluster for line in lines.values() if key is None or line.scores[key] > 0})


def remarks(run: LoadedRun, baseline: LoadedRun) -> list[str]:
    """What else differs from the baseline and may matter."""
    there, here = (
        {
            **{name: value for name, value in one.record.settings.items() if name not in UNREMARKABLE},
            "packages": one.record.sessions[-1].packages if one.record.sessions else {},
        }
        for one in (baseline, run)
    )
    found = [text for text in differences(there, here) if not text.split()[0].endswith(".weights")]
    return [f"unlike the baseline: {'; '.join(found)}"] if found else []
