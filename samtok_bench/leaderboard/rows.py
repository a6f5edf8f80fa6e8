"""Our finished runs, sorted into the tables of published figures.

A run stands beside published figures only if it is complete, of all official samples and of a model of its
own. Runs on generated data (mini) or of nano never do, they are listed apart; so are all others, with the
reason. Generated data is known by the run's own record (no data root), by the marker that mini's writer
leaves in a data root, or by the hash of the data when another run tells that it is generated; and a wrong
number of samples keeps a run out in any case.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from samtok_bench import registry
from samtok_bench.judging.judged_run import as_judged, judges_of
from samtok_bench.judging.transcript import JudgeSummary
from samtok_bench.leaderboard.published import Benchmark, Checkpoint, Metric, Ours, Published, Schema, Split
from samtok_bench.runs.folder import RunFolder, RunRecord, find_runs
from samtok_bench.runs.reading import (
    FinishedRun,
    LoadedRun,
    NotComparable,
    agreed_values,
    from_scores,
    open_run,
    stored_metric,
)
from samtok_bench.runs.settings import short_name
from samtok_bench.runs.summary import MetricValue, Summary

NANO = "nano"
MINI_MARKER = "mini.json"
"""In every data root that mini's writer makes."""
REFERENCES = ("oracle", "constant")
"""Kinds of predictors that are no models: ceilings and floors."""


@dataclass(frozen=True)
class Figure:
    """A cell of a table, on the scale on which the source prints the metric."""

    value: float
    low: float | None = None
    """Bounds of our interval."""
    high: float | None = None
    published: float | None = None
    """What the paper prints for the run's checkpoint."""
    inside: bool | None = None
    """Whether that is in our interval, as far as its printed decimals tell; None without one of the two."""

    @property
    def difference(self) -> float | None:
        """Ours less the published value."""
        return None if self.published is None else self.value - self.published


@dataclass(frozen=True)
class OurRun:
    """Where a row of ours comes from."""

    path: Path
    model: str
    """As the user wrote it."""
    protocol: str
    data_format: str | None
    samples: int
    data: str
    """Hash of the data."""
    notes: tuple[str, ...]
    """What a reader of the figures should know."""


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
    """A results folder that is in no table, and why."""

    path: Path
    reason: str
    task: str | None = None


