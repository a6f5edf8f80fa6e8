"""`samtok-bench data`: write mini, check a data root, fetch official files from the hub."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samtok_bench.cli.options import complete_tasks

if TYPE_CHECKING:
    from samtok_bench.task import Task
    from samtok_tasks.data.check import CheckReport

app = typer.Typer(no_args_is_help=True)
data = typer.Typer(no_args_is_help=True, help="Write mini, check a data root, or fetch official files.")
app.add_typer(data, name="data")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@data.command()
def mini(
    out: Annotated[Path | None, typer.Option(help="Folder to write to; the cache by default.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="Also draw a contact sheet to this PNG.")] = None,
    split: Annotated[str, typer.Option(help="The split that the contact sheet shows.")] = "val",
    as_json: Json = False,
) -> None:
    """Write mini, the generated data set, as gRefCOCO and refer files."""
    from samtok_tasks.mini.writer import ensure_mini, read_marker, write_mini

    root = ensure_mini() if out is None else write_mini(out).root
    written = read_marker(root)
    if sheet is not None:
        from samtok_tasks.mini.sheet import contact_sheet

        sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet(root, split=split).save(sheet)
    if as_json:
        typer.echo(json.dumps({"root": str(root)} | written, indent=1))
        return

    from samtok_bench.showing.tables import percent, text_table

    counts = ("images", "expressions", "no_target", "one_target", "several_targets")
    rows = [
        [name, *(str(one[key]) for key in counts), percent(one["no_target"] / one["expressions"])]
        for name, one in written["splits"].items()
    ]
    headers = ["split", "images", "expressions", "no target", "one", "several", "no-target %"]
    typer.echo(text_table(headers, rows, right=range(1, 7)))
    typer.echo(f"\nmini {written['version']}, content {written['content_hash'][:16]}\n{root}")


@data.command()
def check(
    task: Annotated[
        str, typer.Option(help="The task whose data to look at.", autocompletion=complete_tasks)
    ] = "gres",
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder of the official files; mini by default.", envvar="SAMTOK_BENCH_DATA_ROOT"),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Format of the data root, as for `run`.")] = None,
    split: Annotated[
        list[str] | None, typer.Option(help="A split to look at; all usual ones by default; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a data root with the official layout: counts, missing images, the first problem.

    Exits with 1 when something is missing or broken.
    """
    from samtok_bench.registry import task_class

    kind = task_class(task)("standard", data)
    _check(kind, data_root or kind.default_root(), split, as_json)


@data.command()
def fetch(
    task: Annotated[
        str, typer.Option(help="The task whose files to download.", autocompletion=complete_tasks)
    ],
    root: Annotated[
        Path,
        typer.Option(
            "--root",
            "--data-root",
            help="Data root; the files go where they belong below it.",
            envvar="SAMTOK_BENCH_DATA_ROOT",
        ),
    ],
    data: Annotated[str | None, typer.Option(help="Format of the data root, as for `run`.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the download.")] = False,
) -> None:
    """Download a task's official files from the Hugging Face hub, as far as they are there, and check them.

    Says what comes from where to where, and asks first. Other commands download no data.

    Exits with 1 when something is still missing after it, such as the images of another project.
    """
    from samtok_bench.registry import task_class
    from samtok_tasks.data.fetch import address, hub_source, listing
    from samtok_tasks.data.fetch import fetch as fetch_files

    kind = task_class(task)("standard", data)
    source = hub_source(kind, root)
    typer.echo(f"from  {address(source)}: {', '.join(source.patterns)}")
    typer.echo(f"to    {root / source.folder}")
    if source.rest:
        typer.echo(f"not fetched: {source.rest}")
    listed = listing(source)
    typer.echo(
        f"size  {len(listed.files)} files, {listed.size / 1e6:.1f} MB, revision {listed.revision[:12]}"
    )
    if not yes:
        typer.confirm("Download?", abort=True)
    fetch_files(source, listed, root)
    typer.echo("")
    _check(kind, root, None, False)


def _check(task: "Task", root: Path, split: list[str] | None, as_json: bool) -> None:
    from samtok_tasks.data.check import check as check_data

    report = check_data(task, root, split or [*dict.fromkeys([*task.splits, task.default_split(root)])])
    if as_json:
        typer.echo(report.to_json())
    else:
        _show(report)
    if not report.ok:
        raise typer.Exit(1)


def _show(report: "CheckReport") -> None:
    from samtok_bench.showing.tables import text_table

    if report.splits:
        rows = [
            [
                name,
                *(str(n) for n in (one.images, one.missing_images, one.samples)),
                *(str(n) for n in (one.no_target, one.one_target, one.several_targets)),
            ]
            for name, one in report.splits.items()
        ]
        headers = ["split", "images", "missing", "samples", "no mask", "one", "several"]
        typer.echo(text_table(headers, rows, right=range(1, 7)) + "\n")
    for name in report.absent:
        typer.echo(f"not there: split {name}")
    for name, count in report.dropped.items():
        first = f", the first: {report.first[name]}" if name in report.first else ""
        typer.echo(f"left out: {count} {name}{first}")
    typer.echo(f"{report.task} in {report.root}: {report.problem or 'complete'}")
