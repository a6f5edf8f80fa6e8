"""The leaderboard as text, Markdown, CSV and JSON, and as the pages of the leaderboards folder."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from samtok_bench.files import write_whole
from samtok_bench.leaderboard.board import Board
from samtok_bench.leaderboard.published import Absent, Benchmark, Metric, Split
from samtok_bench.leaderboard.rows import Demonstration, Figure, Row
from samtok_bench.showing.blocks import Block, as_markdown, as_text
from samtok_bench.showing.tables import csv_table, interval_header, markdown_text, number, signed, span
from samtok_bench.statistics import LEVEL

WRITE = "samtok-bench leaderboard --write"
HEAD = f"<!-- Rendered by `{WRITE}`. Do not edit: the command overwrites it. -->"
INDEX, TOYS = "README.md", "nano-and-mini.md"
TOYS_TITLE = "nano and mini"
LEFT_OUT_TITLE = "Runs left out of the tables"
TOYS_TEXT = (
    "Runs on generated data or of the small model nano. They show that everything works end to end. They say"
    " nothing about photographs and cannot be compared with published figures."
)
INTRODUCTION = "Published figures with their sources, next to our own runs on all official samples."
INTERVAL_TEXT = (
    "The interval shows how far the figure would move with another sample of images. On the same images, a"
    " faithful reproduction should be much closer to the published value, so look at the difference too."
)
INTERVAL = interval_header(LEVEL)
PRINTED = "as printed"
"""The unit of figures, which already have the scale of their sources."""
OURS_TITLE = "Our runs next to the published figures"
OURS_HEADERS = (
    *("split", "method", "params", "protocol", "data", "samples", "metric", "ours", INTERVAL),
    *("published", "difference", "published value"),
)
TOY_HEADERS = ("task", "split", "model", "protocol", "samples", "metric", "value", INTERVAL, "run")
COLUMNS = (
    *("benchmark", "split", "method", "params", "metric", "value", "low", "high", "source"),
    *("run", "model", "protocol", "data_format", "samples", "published", "inside", "notes"),
)


def text(board: Board) -> str:
    """All tables for a terminal."""
    return as_text(_blocks(board), bullet="- ")


def markdown(board: Board) -> str:
    """All tables in GitHub's Markdown."""
    return as_markdown(_blocks(board))


def as_json(board: Board) -> str:
    """One object, with values on the scale of their sources."""
    whole = {
        "benchmarks": [
            {
                "id": benchmark.id,
                "title": benchmark.title,
                "table": benchmark.table,
                "primary": benchmark.primary,
                "figures": [record for row in board.of(benchmark) for record in _records(row)],
            }
            for benchmark in board.benchmarks
        ],
        "nano_and_mini": [_toy_record(run) for run in board.demonstrations],
        "left_out": [{"run": str(run.path), "reason": run.reason} for run in board.left_out],
    }
    return json.dumps(whole, indent=1)


def as_csv(board: Board) -> str:
    """One row per figure, except those of nano and mini; values as in `as_json`."""
    records = [record for row in board.rows for record in _records(row)]
    return csv_table(COLUMNS, ({**record, "notes": "; ".join(record["notes"])} for record in records))


def pages(board: Board) -> dict[str, str]:
    """The rendered files of the leaderboards folder, by name."""
    blocks: dict[str, Iterable[Block]] = {TOYS: [_toy_block(board)]}
    for benchmark in board.benchmarks:
        blocks[page_name(benchmark)] = _benchmark_blocks(board, benchmark)
    written = {name: f"{HEAD}\n\n{as_markdown(on_page)}\n" for name, on_page in blocks.items()}
    return {INDEX: _index(board), **written}


def write_pages(board: Board, folder: Path) -> list[Path]:
    """Write the pages to a folder; FileNotFoundError if there is no such folder."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no folder {folder} for the pages: give one with --folder, or go to a checkout"
        )
    written = pages(board)
    for name, content in written.items():
        write_whole(folder / name, content.encode())
    return [folder / name for name in written]


def page_name(benchmark: Benchmark) -> str:
    """The name of the file with a benchmark's page."""
    table = f"table-{benchmark.table:02d}-" if benchmark.table else ""
    return f"{table}{benchmark.id}.md"


