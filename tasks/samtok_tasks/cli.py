"""`samtok-bench data`: write mini, and check a data root."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from samtok_tasks.formats.check import CheckReport

app = typer.Typer(no_args_is_help=True)
data = typer.Typer(no_args_is_help=True, help="Write the generated data set mini, or check a data root.")
app.add_typer(data, name="data")

TASK_DATA = {"gres": "grefcoco"}
"""The data set that each task reads."""

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

    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"mini {written['version']}")
    for name in ("split", "images", "expressions", "no target", "one", "several", "no-target share"):
        table.add_column(name, justify="left" if name == "split" else "right")
    for name, one in written["splits"].items():
        share = f"{100 * one['no_target'] / one['expressions']:.1f} %"
        counts = ("images", "expressions", "no_target", "one_target", "several_targets")
        table.add_row(name, *(str(one[key]) for key in counts), share)
    console = Console()
    console.print(table)
    console.print(f"content {written['content_hash'][:16]}", highlight=False)
    console.print(str(root), highlight=False, soft_wrap=True)


@data.command()
def check(
    task: Annotated[str, typer.Option(help="The task whose data to look at.")] = "gres",
    data_root: Annotated[
        Path | None,
        typer.Option(help="Folder of the official files; mini by default.", envvar="SAMTOK_BENCH_DATA_ROOT"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare a data root with the official layout: counts, missing images, the first problem.

    Exits with 1 when something is missing or broken.
    """
    if task not in TASK_DATA:
        raise ValueError(f"unknown task {task!r}; there are {', '.join(TASK_DATA)}")
    from samtok_tasks.formats.check import check as check_data

    if data_root is None:
        from samtok_tasks.mini.writer import ensure_mini

        data_root = ensure_mini()
    report = check_data(data_root, TASK_DATA[task])
    if as_json:
        typer.echo(report.to_json())
    else:
        _show(report)
    if not report.ok:
        raise typer.Exit(1)


def _show(report: "CheckReport") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if report.splits:
        table = Table(title=f"{report.dataset} in {report.root}")
        for name in ("split", "images", "missing", "sentences", "no target", "one", "several"):
            table.add_column(name, justify="left" if name == "split" else "right")
        for name, one in report.splits.items():
            numbers = (one.images, one.missing_images, one.sentences, one.no_target, one.one_target)
            table.add_row(name, *(str(number) for number in (*numbers, one.several_targets)))
        console.print(table)
    for name, count in report.dropped.items():
        console.print(f"left out: {count} {name}", highlight=False)
    console.print(report.problem or "complete", highlight=False, markup=False, soft_wrap=True)
