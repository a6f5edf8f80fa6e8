"""A page over many runs, with a report of each: a folder that can be published as it is."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from samtok_bench.errors import in_one_line
from samtok_bench.files import write_whole
from samtok_bench.report.figures import MetricCell, metric_cell
from samtok_bench.report.html import TEMPLATES, write_report
from samtok_bench.runs.folder import find_runs
from samtok_bench.showing.inspection import ListedRun, list_runs
from samtok_bench.showing.tables import interval_header, minute, number
from samtok_bench.showing.templates import TABLES_CSS, TABLES_JS, csp_hash, environment, own_text
from samtok_bench.statistics import LEVEL

INDEX = "index.html"


@dataclass(frozen=True)
class ListedReport:
    """A row of the page."""

    name: str
    """The run's folder below what all have in common."""
    run: ListedRun
    cell: MetricCell | None
    """The primary metric; None until the run is complete."""
    page: str
    """The report's file name; empty where there is none."""
    problem: str
    """Why there is none."""


@dataclass(frozen=True)
class Overview:
    """The pages on disk."""

    path: Path
    reports: int
    without: list[str]
    """Runs that have no report, with the reason."""


def write_overview(folders: Sequence[Path], out: Path, data_root: Path | None = None) -> Overview:
    """Write a report of each run in and below some folders, and a page that lists them.

    Args:
        folders: searched for results folders.
        out: the folder to write to, made if needed; other files in it stay.
        data_root: see `write_report`.

    Raises:
        ValueError: there is no run at all.
        OSError: a file cannot be written.
    """
    paths = find_runs(folders)
    if not paths:
        raise ValueError(f"no runs below {' or '.join(map(str, folders))}")
    out.mkdir(parents=True, exist_ok=True)
    common = os.path.commonpath([os.path.abspath(path.parent) for path in paths])
    taken: set[str] = set()
    rows = []
    for run in list_runs(folders):
        name = os.path.relpath(os.path.abspath(run.path), common)
        page, problem = _page_name(name, taken), run.problem
        if not problem and run.primary is None:
            problem = run.status
        if not problem:
            try:
                write_report([run.path], out / page, data_root)
            except ValueError as error:  # as of another version, or that its data contradicts
                problem = in_one_line(error)
        problem = problem.replace(f"{run.path}/", "").removeprefix(
            f"{run.path} "
        )  # the page is sent to others
        cell = metric_cell(run.primary) if run.primary else None
        rows.append(ListedReport(name, run, cell, "" if problem else page, problem))
    write_whole(out / INDEX, _render(rows).encode())
    without = [f"{row.run.path}: {row.problem}" for row in rows if row.problem]
    return Overview(out / INDEX, len(rows) - len(without), without)


def _page_name(name: str, taken: set[str]) -> str:
    """A file name of its own, without what a link or a file system treats in its own way.

    Args:
        name: of the run.
        taken: those that are given, in small letters; the new one joins them.
    """
    plain = "".join(sign if sign.isalnum() or sign in "+-_." else "-" for sign in name).strip(".-") or "run"
    free, place = plain, 1
    while free.casefold() in taken:
        place += 1
        free = f"{plain}-{place}"
    taken.add(free.casefold())
    return f"run-{free}.html"


def _render(rows: Sequence[ListedReport]) -> str:
    values = {
        name: list(dict.fromkeys(getattr(row.run, name) for row in rows if getattr(row.run, name)))
        for name in ("task", "model", "protocol")
    }
    return (
        environment(TEMPLATES)
        .get_template("overview.html.jinja")
        .render(
            rows=rows,
            choices={name: found for name, found in values.items() if len(found) > 1},
            interval=interval_header(LEVEL),
            minute=minute,
            number=number,
            css=own_text(TABLES_CSS),
            script=own_text(TABLES_JS) + own_text(TEMPLATES / "overview.js"),
            csp_hash=csp_hash,
        )
    )