class ShownFigure(NamedTuple):
    """A figure as text, with the decimals of its metric; empty where something is missing."""

    value: str
    interval: str
    published: str = ""
    difference: str = ""
    """Our value minus the published one."""
    verdict: str = ""
    """Whether the published value is in our interval."""


def shown(figure: Figure, decimals: int) -> ShownFigure:
    """A figure as its source would print it."""
    value = number(figure.value, PRINTED, decimals)
    interval = "" if figure.low is None else span(figure.low, figure.high, PRINTED, decimals)
    if figure.published is None:
        return ShownFigure(value, interval)
    return ShownFigure(
        value,
        interval,
        number(figure.published, PRINTED, decimals),
        signed(figure.difference, PRINTED, decimals),
        {True: "inside", False: "outside", None: "no interval"}[figure.inside],
    )


def title(board: Board, benchmark: Benchmark) -> str:
    """The title of a benchmark, with the number of its table in the paper."""
    table = f": Table {benchmark.table} of the {board.schema.paper}" if benchmark.table else ""
    return f"{benchmark.title}{table}"


def absent(board: Board) -> list[Absent]:
    """The tasks on the board without published figures."""
    return [task for task in board.schema.without_figures if board.task in (None, task.task)]


def _blocks(board: Board) -> Iterator[Block]:
    for benchmark in board.benchmarks:
        yield from _benchmark_blocks(board, benchmark)
    whole = len(board.benchmarks) == len(board.schema.benchmarks)
    missing = [f"{task.title}: {task.reason}" for task in absent(board)] if whole or board.task else []
    if missing:
        yield Block("Without published figures", after=missing, level=1)
    if board.demonstrations:
        yield _toy_block(board)
    if board.left_out:
        reasons = [f"{run.path}: {run.reason}" for run in board.left_out]
        yield Block(LEFT_OUT_TITLE, after=reasons, level=1)


def _benchmark_blocks(board: Board, benchmark: Benchmark) -> Iterator[Block]:
    order = "highest" if benchmark.metric(benchmark.primary).direction == "higher" else "lowest"
    ranking = f"Sorted by {benchmark.primary}, {order} first. Our own rows name their run."
    yield Block(title(board, benchmark), before=[ranking], level=1)
    sources = dict.fromkeys(row.source for row in board.of(benchmark) if row.run is None)
    numbers = {source: place for place, source in enumerate(sources, start=1)}
    for split in benchmark.splits:
        if board.of(benchmark, split) or split.not_computed:
            yield _split_block(board, benchmark, split, numbers)
    yield from _our_blocks(board, benchmark)
    listed = [f"[{place}] {source}" for source, place in numbers.items()]
    yield Block("Sources and notes", after=[*listed, *notes(benchmark)])


def notes(benchmark: Benchmark) -> list[str]:
    """Its notes, then the splits and metrics that none of our tasks computes, with the reasons."""
    parts: tuple[Split | Metric, ...] = (*benchmark.splits, *benchmark.metrics)
    missing = [part for part in parts if part.not_computed]
    return [*benchmark.notes, *(f"{part.name} is not computed here: {part.not_computed}" for part in missing)]


def _split_block(board: Board, benchmark: Benchmark, split: Split, numbers: dict[str, int]) -> Block:
    names = [metric.name for metric in benchmark.metrics]
    rows = []
    for row in board.of(benchmark, split):
        values = [
            shown(row.figures[metric.name], metric.decimals).value if metric.name in row.figures else ""
            for metric in benchmark.metrics
        ]
        run = row.run
        source = f"ours, {run.settings.protocol}: {run.path}" if run else f"[{numbers[row.source]}]"
        rows.append([row.method, row.params, *values, source])
    return Block(split.shown, ["method", "params", *names, "source"], rows, range(2, 2 + len(names)))


