"""`report`: runs as a page."""

import json
from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import option

app = typer.Typer()


@app.command()
def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN", help="Results folders; several are shown side by side.")
    ],
    out: Annotated[
        Path | None, option("--out", "HTML file; by default report.html in the folder of the first run.")
    ] = None,
    as_json: Annotated[bool, option("--json", "Print JSON.")] = False,
) -> None:
    """Write one HTML file with figures, distributions and every answer drawn on its image.

    Two runs are shown side by side. A report above 30 MB keeps its samples in a folder next to the file.
    """
    from samtok_bench.report.html import write_report

    written = write_report(runs, out)
    if as_json:
        typer.echo(json.dumps({name: _plain(value) for name, value in vars(written).items()}, indent=1))
        return
    for note in written.notes:
        typer.echo(f"note: {note}")
    what = f"{written.samples} samples, {written.pictures} images, {written.size / 1e6:.1f} MB"
    typer.echo(f"report: {written.path} ({what})")
    if written.folder:
        typer.echo(f"its samples: {written.folder}")


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
