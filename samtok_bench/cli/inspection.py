"""`runs`, `show` and `report`: what finished runs say."""

import json
from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import MaxImagePixels, complete_tasks, option
from samtok_bench.cli.output import say

FOLDERS = (Path("results"), Path("runs"))
PICTURES = Path("runs") / "show"

app = typer.Typer()

DataRoot = Annotated[
    Path | None, option("--data-root", "Folder with the data, if it is not where it was at the run.")
]
Json = Annotated[bool, option("--json", "Print JSON instead of a table.")]


@app.command()
def runs(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders to search; by default results and runs.")
    ] = None,
    task: Annotated[
        str | None, option("--task", "List only runs of this task.", autocompletion=complete_tasks)
    ] = None,
    to: Annotated[
        str | None,
        option("--to", "Send the complete ones to a tracker: tensorboard:DIR or wandb:PROJECT."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the runs in some folders and below, or send them to a tracker of experiments."""
    from samtok_bench.showing.inspection import list_runs, of_task, runs_text

    for folder in folders or ():
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}")
    found = list_runs(folders or FOLDERS)
    if task is not None:
        found = of_task(found, task)
    if to is not None:
        from samtok_bench.showing.trackers import send_all

        if as_json:
            raise ValueError("give either --to or --json")
        sent, left_out = send_all([run.path for run in found], to)
        for reason in left_out:
            say(f"left out: {reason}", err=True)
        say("\n".join(sent) or "no complete run to send")
    elif as_json:
        typer.echo(json.dumps([run.model_dump(mode="json") for run in found], indent=1))
    else:
        where = " and ".join(str(folder) for folder in folders or FOLDERS)
        what = f"runs of {task}" if task else "runs"
        say(runs_text(found) or f"no {what} in {where}")


@app.command()
def show(
    run: Annotated[Path, typer.Argument(help="A complete results folder.")],
    sample: Annotated[
        list[str] | None, option("--sample", "Id of a sample, or the beginning of one; repeatable.")
    ] = None,
    pictures: Annotated[
        Path | None, option("--pictures", f"Folder for pictures of the samples; by default {PICTURES}/RUN.")
    ] = None,
    data_root: DataRoot = None,
    max_image_pixels: MaxImagePixels = None,
    as_json: Json = False,
) -> None:
    """Show the table of a run again, or single samples: question, target and answer."""
    from samtok_bench.runs.reading import open_run
    from samtok_bench.showing.inspection import run_text, sample_text, shown_samples

    opened = open_run(run, data_root)
    if not sample:
        if as_json:
            typer.echo(opened.summary.model_dump_json(indent=1))
        else:
            say(run_text(opened))
        return
    shown, notes = shown_samples(opened, sample, pictures or PICTURES / run.resolve().name)
    for note in notes:
        say(note, err=True)
    if as_json:
        typer.echo(json.dumps([sample.as_dict() for sample in shown], indent=1))
    else:
        say("\n\n".join(map(sample_text, shown)))


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Results folders; several are shown side by side.")
    ],
    out: Annotated[
        Path | None, option("--out", "HTML file; by default report.html in the folder of the first run.")
    ] = None,
    index: Annotated[
        Path | None,
        option(
            "--index", "Write a report of each run below these folders, and a page that lists them, here."
        ),
    ] = None,
    data_root: DataRoot = None,
    max_image_pixels: MaxImagePixels = None,
    as_json: Annotated[bool, option("--json", "Print JSON.")] = False,
) -> None:
    """Write one HTML file with figures, distributions and every answer drawn on its image.

    Two runs are shown side by side. A report above 30 MB keeps its samples in a folder next to the file.
    """
    if index is not None:
        if out is not None:
            raise ValueError("give either --out or --index")
        _overview(runs, index, data_root, as_json)
        return
    from samtok_bench.report.html import write_report

    written = write_report(runs, out, data_root)
    if as_json:
        typer.echo(json.dumps(vars(written), indent=1, default=str))
        return
    for note in written.notes:
        say(f"note: {note}")
    what = f"{written.samples} samples, {written.pictures} images, {written.size / 1e6:.1f} MB"
    say(f"report: {written.path} ({what})")
    if written.folder:
        say(f"its samples: {written.folder}")


def _overview(folders: list[Path], out: Path, data_root: Path | None, as_json: bool) -> None:
    from samtok_bench.report.overview import write_overview

    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}")
    written = write_overview(folders, out, data_root)
    if as_json:
        typer.echo(json.dumps(vars(written), indent=1, default=str))
        return
    for line in written.without:
        say(f"note: no report of {line}")
    say(f"index: {written.path} ({written.reports} reports)")