def _our_blocks(board: Board, benchmark: Benchmark) -> Iterator[Block]:
    """A block with our runs, or nothing if there are none."""
    rows, remarks = [], []
    for row in board.of(benchmark):
        if row.run is None:
            continue
        about = [benchmark.split(row.split).shown, row.method, row.params]
        about += [row.run.settings.protocol, row.run.settings.data_format or "", str(row.run.samples)]
        for metric in benchmark.metrics:
            if metric.name in row.figures:
                rows.append([*about, metric.name, *shown(row.figures[metric.name], metric.decimals)])
        if row.run.notes:
            remarks.append(f"{row.run.path}: {'; '.join(row.run.notes)}")
    if rows:
        yield Block(OURS_TITLE, OURS_HEADERS, rows, (5, 7, 8, 9, 10), [INTERVAL_TEXT], remarks)


def _toy_block(board: Board) -> Block:
    rows = toy_rows(board)
    text = TOYS_TEXT if rows else f"{TOYS_TEXT} There are none."
    return Block(TOYS_TITLE, TOY_HEADERS if rows else (), rows, (4, 6, 7), [text], level=1)


def toy_rows(board: Board) -> list[list[str]]:
    """The rows of the table with TOY_HEADERS."""
    rows = []
    for run in board.demonstrations:
        summary, metric = run.summary, run.summary.headline
        rows.append(
            [
                *(summary.task, summary.split, summary.model, summary.protocol, str(summary.samples)),
                *(metric.display, number(metric.value, metric.unit)),
                *(span(metric.low, metric.high, metric.unit), str(run.path)),
            ]
        )
    return rows


def _index(board: Board) -> str:
    schema = board.schema
    listed: list[tuple[int, str]] = []
    for benchmark in board.benchmarks:
        rows = board.of(benchmark)
        methods = {(row.method, row.params, row.source) for row in rows if row.run is None}
        runs = {row.run.path for row in rows if row.run}
        counts = f"{len(methods)} published methods, runs of ours: {len(runs) or 'none'}"
        link = f"[{markdown_text(benchmark.title)}]({page_name(benchmark)})"
        listed.append((benchmark.table or 0, f"{link} (`--benchmark {benchmark.id}`): {counts}"))
    paper = [f"- Table {table}: {item}" for table, item in sorted(listed) if table]
    others = [f"- {item}" for table, item in listed if not table]
    missing = [f"- {markdown_text(f'{task.title}: {task.reason}')}" for task in absent(board)]
    return "\n".join(
        [
            *(HEAD, "", "# Leaderboards", ""),
            INTRODUCTION,
            "The figures are in [published.csv](../samtok_bench/leaderboard/data/published.csv);",
            "[schema.yaml](../samtok_bench/leaderboard/data/schema.yaml) says what they mean.",
            "[SUBMIT.md](SUBMIT.md) explains how to add a run. `samtok-bench leaderboard --html FILE` writes",
            "all tables as one sortable page, `--format latex` prints them for a paper.",
            *("", f"## {markdown_text(schema.paper)}", "", *paper),
            *("", "## Other benchmarks", "", *others),
            *("", "## Without published figures", "", *missing),
            *("", f"## {TOYS_TITLE}", "", f"{TOYS_TEXT} [The runs]({TOYS}).", ""),
        ]
    )


def _records(row: Row) -> Iterator[dict[str, Any]]:
    """The figures of a row as values of COLUMNS."""
    run = row.run
    for name, figure in row.figures.items():
        about = (row.benchmark, row.split, row.method, row.params, name)
        origin: tuple[Any, ...] = (row.source, None, None, None, None, None, None, None, [])
        if run is not None:
            chosen = run.settings
            settings = (str(run.path), chosen.model, chosen.protocol, chosen.data_format, run.samples)
            origin = ("ours", *settings, figure.published, figure.inside, run.notes)
        values = (*about, figure.value, figure.low, figure.high, *origin)
        yield dict(zip(COLUMNS, values, strict=True))


def _toy_record(run: Demonstration) -> dict[str, Any]:
    summary, metric = run.summary, run.summary.headline
    about = {name: getattr(summary, name) for name in ("task", "split", "model", "protocol", "samples")}
    values = {"low": metric.low, "high": metric.high, "value": metric.value}
    scaled = {k: v if metric.unit or v is None else 100 * v for k, v in values.items()}
    return {**about, "metric": metric.id, **scaled, "run": str(run.path)}
