"""The tables as text, Markdown, CSV and JSON, and the pages of the leaderboards folder."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench.leaderboard.published import Absent, Benchmark, Metric, Split
from samtok_bench.leaderboard.rows import Board, Demonstration, Figure, Row
from samtok_bench.showing.tables import markdown_table, markdown_text, number, signed, span, text_table
from samtok_bench.statistics import LEVEL

WRITE = "samtok-bench leaderboard --write"
HEAD = f"<!-- Rendered by `{WRITE}`. Do not edit: the command writes it anew. -->"
INDEX, TOYS = "README.md", "nano-and-mini.md"
TOYS_TITLE = "nano and mini"
TOYS_TEXT = (
    "Runs on generated data, or of the small model nano. They say that the line works, and nothing about"
    " photographs: they do not compare with any published figure."
)
INTERVAL_TEXT = (
    "The interval is of the images: another draw of them would move the figure so far. On the same images a"
    " faithful reproduction should be much closer to the published value, so look at the difference too."
)
INTERVAL = f"{100 * LEVEL:.0f} % interval"
PRINTED = "as printed"
"""Unit of figures, which are on the scale of their sources already."""
TOY_HEADERS = ("task", "split", "model", "protocol", "samples", "metric", "value", INTERVAL, "run")
COLUMNS = (
    *("benchmark", "split", "method", "params", "metric", "value", "low", "high", "source"),
    *("run", "model", "protocol", "data_format", "samples", "published", "inside", "notes"),
)


@dataclass(frozen=True)
class Block:
    """A table with what stands above and below it."""

    title: str
    level: int
    headers: tuple[str, ...] = ()
    cells: tuple[tuple[str, ...], ...] = ()
    right: tuple[int, ...] = ()
    before: tuple[str, ...] = ()
    """Paragraphs."""
    after: tuple[str, ...] = ()
    """Items of a list."""


def text(board: Board) -> str:
    """All tables for a terminal."""
    parts = []
    for block in _blocks(board):
        parts += [block.title if block.level > 1 else f"{block.title}\n{'=' * len(block.title)}"]
        parts += block.before
        if block.headers:
            parts.append(text_table(block.headers, block.cells, block.right))
        if block.after:
            parts.append("\n".join(f"- {item}" for item in block.after))
    return "\n\n".join(parts)


def markdown(board: Board) -> str:
    """The same in GitHub's Markdown."""
    return "\n\n".join(_markdown(block) for block in _blocks(board))


def as_json(board: Board) -> str:
    """One object; values on the scale on which the sources print them."""
    whole = {
        "benchmarks": [
            {
                "id": one.id,
                "title": one.title,
                "table": one.table,
                "primary": one.primary,
                "figures": [record for row in board.of(one) for record in _records(row)],
            }
            for one in board.benchmarks
        ],
        "nano_and_mini": [_toy_record(one) for one in board.demonstrations],
        "left_out": [{"run": str(one.path), "reason": one.reason} for one in board.left_out],
    }
    return json.dumps(whole, indent=1)


def as_csv(board: Board) -> str:
    """A line for each figure of the tables beside published ones; values as in `as_json`."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in board.rows:
        for record in _records(row):
            writer.writerow({**record, "notes": "; ".join(record["notes"])})
    return file.getvalue()


def pages(board: Board) -> dict[str, str]:
    """The files of the leaderboards folder by name."""
    found = {INDEX: _index(board), TOYS: _page(_toy_block(board))}
    for benchmark in board.benchmarks:
        found[page_name(benchmark)] = _page(*_benchmark_blocks(board, benchmark))
    return found


def write_pages(board: Board, folder: Path) -> list[Path]:
    """Write the pages into a folder that exists; FileNotFoundError where it does not."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no folder {folder} for the pages: give one with --folder, or go to a checkout"
        )
    written = []
    for name, content in pages(board).items():
        (folder / name).write_text(content, encoding="utf-8")
        written.append(folder / name)
    return written


def page_name(benchmark: Benchmark) -> str:
    """The file of a benchmark's page."""
    table = f"table-{benchmark.table:02d}-" if benchmark.table else ""
    return f"{table}{benchmark.id}.md"


