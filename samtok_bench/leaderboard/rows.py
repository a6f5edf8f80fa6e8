"""Our finished runs, sorted into the tables of published figures.

A run stands next to published figures only if it is complete, of all official samples and of a model of its
own. Runs on generated data or of nano never do and are listed separately; all other runs are listed with the
reason why they are in no table. A run with another number of samples than the official one is never in one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samtok_bench.judging.judged_run import as_judged
from samtok_bench.judging.transcript import JudgeSummary, read_judges
from samtok_bench.leaderboard.published import (
    Benchmark,
    Checkpoint,
    Key,
    Metric,
    Ours,
    Published,
    Schema,
    Split,
)
from samtok_bench.leaderboard.submission import read_submission
from samtok_bench.leaderboard.toys import Toys
from samtok_bench.runs.reading import (
    LoadedRun,
    NotComparable,
    agreed_values,
    from_scores,
    open_run,
    stored_metric,
)
from samtok_bench.runs.settings import RunSettings, short_name
from samtok_bench.runs.summary import MetricValue, Summary

REFERENCES = ("oracle", "constant")
"""Kinds of predictors that give ceilings and floors, and are not models."""


@dataclass(frozen=True)
class Figure:
    """A cell of a table, on the scale of the source that prints the metric."""

    value: float
    low: float | None = None
    """Bounds of our interval."""
    high: float | None = None
    published: float | None = None
    """The value that the paper prints for the run's checkpoint."""
    inside: bool | None = None
    """Whether the published value is in our interval, to the printed decimals; None if either is missing."""

    @property
    def difference(self) -> float | None:
        """Our value minus the published one."""
        return None if self.published is None else self.value - self.published


@dataclass(frozen=True)
class OurRun:
    """Where a row of ours comes from."""

    path: Path
    settings: RunSettings
    samples: int
    notes: Sequence[str]
    """What readers of the figures should know."""


@dataclass(frozen=True)
class Row:
    """A method's figures on one split, published or ours."""

    benchmark: str
    split: str
    method: str
    params: str
    figures: Mapping[str, Figure]
    """By the metric's name."""
    source: str = ""
    """Of a published row."""
    run: OurRun | None = None
    """Of a row of ours."""


@dataclass(frozen=True)
class Demonstration:
    """A run on mini or of nano."""

    path: Path
    summary: Summary


@dataclass(frozen=True)
class LeftOut:
    """A results folder that is in no table, with the reason."""

    path: Path
    reason: str
    task: str | None = None


def rows_of_runs(
    schema: Schema, published: Sequence[Published], paths: Sequence[Path]
) -> Iterator[Row | Demonstration | LeftOut]:
    """The rows of the runs in some folders, or why they have none; a run may be in several tables."""
    toys = Toys.of(paths)
    values = {line.key: line.value for line in published}
    for path in paths:
        name = None
        try:
            run = open_run(path)
            name = run.task.name
            if toys.has(run.record):
                yield Demonstration(path, run.summary)
            else:
                yield from _rows(schema, values, run)
        except NotComparable as reason:
            # the folder is said next to it
            text = str(reason).removeprefix(str(path)).removeprefix("/").removeprefix(":").strip()
            yield LeftOut(path, text, name)


def _rows(schema: Schema, values: Mapping[Key, float], run: LoadedRun) -> Iterator[Row]:
    """The run's rows; NotComparable with the reason if it has none."""
    settings = run.settings
    if settings.partial:
        raise NotComparable("only some samples were asked for (--limit or --sample)")
    if settings.predictor.get("kind") in REFERENCES:
        raise NotComparable(f"{settings.model} is not a model: it gives a ceiling or a floor")
    places = [
        (benchmark, split, ours)
        for benchmark in schema.benchmarks
        for split in benchmark.splits
        for ours in benchmark.ours
        if _is_of(run, split, ours)
    ]
    if not places:
        parts = [f"{settings.task} on {settings.split} by protocol {settings.protocol}"]
        parts += [f"data {settings.data_format}"] if settings.data_format else []
        parts += [f"{name} {value}" for name, value in settings.options.items()]
        raise NotComparable(f"no table has {', '.join(parts)}")
    for benchmark, split, ours in places:
        official = split.official(run.task.data)
        if official and run.record.samples not in official:
            there = " or ".join(str(count) for count in official)
            raise NotComparable(f"partial: {run.record.samples} samples, officially {there}")
        judges: Sequence[JudgeSummary | None] = _judges(run) if ours.judged else (None,)
        for judge in judges:
            yield _row(schema, values, run, benchmark, split, ours, judge)


