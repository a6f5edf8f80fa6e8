"""The leaderboard's tables for a paper: methods down, splits and their metrics across."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from samtok_bench.leaderboard.board import Board
from samtok_bench.leaderboard.published import Benchmark
from samtok_bench.leaderboard.render import INTERVAL, notes, shown, title
from samtok_bench.leaderboard.rows import Row
from samtok_bench.showing.latex import PREAMBLE, Cell, Column, latex_comment, latex_table


def as_latex(board: Board, intervals: bool = False) -> str:
    """A table for each benchmark with rows; where its figures come from stands below it as comments.

    Args:
        board: published figures and our runs. Runs of nano and on mini are left out: they compare with none.
        intervals: also print those of our own figures.
    """
    tables = [part for benchmark in board.benchmarks for part in _parts(board, benchmark, intervals)]
    absent = [f"{run.path}: {run.reason}" for run in board.left_out]
    absent += [f"{run.path}: of nano or on mini, which compares with nothing" for run in board.demonstrations]
    left_out = "\n".join(latex_comment(f"left out: {run}") for run in absent)
    return "\n\n".join(filter(None, [PREAMBLE, *tables, left_out]))


def _parts(board: Board, benchmark: Benchmark, intervals: bool) -> Iterator[str]:
    rows = board.of(benchmark)
    present = {(row.split, name) for row in rows for name in row.figures}
    places = [
        (split, metric)
        for split in benchmark.splits
        for metric in benchmark.metrics
        if (split.name, metric.name) in present
    ]
    if not places:
        return
    lines = _lines(rows)
    table = []
    for line in lines:
        figures = [
            (line.rows[split.name].figures.get(metric.name) if split.name in line.rows else None, metric)
            for split, metric in places
        ]
        found = [shown(figure, metric.decimals) if figure else None for figure, metric in figures]
        cells = [Cell(each.value, each.interval if intervals else "") if each else Cell("") for each in found]
        table.append(([line.method, line.params], cells))
    columns = [Column(metric.name, metric.direction, split.shown) for split, metric in places]
    caption = title(board, benchmark)
    caption = f"{caption}. In parentheses the {INTERVAL} of our own runs." if intervals else caption
    sources = [f"{line.method} {line.params}: {line.origin}" for line in lines]
    below = map(latex_comment, [*sources, *notes(benchmark)])
    yield "\n".join([latex_table(caption, ["method", "params"], columns, table), *below])


@dataclass(frozen=True)
class _Line:
    """A line of a table: a method from one source, or runs of ours by one model and protocol."""

    method: str
    params: str
    source: str
    """Empty for runs of ours."""
    protocol: str
    """Empty for published figures."""
    rows: dict[str, Row] = field(default_factory=dict, compare=False)
    """By split."""

    @property
    def origin(self) -> str:
        runs = [str(row.run.path) for row in self.rows.values() if row.run]
        return self.source or f"protocol {self.protocol}: {', '.join(runs)}"


def _lines(rows: Iterable[Row]) -> list[_Line]:
    """The lines in the order of their best splits; a second run of a split begins another line."""
    lines: list[_Line] = []
    for row in rows:
        run = row.run
        method, protocol = (f"{row.method} (ours)", run.settings.protocol) if run else (row.method, "")
        new = _Line(method, row.params, row.source, protocol)
        line = next((each for each in lines if each == new and row.split not in each.rows), new)
        if line is new:
            lines.append(new)
        line.rows[row.split] = row
    return lines