@dataclass(frozen=True)
class Shown:
    """A figure in words, with the decimals of its metric; empty where there is none."""

    value: str
    interval: str
    published: str = ""
    difference: str = ""
    """Ours less the published value."""
    verdict: str = ""
    """Where the published value lies."""


def shown(figure: Figure, decimals: int) -> Shown:
    """A figure as its source would print it."""
    value = number(figure.value, PRINTED, decimals)
    interval = "" if figure.low is None else span(figure.low, figure.high, PRINTED, decimals)
    if figure.published is None:
        return Shown(value, interval)
    return Shown(
        value,
        interval,
        number(figure.published, PRINTED, decimals),
        signed(figure.difference, PRINTED, decimals),
        {True: "inside", False: "outside", None: "no interval"}[figure.inside],
    )


def title(board: Board, benchmark: Benchmark) -> str:
    """With the table's number."""
    return benchmark.title + (
        f": Table {benchmark.table} of the {board.schema.paper}" if benchmark.table else ""
    )


def sources(board: Board, benchmark: Benchmark) -> dict[str, int]:
    """Sources of a benchmark's published rows, numbered."""
    names = dict.fromkeys(row.source for row in board.of(benchmark) if row.run is None)
    return {name: place for place, name in enumerate(names, start=1)}


def absent(board: Board) -> list[Absent]:
    """What there are no published figures of, as far as it was asked for."""
    asked = board.task
    return [one for one in board.schema.without_figures if asked is None or one.task == asked]


def _blocks(board: Board) -> Iterator[Block]:
    for benchmark in board.benchmarks:
        yield from _benchmark_blocks(board, benchmark)
    whole = len(board.benchmarks) == len(board.schema.benchmarks)
    missing = [f"{one.title}: {one.reason}" for one in absent(board)] if whole or board.task else []
    if missing:
        yield Block("Without published figures", 1, after=tuple(missing))
    if board.demonstrations:
        yield _toy_block(board)
    if board.left_out:
        reasons = tuple(f"{one.path}: {one.reason}" for one in board.left_out)
        yield Block("Runs in no table", 1, after=reasons)


def _benchmark_blocks(board: Board, benchmark: Benchmark) -> Iterator[Block]:
    yield Block(title(board, benchmark), 1, before=(_ranking(benchmark),))
    numbers = sources(board, benchmark)
    for split in benchmark.splits:
        if board.of(benchmark, split) or split.not_computed:
            yield _split_block(board, benchmark, split, numbers)
    yield from _our_block(board, benchmark)
    listed = [f"[{place}] {name}" for name, place in numbers.items()]
    yield Block("Sources and notes", 2, after=(*listed, *benchmark.notes, *not_computed(benchmark)))


def _ranking(benchmark: Benchmark) -> str:
    order = "highest" if benchmark.metric(benchmark.primary).direction == "higher" else "lowest"
    return f"By {benchmark.primary}, {order} first; rows of ours name their run."


def not_computed(benchmark: Benchmark) -> Iterator[str]:
    """What no task of ours computes, with the reason."""
    parts: tuple[Split | Metric, ...] = (*benchmark.splits, *benchmark.metrics)
    for one in parts:
        if one.not_computed:
            yield f"{one.name}: not computed here, {one.not_computed}"


def _split_block(board: Board, benchmark: Benchmark, split: Split, numbers: dict[str, int]) -> Block:
    names = [metric.name for metric in benchmark.metrics]
    cells = []
    for row in board.of(benchmark, split):
        values = [
            shown(row.figures[metric.name], metric.decimals).value if metric.name in row.figures else ""
            for metric in benchmark.metrics
        ]
        source = f"ours, {row.run.protocol}: {row.run.path}" if row.run else f"[{numbers[row.source]}]"
        cells.append((row.method, row.params, *values, source))
    right = tuple(range(2, 2 + len(names)))
    return Block(split.shown, 2, ("method", "params", *names, "source"), tuple(cells), right)


