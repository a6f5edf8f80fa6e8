"""Finished runs, read back: complete, with metrics that agree with the answers."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samtok_bench import metric, registry
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import JOURNAL, RUN, SUMMARY, RunFolder, RunRecord
from samtok_bench.runs.journal import Line
from samtok_bench.runs.settings import RunSettings
from samtok_bench.runs.summary import MetricValue, Summary
from samtok_bench.sample import Sample, Scores
from samtok_bench.task import Task

THEIR_FILE = "(defined in a file of yours? samtok-bench --task-file FILE.py COMMAND reads its runs)"


class NotComparable(ValueError):
    """A run that cannot be read, or two that do not compare; the message is the reason."""


@dataclass(frozen=True)
class LoadedRun:
    """A complete run with its metrics: as it was scored, or as a judge scored it."""

    path: Path
    """The results folder."""
    record: RunRecord
    task: Task
    summary: Summary
    lines: dict[str, Line]
    """The answers with their scores, by sample id."""
    metrics: Sequence[MetricInfo]
    """Of the summary and the scores, as they are defined today."""
    judge: str | None = None
    """Who scored the answers and how; None for the run's own metrics."""
    served: str = ""
    """What the judge's server says that replied; empty where it says nothing."""
    files: str = f"{SUMMARY} and {JOURNAL}"
    """What must agree: summary and scores."""
    mend: str = "rescore it"
    """What makes them agree."""

    @property
    def settings(self) -> RunSettings:
        """Of the record."""
        return self.record.settings


def open_run(path: Path, data_root: Path | None = None) -> LoadedRun:
    """A complete results folder; NotComparable says what it lacks.

    Args:
        path: the folder.
        data_root: where its data is now, if not where it was.

    Raises:
        FileNotFoundError: there is no such data root.
    """
    if data_root is not None and not data_root.is_dir():
        raise FileNotFoundError(f"no folder {data_root}")
    folder = RunFolder(path)
    try:
        record = folder.record()
        if data_root is not None:
            record = record.model_copy(update={"data_root": str(data_root.resolve())})
        if record.status != "complete":
            raise NotComparable(f"{path} is incomplete: run its command again")
        task, summary, lines = task_of(folder), folder.summary(), folder.journal.read()
    except (OSError, ValueError) as error:
        raise NotComparable(str(error)) from None
    if len(lines) != record.samples:
        raise NotComparable(f"{path} is incomplete: {JOURNAL} holds {len(lines)} of {record.samples} samples")
    return LoadedRun(path, record, task, summary, lines, task.metrics)


def task_of(folder: RunFolder) -> Task:
    """The task of a run; ValueError where run.json is malformed or names none that is known here."""
    settings = folder.record().settings
    try:
        return settings.make_task()
    except ValueError as error:
        hint = f" {THEIR_FILE}" if isinstance(error, registry.UnknownName) else ""
        raise ValueError(f"{folder.path / RUN}: {error}{hint}") from None


def samples_of(run: LoadedRun) -> dict[str, Sample]:
    """The samples of a run's split by id, read from its data; ValueError or OSError where they cannot be."""
    read = run.task.samples(run.record.root(run.task), run.record.settings.split)
    return {sample.id: sample for sample in read.samples}


def chosen_lines(run: LoadedRun, tag: Mapping[str, str]) -> dict[str, Line]:
    """The lines with the given values of tags, by id; NotComparable where there are none."""
    found = {
        id: line for id, line in sorted(run.lines.items()) if all(line.tags.get(k) == tag[k] for k in tag)
    }
    if not found:
        wanted = " and ".join(f"{name} {value!r}" for name, value in tag.items())
        raise NotComparable(f"{run.path} has no samples{f' with {wanted}' if tag else ''}")
    return found


def scores_of(lines: Mapping[str, Line]) -> list[Scores]:
    """The scores of lines, in order."""
    return [line.scores for line in lines.values()]


def score_keys(metrics: Iterable[MetricInfo]) -> list[str]:
    """The scores that metrics look at."""
    return list(dict.fromkeys(key for info in metrics for key in info.keys))


def require_scores(journal: Path, line: Line, keys: Iterable[str]) -> None:
    """NotComparable where a line lacks one of the scores, as an older task left it."""
    for key in keys:
        if key not in line.scores:
            raise NotComparable(f"{journal.parent}: {journal.name} has no score {key!r}: rescore it")


def clusters_of(lines: Mapping[str, Line]) -> list[str]:
    """The clusters of lines, in order."""
    return [line.cluster for line in lines.values()]


def defined_value(run: LoadedRun, info: MetricInfo, lines: Mapping[str, Line]) -> float:
    """The metric of some of a run's lines, if it is defined and the summary agrees with the journal.

    Where it is computed from all answers together, the summary has it, and some of the lines have none.
    """
    if info.aggregate.from_scores:
        value = agreed_values(run, [info], lines)[info.id]
    elif len(lines) == len(run.lines):
        value = stored_metric(run, info).value
    else:
        some = f"{len(lines)} of {len(run.lines)}"
        raise NotComparable(f"{run.path}: {info.id} is computed from all answers together, not from {some}")
    if value is None or not math.isfinite(value):
        raise NotComparable(f"{run.path}: {info.id} is undefined on {len(lines)} samples")
    return value


def from_scores(metrics: Iterable[MetricInfo]) -> list[MetricInfo]:
    """The metrics that the scores of samples are enough for."""
    return [info for info in metrics if info.aggregate.from_scores]


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
    """None also for what is not finite, or made of scores that are not."""
    keys = score_keys(infos)
    for line in lines.values():
        require_scores(run.path / JOURNAL, line, keys)
    scores = scores_of(lines)
    values = metric.values(infos, scores, clusters_of(lines))
    finite = {info.id for info in infos if all(map(info.is_finite, scores))}
    return {
        id: value if value is not None and id in finite and math.isfinite(value) else None
        for id, value in values.items()
    }


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
