"""The leaderboard as one HTML file that works offline."""

import re
from collections.abc import Sequence
from pathlib import Path

from samtok_bench.leaderboard import render
from samtok_bench.leaderboard.board import Board
from samtok_bench.leaderboard.published import Benchmark
from samtok_bench.leaderboard.rows import Row
from samtok_bench.showing.tables import ranks
from samtok_bench.showing.templates import TABLES_CSS, TABLES_JS, csp_hash, environment, own_text

TEMPLATES = Path(__file__).parent / "templates"


def page(board: Board) -> str:
    """The whole page, with a table for each benchmark; the tables can be filtered and sorted."""
    shown = [(benchmark, row) for benchmark in board.benchmarks for row in board.of(benchmark)]
    params = {row.params for _, row in shown}
    return (
        environment(TEMPLATES)
        .get_template("leaderboard.html.jinja")
        .render(
            board=board,
            render=render,
            css=own_text(TABLES_CSS),
            script=own_text(TABLES_JS) + own_text(TEMPLATES / "leaderboard.js"),
            csp_hash=csp_hash,
            link=_link,
            year=_year,
            best_of=_best,
            size=_size,
            methods=sorted({row.method for _, row in shown}, key=str.lower),
            params=sorted(params, key=lambda text: (_size(text) or 0, text)),
            splits=list(dict.fromkeys(benchmark.split(row.split).shown for benchmark, row in shown)),
        )
    )


def _link(source: str) -> str | None:
    paper = re.search(r"arXiv (\d{4}\.\d{5})", source)
    return f"https://arxiv.org/abs/{paper[1]}" if paper else None


def _year(source: str) -> str:
    """Of the first version on arXiv, by its number; empty for another source."""
    paper = re.search(r"arXiv (\d{2})\d{2}\.\d{5}", source)
    return f"20{paper[1]}" if paper else ""


def _best(rows: Sequence[Row], benchmark: Benchmark) -> dict[str, set[str]]:
    """By metric, the best figure of a split as it is shown; none where all are equal."""
    found = {}
    for metric in benchmark.metrics:
        figures = (row.figures[metric.name] for row in rows if metric.name in row.figures)
        values = [render.shown(figure, metric.decimals).value for figure in figures]
        found[metric.name] = {value for value, rank in ranks(values, metric.direction).items() if rank == 0}
    return found


def _size(params: str) -> float | None:
    """In billions of parameters, to sort by."""
    found = re.fullmatch(r"([\d.]+)B", params)
    return float(found[1]) if found else None