def _our_block(board: Board, benchmark: Benchmark) -> Iterator[Block]:
    ours = [row for row in board.of(benchmark) if row.run]
    if not ours:
        return
    headers = (
        "split",
        "method",
        "params",
        "protocol",
        "data",
        "samples",
        "metric",
        "ours",
        INTERVAL,
        "published",
    )
    cells, notes = [], []
    for row in ours:
        assert row.run
        split = benchmark.split(row.split).shown
        about = (
            split,
            row.method,
            row.params,
            row.run.protocol,
            row.run.data_format or "",
            f"{row.run.samples}",
        )
        for metric in benchmark.metrics:
            if metric.name not in row.figures:
                continue
            one = shown(row.figures[metric.name], metric.decimals)
            compared = (one.published, one.difference, one.verdict)
            cells.append((*about, metric.name, one.value, one.interval, *compared))
        if row.run.notes:
            notes.append(f"{row.run.path}: {'; '.join(row.run.notes)}")
    yield Block(
        "Our runs beside the paper",
        2,
        (*headers, "difference", "published value"),
        tuple(cells),
        right=(5, 7, 8, 9, 10),
        before=(INTERVAL_TEXT,),
        after=tuple(notes),
    )


def _toy_block(board: Board) -> Block:
    cells = toy_cells(board)
    text = TOYS_TEXT if cells else f"{TOYS_TEXT} There are none."
    return Block(TOYS_TITLE, 1, TOY_HEADERS if cells else (), cells, right=(4, 6, 7), before=(text,))


def toy_cells(board: Board) -> tuple[tuple[str, ...], ...]:
    """The rows below TOY_HEADERS."""
    cells = []
    for one in board.demonstrations:
        summary = one.summary
        metric = summary.metric(summary.primary)
        cells.append(
            (
                *(summary.task, summary.split, summary.model, summary.protocol, str(summary.samples)),
                *(metric.display, number(metric.value, metric.unit)),
                *(span(metric.low, metric.high, metric.unit), str(one.path)),
            )
        )
    return tuple(cells)


def _markdown(block: Block) -> str:
    parts = [f"{'#' * block.level} {markdown_text(block.title)}", *map(markdown_text, block.before)]
    if block.headers:
        parts.append(markdown_table(block.headers, block.cells, block.right))
    if block.after:
        parts.append("\n".join(f"- {markdown_text(item)}" for item in block.after))
    return "\n\n".join(parts)


def _page(*blocks: Block) -> str:
    return "\n\n".join([HEAD, *map(_markdown, blocks)]) + "\n"


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
    missing = [f"- {markdown_text(f'{one.title}: {one.reason}')}" for one in absent(board)]
    return "\n".join(
        [
            *(HEAD, "", "# Leaderboards", ""),
            "Published figures, each with its source, and our runs of all official samples beside them.",
            "The figures are in [published.csv](../samtok_bench/leaderboard/data/published.csv),",
            "what they mean in [schema.yaml](../samtok_bench/leaderboard/data/schema.yaml).",
            "How to add a run: [SUBMIT.md](SUBMIT.md). `samtok-bench leaderboard --html FILE` writes one",
            "sortable page of it all.",
            *("", f"## {markdown_text(schema.paper)}", "", *paper),
            *("", "## Other benchmarks", "", *others),
            *("", "## Without published figures", "", *missing),
            *("", f"## {TOYS_TITLE}", "", f"{TOYS_TEXT} [The runs]({TOYS}).", ""),
        ]
    )


def _records(row: Row) -> Iterator[dict[str, Any]]:
    run = row.run
    for name, figure in row.figures.items():
        values = (
            row.benchmark,
            row.split,
            row.method,
            row.params,
            name,
            figure.value,
            figure.low,
            figure.high,
        )
        origin: tuple[Any, ...] = (row.source, None, None, None, None, None, None, None, [])
        if run is not None:
            about = (str(run.path), run.model, run.protocol, run.data_format, run.samples)
            origin = ("ours", *about, figure.published, figure.inside, list(run.notes))
        yield dict(zip(COLUMNS, (*values, *origin), strict=True))


def _toy_record(one: Demonstration) -> dict[str, Any]:
    summary = one.summary
    metric = summary.metric(summary.primary)
    about = {name: getattr(summary, name) for name in ("task", "split", "model", "protocol", "samples")}
    scale = {"low": metric.low, "high": metric.high, "value": metric.value}
    scaled = {k: v if metric.unit or v is None else 100 * v for k, v in scale.items()}
    return {**about, "metric": metric.id, **scaled, "run": str(one.path)}
