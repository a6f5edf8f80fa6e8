"""Rows of ours in a table that is a mean over splits: one run of each, every figure averaged by itself."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from samtok_bench.leaderboard.published import Benchmark, Schema, Split
from samtok_bench.leaderboard.rows import Figure, LeftOut, OurRun, Row

_OF_A_SPLIT = {"split", "data", "code"}
"""Settings in which runs of one mean may differ."""


def mean_rows(schema: Schema, rows: Sequence[Row]) -> Iterator[Row | LeftOut]:
    """The means of our rows over all splits of a benchmark, for each table that has one.

    Runs belong together if they have the same settings but for split and data. Without a run of every split
    there is no mean; with several of one there is none either, and that is said.
    """
    for benchmark in schema.benchmarks:
        for split in benchmark.splits:
            if split.mean:
                yield from _of(benchmark, split, [row for row in rows if row.benchmark == benchmark.id])


def _of(benchmark: Benchmark, split: Split, rows: Sequence[Row]) -> Iterator[Row | LeftOut]:
    wanted = [other.name for other in benchmark.splits if other.task]
    groups: dict[tuple[str, str], dict[str, list[tuple[Row, OurRun]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        if row.run:
            settings = row.run.settings.model_dump_json(exclude=_OF_A_SPLIT)
            groups[row.method, settings][row.split].append((row, row.run))
    for found in groups.values():
        if set(found) != set(wanted):
            continue
        if several := [found[name] for name in wanted if len(found[name]) > 1]:
            yield LeftOut(
                several[0][-1][1].path, f"no {split.shown}: several runs of {several[0][0][0].split}"
            )
        else:
            yield _mean(benchmark, split, [found[name][0] for name in wanted])


def _mean(benchmark: Benchmark, split: Split, parts: Sequence[tuple[Row, OurRun]]) -> Row:
    (row, run), rows, runs = parts[0], [row for row, _ in parts], [run for _, run in parts]
    figures = {
        metric.name: Figure(sum(row.figures[metric.name].value for row in rows) / len(rows))
        for metric in benchmark.metrics
        if all(metric.name in row.figures for row in rows)
    }
    notes = dict.fromkeys(note for run in runs for note in run.notes)
    folder = _common_folder([run.path for run in runs])
    made = OurRun(
        folder, run.settings, sum(run.samples for run in runs), [f"mean of {len(runs)} runs", *notes]
    )
    return Row(benchmark.id, split.name, row.method, row.params, figures, run=made)


def _common_folder(paths: Sequence[Path]) -> Path:
    """What all are below; absolute where one of them is."""
    if any(path.is_absolute() for path in paths):
        paths = [path.absolute() for path in paths]
    return Path(os.path.commonpath(paths))
