"""All tables: published figures, our runs next to them, and the runs that are in no table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from samtok_bench import registry
from samtok_bench.leaderboard.means import mean_rows
from samtok_bench.leaderboard.published import Benchmark, Published, Schema, Split
from samtok_bench.leaderboard.rows import Demonstration, Figure, LeftOut, Row, rows_of_runs
from samtok_bench.runs.folder import find_runs


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
    """The only task that was asked for."""

    def of(self, benchmark: Benchmark, split: Split | None = None) -> list[Row]:
        """The rows of a benchmark, or of one of its splits."""
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
        published: all published figures.
        folders: searched for results folders.
        task: only benchmarks and runs of this task.
        benchmark: only this benchmark and runs of its tasks.

    Raises:
        ValueError: an unknown task or benchmark.
    """
    if task is not None and task not in registry.names("task"):
        raise ValueError(f"unknown task {task!r}{registry.suggestion(task, registry.names('task'))}")
    benchmarks = schema.chosen(task, benchmark)
    found = list(rows_of_runs(schema, published, find_runs(folders)))
    found += mean_rows(schema, [row for row in found if isinstance(row, Row)])
    rows = [*_published_rows(published), *(row for row in found if isinstance(row, Row))]
    demonstrations = [run for run in found if isinstance(run, Demonstration)]
    left_out = [run for run in found if isinstance(run, LeftOut)]
    if task is not None or benchmark is not None:
        asked = {task} if task is not None else {name for each in benchmarks for name in each.tasks}
        demonstrations = [run for run in demonstrations if run.summary.task in asked]
        left_out = [run for run in left_out if run.task is None or run.task in asked]
    shown = {each.id for each in benchmarks}
    return Board(
        schema,
        benchmarks,
        tuple(row for row in _ordered(schema, rows) if row.benchmark in shown),
        tuple(demonstrations),
        tuple(left_out),
        task,
    )


def _published_rows(published: Sequence[Published]) -> list[Row]:
    rows: dict[tuple[str, str, str, str, str], dict[str, Figure]] = {}
    for line in published:
        key = (line.benchmark, line.split, line.method, line.params, line.source)
        rows.setdefault(key, {})[line.metric] = Figure(line.value)
    return [Row(*key[:4], figures, source=key[4]) for key, figures in rows.items()]


def _ordered(schema: Schema, rows: Sequence[Row]) -> list[Row]:
    def rank(row: Row) -> tuple[int, int, float, str, str]:
        benchmark = schema.by_id[row.benchmark]
        sign = -1 if benchmark.metric(benchmark.primary).direction == "higher" else 1
        figure = row.figures.get(benchmark.primary)
        value = sign * figure.value if figure else float("inf")
        splits = [split.name for split in benchmark.splits]
        return list(schema.by_id).index(row.benchmark), splits.index(row.split), value, row.method, row.params

    return sorted(rows, key=rank)
