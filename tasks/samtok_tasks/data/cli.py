"""`samtok-bench data`: write mini, check a data root, fetch official files from the hub."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samtok_bench.cli.options import MaxImagePixels, complete_tasks, option
from samtok_bench.cli.output import say
from samtok_tasks.data import exchange
from samtok_tasks.data.dialogues import dialogues
from samtok_tasks.data.masks import masks
from samtok_tasks.data.words import check_words

if TYPE_CHECKING:
    from samtok_bench.task import Task
    from samtok_tasks.data.check import CheckReport

app = typer.Typer(no_args_is_help=True)
data = typer.Typer(
    no_args_is_help=True,
    help="Write mini or dialogues, check or fetch data, exchange answers.",
)
app.add_typer(data, name="data")
data.command()(exchange.questions)
data.command()(exchange.predictions)
data.command()(dialogues)
data.command()(masks)
data.command("check-words")(check_words)
data.command("check-predictions")(exchange.check_predictions)

DataFormat = Annotated[str | None, option("--data", "Format of the data root, for tasks that read several.")]
Json = Annotated[bool, option("--json", "Print JSON.")]


@data.command()
def mini(
    out: Annotated[Path | None, option("--out", "Folder to write to; the cache if absent.")] = None,
    sheet: Annotated[Path | None, option("--sheet", "Also draw a contact sheet to this PNG.")] = None,
    split: Annotated[str, option("--split", "Split that the contact sheet shows.")] = "val",
    as_json: Json = False,
) -> None:
    """Write mini, the generated data set, in the official file formats of its benchmarks."""
    from samtok_tasks.mini.cache import ensure_mini, write_into
    from samtok_tasks.mini.writer import read_marker

    if out is not None:
        write_into(out)
    root = out or ensure_mini()
    written = read_marker(root)
    if sheet is not None:
        from samtok_bench.files import whole_file
        from samtok_tasks.data.sheet import contact_sheet

        picture = contact_sheet(root, split=split)
        sheet.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(sheet) as file:
            picture.save(file, "PNG")
    if as_json:
        typer.echo(json.dumps({"root": str(root)} | written, indent=1))
        return

    from samtok_bench.showing.tables import number, text_table

    counts = ("images", "expressions", "no_target", "one_target", "several_targets")
    rows = [
        [name, *(str(report[key]) for key in counts), number(report["no_target"] / report["expressions"])]
        for name, report in written["splits"].items()
    ]
    headers = ["split", "images", "expressions", "no target", "one", "several", "no-target %"]
    say(text_table(headers, rows, right=range(1, 7)))
    say(f"\nmini {written['version']}, content {written['content_hash'][:16]}\n{root}")


@data.command()
def check(
    task: Annotated[
        str, option("--task", "A task of `samtok-bench tasks`.", autocompletion=complete_tasks)
    ] = "gres",
    data_root: Annotated[
        Path | None, option("--data-root", "Folder of the official files; mini if absent.")
    ] = None,
    data: DataFormat = None,
    split: Annotated[
        list[str] | None, option("--split", "A split to look at; all of the task's if absent; repeatable.")
    ] = None,
    images: Annotated[
        bool, option("--images", "Also decode every image, which finds files that are cut.")
    ] = False,
    max_image_pixels: MaxImagePixels = None,
    as_json: Json = False,
) -> None:
    """Compare a data root with the official layout: counts, missing images, the first problem.

    Exits with 1 if something is missing or broken: each split that is named must be there, else at least one.
    Other numbers of samples than the official ones are told: such data can be run, and is not ranked.
    """
    from samtok_bench import registry

    registry.trust(task)
    checked = registry.task_class(task)("standard", data)
    _check(checked, data_root or checked.default_root(), split, as_json, images)


@data.command()
def fetch(
    task: Annotated[str, option("--task", "A task of `samtok-bench tasks`.", autocompletion=complete_tasks)],
    data_root: Annotated[Path, option("--data-root", "Folder below which the files belong.")],
    data: DataFormat = None,
    revision: Annotated[
        str | None,
        option("--revision", "Commit of the data set, or newest; by default the one that the task pins."),
    ] = None,
    yes: Annotated[bool, option("--yes", "Do not ask before the download.")] = False,
) -> None:
    """Download those official files of a task that are on the Hugging Face hub, and check them.

    Shows the source, the destination and the size, and asks first. No other command downloads data.

    Exits with 1 if something is still missing afterwards, such as images that another project distributes.
    """
    from samtok_bench import registry
    from samtok_tasks.data.fetch import address, choice, hub_source, listing
    from samtok_tasks.data.fetch import fetch as fetch_files

    registry.trust(task)
    fetched = registry.task_class(task)("standard", data)
    source = hub_source(fetched, data_root)
    say(f"from  {address(source)}: {', '.join(source.patterns)}")
    say(f"to    {data_root / source.folder}")
    if source.rest:
        say(f"not fetched: {source.rest}")
    listed = listing(source, revision)
    say(f"size  {len(listed.files)} files, {listed.size / 1e6:.1f} MB")
    say(f"at    {listed.revision} ({choice(source, revision)})")
    if not yes:
        typer.confirm("Download?", abort=True)
    fetch_files(source, listed, data_root)
    say("")
    _check(fetched, data_root, None, False)


def _check(task: "Task", root: Path, split: list[str] | None, as_json: bool, decode: bool = False) -> None:
    from samtok_tasks.data.check import check as check_data

    splits = split or [*dict.fromkeys([*task.splits, task.default_split(root)])]
    report = check_data(task, root, splits, decode, every=bool(split))
    if as_json:
        typer.echo(report.to_json())
    else:
        _show(report)
    if not report.ok:
        raise typer.Exit(1)


def _show(report: "CheckReport") -> None:
    from samtok_bench.showing.tables import text_table

    if report.splits:
        keys = ("images", "missing_images", "samples", "no_target", "one_target", "several_targets")
        rows = [[name, *(str(getattr(split, key)) for key in keys)] for name, split in report.splits.items()]
        headers = ["split", "images", "missing", "samples", "no mask", "one", "several"]
        say(text_table(headers, rows, right=range(1, 7)) + "\n")
    for name, reason in report.absent.items():
        say(f"not there: split {name}: {reason}")
    told: dict[tuple[str, str], list[str]] = {}  # what is of the whole file comes with each of its splits
    for name, split in report.splits.items():
        for line in split.dropped.lines():
            told.setdefault(("left out of", line), []).append(name)
        for line in split.dropped.kept_lines():
            told.setdefault(("kept in", line), []).append(name)
    for (what, line), names in told.items():
        say(f"{what} {', '.join(names)}: {line}")
    if report.splits and report.default_split in report.absent:
        say(f"run needs --split {' or '.join(report.splits)}: by default it takes {report.default_split}")
    say(f"{report.task} in {report.root}: {report.verdict}")
