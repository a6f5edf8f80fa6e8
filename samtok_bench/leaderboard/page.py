"""The leaderboard as one HTML file that works offline."""

import re
from dataclasses import dataclass
from pathlib import Path

from samtok_bench.leaderboard import render
from samtok_bench.leaderboard.board import Board
from samtok_bench.leaderboard.published import Benchmark
from samtok_bench.leaderboard.rows import Figure, Row
from samtok_bench.showing.templates import environment

TEMPLATES = Path(__file__).parent / "templates"
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{5})")


@dataclass(frozen=True)
class FigureCell:
    """The cell with a metric's figure."""

    value: str
    sort: float
    interval: str
    published: list[str]
    """How our figure compares with the published one, in lines."""


@dataclass(frozen=True)
class TableRow:
    """A row of a benchmark's table."""

    split: str
    method: str
    params: str
    size: float | None
    """In billions of parameters, to sort by."""
    cells: tuple[FigureCell | None, ...]
    source: str
    link: str | None
    notes: tuple[str, ...]
    ours: bool


@dataclass(frozen=True)
class Section:
    """The part of the page for one benchmark."""

    id: str
    title: str
    primary: str
    descending: bool
    metrics: tuple[str, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]


def page(board: Board) -> str:
    """The whole page, with a table for each benchmark; the tables can be filtered and sorted."""
    sections = [_section(board, benchmark) for benchmark in board.benchmarks]
    rows = [row for section in sections for row in section.rows]
    template = environment(TEMPLATES).get_template("leaderboard.html.jinja")
    return template.render(
        sections=sections,
        methods=sorted({row.method for row in rows}, key=str.lower),
        params=sorted({row.params for row in rows}, key=lambda text: (_size(text) or 0, text)),
        splits=list(dict.fromkeys(row.split for row in rows)),
        absent=render.absent(board),
        toy_rows=render.toy_rows(board),
        toy_headers=render.TOY_HEADERS,
        toys_title=render.TOYS_TITLE,
        toys_text=render.TOYS_TEXT,
        introduction=render.INTRODUCTION,
        interval_text=render.INTERVAL_TEXT,
        left_out_title=render.LEFT_OUT_TITLE,
        left_out=board.left_out,
    )


def _section(board: Board, benchmark: Benchmark) -> Section:
    return Section(
        benchmark.id,
        render.title(board, benchmark),
        benchmark.primary,
        benchmark.metric(benchmark.primary).direction == "higher",
        tuple(metric.name for metric in benchmark.metrics),
        tuple(_table_row(benchmark, row) for row in board.of(benchmark)),
        (*benchmark.notes, *render.not_computed(benchmark)),
    )


def _table_row(benchmark: Benchmark, row: Row) -> TableRow:
    cells = [
        _cell(row.figures[metric.name], metric.decimals) if metric.name in row.figures else None
        for metric in benchmark.metrics
    ]
    paper = _ARXIV.search(row.source)
    about = (f"protocol {row.run.protocol}, {row.run.samples} samples",) if row.run else ()
    return TableRow(
        benchmark.split(row.split).shown,
        row.method,
        row.params,
        _size(row.params),
        tuple(cells),
        f"ours: {row.run.path}" if row.run else row.source,
        f"https://arxiv.org/abs/{paper[1]}" if paper else None,
        (*about, *row.run.notes) if row.run else (),
        row.run is not None,
    )


def _cell(figure: Figure, decimals: int) -> FigureCell:
    shown = render.shown(figure, decimals)
    published = (
        [f"published {shown.published} ({shown.difference})", shown.verdict] if shown.published else []
    )
    return FigureCell(shown.value, figure.value, shown.interval, published)


def _size(params: str) -> float | None:
    found = re.fullmatch(r"([\d.]+)B", params)
    return float(found[1]) if found else None