@dataclass(frozen=True)
class Board:
    """All tables."""

    schema: Schema
    benchmarks: tuple[Benchmark, ...]
    rows: tuple[Row, ...]
    """By benchmark and split in the schema's order, then best first."""
    demonstrations: tuple[Demonstration, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    task: str | None = None
    """The only one that is asked for."""

    def of(self, benchmark: Benchmark, split: Split | None = None) -> list[Row]:
        """Rows of a benchmark, or of one of its splits."""
        name = None if split is None else split.name
        return [row for row in self.rows if row.benchmark == benchmark.id and name in (None, row.split)]


def make_board(
    schema: Schema,
    published: Sequence[Published],
    folders: Iterable[Path],
    *,
    task: str | None = None,
    benchmark: str | None = None,
) -> Board:
    """Published figures and the runs below some folders.

    Args:
        schema: of `published`.
        published: as read.
        folders: searched for results folders.
        task: only benchmarks and runs of this task.
        benchmark: only this one.

    Raises:
        ValueError: an unknown task or benchmark.
    """
    if task is not None and task not in registry.names("task"):
        raise ValueError(f"unknown task {task!r}{registry.suggestion(task, registry.names('task'))}")
    benchmarks = schema.chosen(task, benchmark)
    found = list(_sorted_out(schema, published, find_runs(folders)))
    asked = None
    if task is not None or benchmark is not None:
        asked = {task} if task is not None else {name for one in benchmarks for name in one.tasks}
    shown = {one.id for one in benchmarks}
    rows = [*_published_rows(published), *(one for one in found if isinstance(one, Row))]
    return Board(
        schema,
        benchmarks,
        tuple(row for row in _ordered(schema, rows) if row.benchmark in shown),
        tuple(
            one
            for one in found
            if isinstance(one, Demonstration) and (asked is None or one.summary.task in asked)
        ),
        tuple(
            one
            for one in found
            if isinstance(one, LeftOut) and (asked is None or one.task is None or one.task in asked)
        ),
        task,
    )


def _published_rows(published: Sequence[Published]) -> list[Row]:
    groups: dict[tuple[str, str, str, str, str], dict[str, Figure]] = {}
    for one in published:
        key = (one.benchmark, one.split, one.method, one.params, one.source)
        groups.setdefault(key, {})[one.metric] = Figure(one.value)
    return [Row(*key[:4], figures, source=key[4]) for key, figures in groups.items()]


def _ordered(schema: Schema, rows: Sequence[Row]) -> list[Row]:
    def rank(row: Row) -> tuple[int, int, float, str, str]:
        benchmark = schema.by_id[row.benchmark]
        sign = -1 if benchmark.metric(benchmark.primary).direction == "higher" else 1
        figure = row.figures.get(benchmark.primary)
        value = sign * figure.value if figure else float("inf")
        splits = [split.name for split in benchmark.splits]
        return list(schema.by_id).index(row.benchmark), splits.index(row.split), value, row.method, row.params

    return sorted(rows, key=rank)


def _sorted_out(
    schema: Schema, published: Sequence[Published], paths: Sequence[Path]
) -> Iterator[Row | Demonstration | LeftOut]:
    """What each results folder becomes; a run may be in the tables of several benchmarks."""
    toys = _Toys.of(paths)
    values = {one.key: one.value for one in published}
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
            yield LeftOut(path, str(reason).removeprefix(f"{path}").removeprefix(":").strip(), name)


@dataclass(frozen=True)
class _Toys:
    """How runs on generated data, and of nano, are known."""

    data: Collection[str]
    weights: Collection[str]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "_Toys":
        data, weights = set(), set()
        for path in paths:
            with suppress(OSError, ValueError):  # reading the run will say so
                record = RunFolder(path).record()
                if _is_generated(record):
                    data.add(record.settings.data)
                if _is_nano(record) and (own := _weights(record)):
                    weights.add(own)
        return cls(data, weights)

    def has(self, record: RunRecord) -> bool:
        return (
            _is_generated(record)
            or _is_nano(record)
            or record.settings.data in self.data
            or _weights(record) in self.weights
        )


def _is_generated(record: RunRecord) -> bool:
    return record.data_root is None or (Path(record.data_root) / MINI_MARKER).is_file()


def _is_nano(record: RunRecord) -> bool:
    return Path(record.settings.model.rpartition(":")[2]).name == NANO


def _weights(record: RunRecord) -> str | None:
    return record.settings.predictor.get("weights")


def _rows(
    schema: Schema, values: Mapping[tuple[str, str, str, str, str], float], run: LoadedRun
) -> Iterator[Row]:
    """The run's rows; NotComparable says why it has none."""
    settings = run.settings
    if settings.partial:
        raise NotComparable("only some samples were asked for (--limit or --sample)")
    if settings.predictor.get("kind") in REFERENCES:
        raise NotComparable(f"{settings.model} is no model: it tells a ceiling or a floor")
    places = [
        (benchmark, split, ours)
        for benchmark in schema.benchmarks
        for split in benchmark.splits
        for ours in benchmark.ours
        if _is_of(run, split, ours)
    ]
    if not places:
        raise NotComparable(f"no table has {_configuration(run)}")
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
        and settings.data_format in (ours.data or (None,))
        and all(settings.options.get(name) == value for name, value in ours.options.items())
    )


def _configuration(run: LoadedRun) -> str:
    settings = run.settings
    parts = [f"{settings.task} on {settings.split} by protocol {settings.protocol}"]
    parts += [f"data {settings.data_format}"] if settings.data_format else []
    return ", ".join([*parts, *(f"{name} {value}" for name, value in settings.options.items())])


