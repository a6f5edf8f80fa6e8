"""`leaderboard`: our runs beside published figures, and taking in new ones."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import complete_tasks, option
from samtok_bench.cli.output import say

RESULTS, RUNS = Path("results"), Path("runs")
FOLDER = Path("leaderboards")


class Format(StrEnum):
    """How tables are printed."""

    TEXT = "text"
    MARKDOWN = "markdown"
    LATEX = "latex"
    CSV = "csv"
    JSON = "json"


app = typer.Typer()
board_app = typer.Typer(help="Our runs beside published figures.")
app.add_typer(board_app, name="leaderboard")


def _complete_benchmarks(typed: str) -> list[str]:
    from samtok_bench.leaderboard.published import shipped

    return [benchmark.id for benchmark in shipped()[0].benchmarks if benchmark.id.startswith(typed)]


@board_app.callback(invoke_without_command=True)
def leaderboard(
    context: typer.Context,
    task: Annotated[
        str | None, option("--task", "Show only the benchmarks of this task.", autocompletion=complete_tasks)
    ] = None,
    benchmark: Annotated[
        str | None, option("--benchmark", "Show only this benchmark.", autocompletion=_complete_benchmarks)
    ] = None,
    results: Annotated[
        list[Path] | None,
        option("--results", "Folder with results folders; by default results and runs, for --write results."),
    ] = None,
    form: Annotated[Format, option("--format", "Output format.")] = Format.TEXT,
    intervals: Annotated[
        bool, option("--intervals", "With --format latex: also print the intervals of our runs.")
    ] = False,
    as_json: Annotated[bool, option("--json", "The same as --format json.")] = False,
    html: Annotated[
        Path | None, option("--html", "Write one sortable page to this file instead of printing.")
    ] = None,
    write: Annotated[
        bool, option("--write", "Write the pages of the leaderboards folder instead of printing.")
    ] = False,
    folder: Annotated[Path, option("--folder", "With --write: the folder to write to.")] = FOLDER,
) -> None:
    """Show our runs beside published figures.

    Only complete runs of all official samples are ranked; other runs are listed with the reason.
    """
    sources = {name: context.get_parameter_source(name) for name in context.params}
    typed = [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
    if context.invoked_subcommand is not None:
        if typed:
            raise ValueError("put the options after the subcommand: leaderboard add RUN [OPTIONS]")
        return
    if (write or html) and (as_json or form is not Format.TEXT):
        raise ValueError("--html and --write do not go with --format or --json")
    if as_json and form in (Format.MARKDOWN, Format.LATEX, Format.CSV):
        raise ValueError(f"give either --json or --format {form}")
    if intervals and form is not Format.LATEX:
        raise ValueError("--intervals needs --format latex; the other formats have them anyway")
    if "folder" in typed and not write:
        raise ValueError("--folder needs --write")
    if write and (html or task or benchmark):
        raise ValueError("--write writes all pages: leave out --html, --task and --benchmark")
    from functools import partial

    from samtok_bench.leaderboard import render
    from samtok_bench.leaderboard.board import Board, make_board
    from samtok_bench.leaderboard.latex import as_latex
    from samtok_bench.leaderboard.published import shipped
    from samtok_bench.runs.folder import find_runs

    for place in results or []:
        if not place.is_dir():
            raise FileNotFoundError(f"no folder {place}")
    schema, published = shipped()
    searched = results or ([RESULTS] if write else [RESULTS, RUNS])
    board = make_board(schema, published, searched, task=task, benchmark=benchmark)
    if not find_runs(searched):
        say(f"note: no runs below {' or '.join(str(place) for place in searched)}", err=True)
    if write:
        written = render.write_pages(board, folder)
        say(f"{len(written)} pages in {folder}")
    elif html is not None:
        from samtok_bench.files import write_whole
        from samtok_bench.leaderboard.page import page

        html.parent.mkdir(parents=True, exist_ok=True)
        write_whole(html, page(board).encode())
        say(f"written: {html}")
    else:
        shown: dict[Format, Callable[[Board], str]] = {
            Format.TEXT: render.text,
            Format.MARKDOWN: render.markdown,
            Format.LATEX: partial(as_latex, intervals=intervals),
            Format.CSV: render.as_csv,
            Format.JSON: render.as_json,
        }
        say(shown[Format.JSON if as_json else form](board).rstrip("\n"))


@board_app.command()
def add(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A complete results folder.")],
    results: Annotated[Path, option("--results", "Folder of the committed runs.")] = RESULTS,
    name: Annotated[
        str | None, option("--name", "Name of the copy; by default the name of the run's folder.")
    ] = None,
    selected_on: Annotated[
        str | None,
        option("--selected-on", "On what data the checkpoint was chosen among others; shown with its row."),
    ] = None,
    as_json: Annotated[bool, option("--json", "Print JSON.")] = False,
) -> None:
    """Check a run and copy it to RESULTS/TASK/NAME."""
    import json

    from samtok_bench.cli.progress import make_reporter
    from samtok_bench.leaderboard import submit
    from samtok_bench.leaderboard.render import WRITE

    taken = submit.add(run, results, name, make_reporter(), selected_on)
    if as_json:
        content = {"folder": str(taken.folder), "checked": taken.checked, "remarks": taken.remarks}
        typer.echo(json.dumps(content, indent=1))
        return
    for check in taken.checked:
        say(f"ok: {check}")
    for remark in taken.remarks:
        say(f"note: {remark}")
    say(f"copied to {taken.folder}; now: {WRITE}")