def _is_of(run: LoadedRun, split: Split, ours: Ours) -> bool:
    settings = run.settings
    return (
        (split.task, split.split, ours.protocol) == (settings.task, settings.split, settings.protocol)
        and not settings.task_in_file
        and settings.data_format in (ours.data or (None,))
        # of the task, which fills in what it did not have when the run was made
        and all(run.task.options.get(name) == value for name, value in ours.options.items())
    )


def _judges(run: LoadedRun) -> list[JudgeSummary]:
    judges = read_judges(run.path)
    complete = [judge for judge in judges if judge.samples == run.record.samples]
    if not complete:
        raise NotComparable(f"not judged{' to the end' if judges else ''}: use samtok-bench judge")
    return complete


def _row(
    schema: Schema,
    values: Mapping[Key, float],
    run: LoadedRun,
    benchmark: Benchmark,
    split: Split,
    ours: Ours,
    judge: JudgeSummary | None,
) -> Row:
    model = run.settings.label
    checkpoint = schema.checkpoint(model)
    reason = _why_no_difference(run, benchmark, ours, checkpoint)
    scored = run if judge is None else as_judged(run, judge)
    by_id = {info.id: info for info in scored.metrics}
    wanted = {name: by_id[id] for name, id in ours.metrics.items()}
    agreed_values(scored, from_scores(wanted.values()), scored.lines)
    figures = {}
    for name, info in wanted.items():
        printed = None
        if checkpoint and not reason:
            printed = values.get((benchmark.id, split.name, checkpoint.method, checkpoint.params, name))
        figure = _figure(stored_metric(scored, info), benchmark.metric(name), printed)
        if figure is not None:
            figures[name] = figure
    undefined = [name for name in ours.metrics if name not in figures]
    failed = {name: n for name, n in run.summary.outcomes.items() if n and name in ("model_error", "skipped")}
    submission = read_submission(run.path)
    dirty = run.record.sessions and run.record.sessions[-1].git_dirty
    notes = [
        reason,
        "" if split.official(run.task.data) else "the number of samples is not checked",
        _judged(judge) if judge else "",
        f"checkpoint selected on {submission.selected_on}" if submission else "",
        f"undefined: {', '.join(undefined)}" if undefined else "",
        *(f"{n} of {run.record.samples} samples ended as {name}" for name, n in failed.items()),
        "made by uncommitted code" if dirty else "",
    ]
    return Row(
        benchmark.id,
        split.name,
        checkpoint.name if checkpoint else short_name(model),
        checkpoint.params if checkpoint else "",
        figures,
        run=OurRun(run.path, run.settings, run.record.samples, list(filter(None, notes))),
    )


def _judged(judge: JudgeSummary) -> str:
    """By whom, and whether that changed meanwhile."""
    changed = len(judge.served) > 1
    return f"judged by {judge.name}" + (f", as {len(judge.served)} models in turn" if changed else "")


def _why_no_difference(
    run: LoadedRun, benchmark: Benchmark, ours: Ours, checkpoint: Checkpoint | None
) -> str:
    """Why the run cannot reproduce published figures, "" if it should."""
    if checkpoint is None:
        return "not a published checkpoint"
    if benchmark.id not in checkpoint.benchmarks:
        return "no published figures for this checkpoint"
    if not ours.reproduces:
        return "not how the paper's figures were made"
    if checkpoint.protocol != run.task.protocol:
        return f"the paper's figures for this checkpoint are by protocol {checkpoint.protocol}"
    if run.settings.constrained:
        return "constrained decoding, which the paper did not use"
    return _changed(run)


def _changed(run: LoadedRun) -> str:
    """Which setting of the model is not its own, "" for none."""
    limit, own = run.settings.max_new_tokens, run.task.generation.max_new_tokens
    if limit != own:
        return f"at most {limit} tokens an answer, where the benchmark has {own}"
    stated = run.settings.predictor
    for name, said in {"tokenizer": "another mask tokenizer", "min_pixels": "", "max_pixels": ""}.items():
        if stated.get(name) is not None:
            return said or f"{name} {stated[name]}, which is not the checkpoint's"
    return f"revision {run.settings.revision}" if run.settings.revision else ""


def _figure(stored: MetricValue, metric: Metric, printed: float | None) -> Figure | None:
    if stored.value is None:
        return None
    scale = 1.0 if stored.unit else 100.0
    low, high = (None if bound is None else scale * bound for bound in (stored.low, stored.high))
    inside = None
    if printed is not None and low is not None and high is not None:
        half = 0.5 * 10.0**-metric.decimals  # the printed value is rounded
        inside = low - half <= printed <= high + half
    return Figure(scale * stored.value, low, high, printed, inside)
