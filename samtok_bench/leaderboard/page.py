"""The leaderboard as one HTML file that needs no network."""

import re
from dataclasses import dataclass
from pathlib import Path

from samtok_bench.leaderboard import render
from samtok_bench.leaderboard.published import Benchmark
from samtok_bench.leaderboard.rows import Board, Figure, Row
from samtok_bench.showing.templates import environment

TEMPLATES = Path(__file__).parent / "templates"
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{5})")


@dataclass(frozen=True)
class Cell:
    """A metric's cell."""

    value: str
    sort: float
    interval: str
    compared: tuple[str, ...]
    """How the published value lies to it, in lines."""


@dataclass(frozen=True)
class Line:
    """A table's row."""

    split: str
    method: str
    params: str
    size: float | None
    """Parameters in billions, to sort by."""
    cells: tuple[Cell | None, ...]
    source: str
    link: str | None
    notes: tuple[str, ...]
    ours: bool


@dataclass(frozen=True)
class Section:
    """A benchmark."""

    id: str
    title: str
    primary: str
    descending: bool
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...]


def page(board: Board) -> str:
    """The whole page: tables of all benchmarks that can be filtered and sorted."""
    sections = [_section(board, benchmark) for benchmark in board.benchmarks]
    lines = [line for section in sections for line in section.lines]
    template = environment(TEMPLATES).get_template("leaderboard.html.jinja")
    return template.render(
        sections=sections,
        methods=sorted({line.method for line in lines}, key=str.lower),
        params=sorted({line.params for line in lines}, key=lambda text: (_size(text) or 0, text)),
        splits=list(dict.fromkeys(line.split for line in lines)),
        absent=render.absent(board),
        toys=render.toy_cells(board),
        toy_headers=render.TOY_HEADERS,
        toys_title=render.TOYS_TITLE,
        toys_text=render.TOYS_TEXT,
        interval_text=render.INTERVAL_TEXT,
        left_out=board.left_out,
    )


def _section(board: Board, benchmark: Benchmark) -> Section:
    return Section(
        benchmark.id,
        render.title(board, benchmark),
        benchmark.primary,
        benchmark.metric(benchmark.primary).direction == "higher",
        tuple(metric.name for metric in benchmark.metrics),
        tuple(_line(benchmark, row) for row in board.of(benchmark)),
        (*benchmark.notes, *render.not_computed(benchmark)),
    )


def _line(benchmark: Benchmark, row: Row) -> Line:
    cells = [
        _cell(row.figures[metric.name], metric.decimals) if metric.name in row.figures else None
        for metric in benchmark.metrics
    ]
    found = _ARXIV.search(row.source)
    about = (f"protocol {row.run.protocol}, {row.run.samples} samples",) if row.run else ()
    return Line(
        benchmark.split(row.split).shown,
        row.method,
        row.params,
        _size(row.params),
        tuple(cells),
        f"ours: {row.run.path}" if row.run else row.source,
        f"https://arxiv.org/abs/{found[1]}" if found else None,
        (*about, *row.run.notes) if row.run else (),
        row.run is not None,
    )


def _cell(figure: Figure, decimals: int) -> Cell:
    one = render.shown(figure, decimals)
    compared = (f"published {one.published} ({one.difference})", one.verdict) if one.published else ()
    return Cell(one.value, figure.value, one.interval, compared)


def _size(params: str) -> float | None:
    found = re.fullmatch(r"([\d.]+)B", params)
    return float(found[1]) if found else None
