"""`samtok-bench data questions`, `predictions` and `check-predictions`: for models that run elsewhere."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samtok_bench.cli.options import complete_tasks, option
from samtok_bench.cli.output import say

if TYPE_CHECKING:
    from samtok_bench.sample import Prediction, Sample
    from samtok_bench.task import Task

Named = Annotated[str, option("--task", "A task of `samtok-bench tasks`.", autocompletion=complete_tasks)]
Root = Annotated[Path | None, option("--data-root", "Folder of the official files; mini if absent.")]
Split = Annotated[str | None, option("--split", "By default the first split of the task.")]
Protocol = Annotated[str, option("--protocol", "standard or released.")]
DataFormat = Annotated[str | None, option("--data", "Format of the data root, for tasks that read several.")]
TaskOption = Annotated[list[str] | None, option("--option", "NAME=VALUE, for tasks with variants.")]


def questions(
    task: Named,
    out: Annotated[Path, option("--out", "File to write, one JSON line per sample.")],
    split: Split = None,
    data_root: Root = None,
    protocol: Protocol = "standard",
    data: DataFormat = None,
    task_option: TaskOption = None,
    boxes: Annotated[bool, option("--boxes", "Also write the box of each region in a question.")] = False,
    words: Annotated[
        str | None, option("--words", "Also write each region in the words of this codec, such as samtok.")
    ] = None,
    outlines: Annotated[
        bool, option("--outlines", "Also write pictures with each region outlined, in a folder beside --out.")
    ] = False,
) -> None:
    """Write what a split asks, for a model that runs elsewhere.

    Its answers come back by `run --model predictions:FILE`.
    """
    from samtok_bench.exchange.questions import Outlines, RegionForms
    from samtok_bench.exchange.questions import questions as lines
    from samtok_bench.files import write_whole
    from samtok_bench.predictor import PredictorOptions
    from samtok_bench.predictors.pictures import pictures_of
    from samtok_bench.registry import codec_class

    asked, samples, root = _split(task, protocol, data, task_option, split, data_root)
    codec = None
    if words is not None:
        kind, argument = codec_class(words)
        codec = kind(argument, PredictorOptions(asked.generation))
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn = None
    if outlines:
        drawn = Outlines(out.with_suffix(".outlined"), pictures_of)
        drawn.folder.mkdir(exist_ok=True)
    written = list(lines(asked, samples, root, RegionForms(box=boxes, words=codec, outlines=drawn)))
    write_whole(out, b"".join(written))
    dependent = sum(bool(sample.after) for sample in samples)
    say(f"{len(written)} questions below {root}: {out}")
    if dependent:
        say(f'{dependent} of them need answers to earlier ones, see "after"')


def predictions(
    source: Annotated[Path, typer.Argument(help="What holds the answers.")],
    task: Named,
    kind: Annotated[
        str,
        option(
            "--from",
            "run: a results folder; released: a folder of SAMTok's evaluation scripts; "
            "lmms: samples that lmms-eval has logged; coco: a COCO results file, of SA-Co.",
        ),
    ],
    out: Annotated[Path, option("--out", "Predictions file to write.")],
    split: Split = None,
    data_root: Root = None,
    protocol: Protocol = "standard",
    data: DataFormat = None,
    task_option: TaskOption = None,
) -> None:
    """Write a predictions file from answers in another form."""
    from samtok_bench.conversion.convert import convert

    _, samples, _ = _split(task, protocol, data, task_option, split, data_root)
    count, dropped = convert(kind, source, samples, out)
    for line in dropped.lines():
        typer.echo(f"left out: {line}", err=True)
    say(f"{count} answers to {len(samples)} samples: {out}")


def check_predictions(
    file: Annotated[Path | None, typer.Argument(help="A predictions file.")] = None,
    task: Annotated[
        str | None,
        option("--task", "Also hold it against the samples of a task.", autocompletion=complete_tasks),
    ] = None,
    split: Split = None,
    data_root: Root = None,
    protocol: Protocol = "standard",
    data: DataFormat = None,
    task_option: TaskOption = None,
    schema: Annotated[bool, option("--schema", "Print the JSON Schema of a line instead.")] = False,
) -> None:
    """Read a predictions file without running anything; with --task, also hold it against a split."""
    from samtok_bench.exchange.answers import json_schema
    from samtok_bench.exchange.predictions import PredictionsFile

    if schema:
        typer.echo(json.dumps(json_schema(), indent=1))
        return
    if file is None:
        raise ValueError("name a predictions file, or use --schema")
    read = PredictionsFile(file)
    say(f"{len(read)} answers of {read.model or 'a model without a name'}: {file}")
    if task is not None:
        from samtok_bench.predictors.predictions import has_unread_words

        asked, samples, _ = _split(task, protocol, data, task_option, split, data_root)
        unread = list[bool]()

        def look(answer: "Prediction") -> str:
            unread.append(has_unread_words(answer, asked.answer_form, asked.generation.reading))
            return ""

        missing = read.check(samples, look)
        first = f", the first: {missing[0]}" if missing else ""
        say(f"{len(missing)} of {len(samples)} samples have no answer{first}")
        if any(unread):
            how = "run with --answers words --tokenizer FOLDER"
            say(f"{sum(unread)} answers have mask words and no masks: {how}")


def _split(
    name: str,
    protocol: str,
    data: str | None,
    options: list[str] | None,
    split: str | None,
    data_root: Path | None,
) -> "tuple[Task, list[Sample], Path]":
    from samtok_bench import registry
    from samtok_bench.running.options import RunOptions
    from samtok_bench.running.samples import read_split

    registry.trust(name)
    asked = RunOptions(
        name,
        data_root=data_root,
        split=split,
        protocol=protocol,  # type: ignore[arg-type]  # the task checks it
        data=data,
        option=tuple(options or ()),
    )
    task = asked.make_task()
    found = read_split(task, asked, lambda line: say(line, err=True))
    return task, found.read.samples, found.root