def _judges(run: LoadedRun) -> list[JudgeSummary]:
    judges = judges_of(run)
    if not judges:
        raise NotComparable("not judged: use samtok-bench judge")
    complete = [judge for judge in judges if judge.samples == run.record.samples]
    if not complete:
        raise NotComparable("not judged to the end: use samtok-bench judge")
    return complete


def _row(
    schema: Schema,
    values: Mapping[tuple[str, str, str, str, str], float],
    run: LoadedRun,
    benchmark: Benchmark,
    split: Split,
    ours: Ours,
    judge: JudgeSummary | None,
) -> Row:
    model = run.settings.model
    checkpoint = schema.checkpoint(model)
    reason = _why_no_difference(run, benchmark, ours, checkpoint)
    figures = {}
    for name, stored in _stored(run, ours, judge).items():
        printed = None
        if checkpoint and not reason:
            printed = values.get((benchmark.id, split.name, checkpoint.method, checkpoint.params, name))
        if stored.value is not None:
            figures[name] = _figure(stored, benchmark.metric(name), printed)
    undefined = [name for name in ours.metrics if name not in figures]
    notes = [
        *([reason] if reason else []),
        *([] if split.official(run.task.data) else ["the number of samples is not checked"]),
        *([f"judged by {judge.model}"] if judge else []),
        *([f"undefined: {', '.join(undefined)}"] if undefined else []),
        *_cautions(run),
    ]
    return Row(
        benchmark.id,
        split.name,
        checkpoint.name if checkpoint else short_name(model),
        checkpoint.params if checkpoint else "",
        figures,
        run=OurRun(
            run.path,
            model,
            run.task.protocol,
            run.task.data,
            run.record.samples,
            run.settings.data,
            tuple(notes),
        ),
    )


def _why_no_difference(
    run: LoadedRun, benchmark: Benchmark, ours: Ours, checkpoint: Checkpoint | None
) -> str:
    """Why the run does not reproduce published figures, "" where it should."""
    if checkpoint is None:
        return "not a published checkpoint"
    if benchmark.id not in checkpoint.benchmarks:
        return "no published figures of this checkpoint"
    if not ours.reproduces:
        return "not how the paper's figures were made"
    if checkpoint.protocol != run.task.protocol:
        return f"the paper's figures of this checkpoint are by protocol {checkpoint.protocol}"
    if run.settings.constrained:
        return "constrained decoding, which the paper's figures are without"
    return ""


def _cautions(run: LoadedRun) -> list[str]:
    failed = {name: n for name, n in run.summary.outcomes.items() if n and name in ("model_error", "skipped")}
    last = run.record.sessions[-1] if run.record.sessions else None
    return [
        *(f"{n} of {run.record.samples} samples ended as {name}" for name, n in failed.items()),
        *(["made by uncommitted code"] if last and last.git_dirty else []),
    ]


def _stored(run: LoadedRun, ours: Ours, judge: JudgeSummary | None) -> dict[str, MetricValue]:
    """The run's metrics by the benchmark's names; NotComparable unless they are of today's versions."""
    scored: FinishedRun = run if judge is None else as_judged(run, judge)
    by_id = {info.id: info for info in scored.metrics}
    wanted = {name: by_id[id] for name, id in ours.metrics.items()}
    agreed_values(scored, from_scores(wanted.values()), scored.lines)
    return {name: stored_metric(scored, info) for name, info in wanted.items()}


def _figure(stored: MetricValue, metric: Metric, printed: float | None) -> Figure:
    assert stored.value is not None
    scale = 1.0 if stored.unit else 100.0
    low, high = (None if bound is None else scale * bound for bound in (stored.low, stored.high))
    inside = None
    if printed is not None and low is not None and high is not None:
        half = 0.5 * 10.0**-metric.decimals  # what rounding may have taken from the printed value
        inside = low - half <= printed <= high + half
    return Figure(scale * stored.value, low, high, printed, inside)
