"""`lmms`: our tasks and models in lmms-eval, and its answers back."""

from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import complete_tasks, option
from samtok_bench.cli.output import say

app = typer.Typer()
lmms = typer.Typer(no_args_is_help=True, help="Tasks and models for lmms-eval, and its answers back.")
app.add_typer(lmms, name="lmms")

Root = Annotated[Path | None, option("--data-root", "Folder of the official files; mini if absent.")]


@lmms.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder to write to, for lmms-eval's --include_path.")],
    task: Annotated[str, option("--task", "A task of `samtok-bench tasks`.", autocompletion=complete_tasks)],
    split: Annotated[str | None, option("--split", "By default the first split of the task.")] = None,
    data_root: Root = None,
    protocol: Annotated[str, option("--protocol", "standard or released.")] = "standard",
    data: Annotated[str | None, option("--data", "Format of the data root, if there are several.")] = None,
    task_option: Annotated[
        list[str] | None, option("--option", "NAME=VALUE, for tasks with variants.")
    ] = None,
    tokenizer: Annotated[
        str, option("--tokenizer", "Mask tokenizer that reads the answers: nano, a folder or hub id.")
    ] = "nano",
    answers: Annotated[
        str, option("--answers", "words, boxes:COORDINATES, polygons:COORDINATES or text.")
    ] = "words",
    regions: Annotated[
        str | None, option("--regions", "How a region is put: words, boxes or outline.")
    ] = None,
    instruction: Annotated[str | None, option("--instruction", "Said at the end of each question.")] = None,
) -> None:
    """Write a task for lmms-eval: a YAML, a line per question, images by path.

    The scores are computed by samtok-bench, which must be installed beside lmms-eval.
    """
    from samtok_bench.lmms.export import export as write
    from samtok_bench.running.options import RunOptions
    from samtok_bench.running.samples import read_split

    asked = RunOptions(
        task,
        data_root=data_root,
        split=split,
        protocol=protocol,  # type: ignore[arg-type]  # the task checks it
        data=data,
        option=tuple(task_option or ()),
    )
    exported = asked.make_task()
    found = read_split(exported, asked, lambda line: say(line, err=True))
    elsewhere = {"tokenizer": tokenizer, "answers": answers, "regions": regions, "instruction": instruction}
    given = {option: value for option, value in elsewhere.items() if value is not None}
    path = write(exported, found.read.samples, found.name, data_root, given, out)
    say(f"{len(found.read.samples)} questions: {path}")
    say(
        f"samtok-bench lmms run --model samtok --model_args pretrained={tokenizer} --tasks {path.stem} "
        f"--include_path {out} --output_path FOLDER"
    )


@lmms.command("import")
def import_(
    samples: Annotated[
        Path, typer.Argument(help="A *_samples_*.jsonl of lmms-eval's --log_samples, or a folder with one.")
    ],
    out: Annotated[Path | None, option("--out", "Results folder; by default a new one below runs/.")] = None,
    predictions: Annotated[
        Path | None, option("--predictions", "Predictions file to write; by default beside the samples.")
    ] = None,
    data_root: Root = None,
    limit: Annotated[int | None, option("--limit", "Score the first N samples only.")] = None,
    as_json: Annotated[bool, option("--json", "Print the summary as JSON instead of a table.")] = False,
) -> None:
    """Make a run of the answers to an exported task, scored here.

    Samples without an answer count as such; of several answers to one the first counts.
    """
    from samtok_bench.cli.run import run
    from samtok_bench.conversion.convert import convert
    from samtok_bench.conversion.lmms import logged_settings, predictions_beside, samples_file
    from samtok_bench.lmms.settings import ExportSettings

    path = samples_file(samples)
    settings = ExportSettings.model_validate_json(logged_settings(path))
    task = settings.make_task()
    root = data_root or (Path(settings.data_root) if settings.data_root else None)
    read = task.samples(root or task.default_root(), settings.split)
    file = predictions or predictions_beside(path)
    count, dropped = convert("lmms", path, read.samples, file)
    say(f"{count} answers to {len(read.samples)} samples: {file}", err=True)
    for line in dropped.lines():
        say(f"left out: {line}", err=True)
    run(
        task=settings.task,
        model=f"predictions:{file}",
        data_root=root,
        split=settings.split,
        limit=limit,
        out=out,
        protocol=settings.protocol,
        data=settings.data_format,
        task_option=[f"{name}={value}" for name, value in settings.options.items()],
        tokenizer=settings.elsewhere["tokenizer"],
        answers=settings.elsewhere["answers"],
        ceiling=False,
        as_json=as_json,
    )


@lmms.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    context: typer.Context,
    ranks: Annotated[int, option("--ranks", "Processes, each with a GPU of its own.")] = 1,
) -> None:
    """Run lmms-eval with its own options, and fail where it has failed.

    lmms-eval ends with exit code 0 even after an error. Here the exit code is 1 then, and where results or
    samples are missing.
    """
    from samtok_bench.lmms.launch import UnfinishedError, launch

    try:
        code = launch(context.args, ranks)
    except UnfinishedError as error:
        for fault in error.faults:
            say(f"lmms-eval ended with exit code 0, but: {fault}", err=True)
        code = 1
    raise typer.Exit(code)
