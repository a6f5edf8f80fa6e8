"""`samtok-bench data dialogues`: what a task asks, written once with its mask words, for training."""

from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import MaxImagePixels, option
from samtok_bench.cli.output import say
from samtok_tasks.data.exchange import DataFormat, Named, Protocol, Root, TaskOption


def dialogues(
    task: Named,
    out: Annotated[Path, option("--out", "Folder to write; a folder that is not whole is gone on with.")],
    tokenizer: Annotated[
        str,
        option("--tokenizer", "Whose mask words: nano, a folder, or a hub id of a model or its tokenizer."),
    ] = "nano",
    data_root: Root = None,
    split: Annotated[str, option("--split", "The split to be taught.")] = "train",
    workers: Annotated[int, option("--workers", "Processes, each with the tokenizer for itself.", min=1)] = 1,
    device: Annotated[str, option("--device", "auto, cpu, cuda or cuda:N.")] = "auto",
    most_masks: Annotated[int, option("--most-masks", "Answers with more are left out.", min=1)] = 32,
    images_per_shard: Annotated[int, option("--images-per-shard", "Images of a file.", min=1)] = 256,
    protocol: Protocol = "standard",
    data: DataFormat = None,
    task_option: TaskOption = None,
    max_image_pixels: MaxImagePixels = None,
) -> None:
    """Write what a task asks, with its answers in mask words, as shards for `train sft`.

    A recipe reads them by `source: shards`. When it was killed, the same command goes on.
    """
    from samtok_bench import registry
    from samtok_bench.cli.progress import make_reporter
    from samtok_bench.predictor import PredictorOptions
    from samtok_bench.running.options import task_options
    from samtok_bench.task import Generation
    from samtok_tasks.training.shard_writer import ShardWriter, content_hash, write_shards
    from samtok_tasks.training.shards import ShardSettings
    from samtok_tasks.training.tasks import TaskOptions

    registry.trust(task)
    options = task_options(task_option or ())
    share = {
        "data_root": data_root,
        "split": split,
        "protocol": protocol,
        "data": data,
        "options": options,
    }
    asked = TaskOptions.checked({"tasks": {task: share}, "most_masks": most_masks})
    root, shown = asked.pictures(task)
    kind, argument = registry.codec_class(f"samtok:{tokenizer}")
    codec_options = PredictorOptions(Generation(0), device=device)
    settings = ShardSettings(
        task=task,
        protocol=protocol,
        data=data,
        options=options,
        split=split,
        data_root=str(root.resolve()),
        content=content_hash(shown),
        most_masks=most_masks,
        tokenizer=f"samtok:{tokenizer}",
        codebooks=kind(argument, codec_options).words_hash(),
        images=len(shown),
        images_per_shard=images_per_shard,
    )
    writer = ShardWriter(settings, out, root, codec_options)
    left_out = write_shards(writer, shown, workers, make_reporter())
    for line in left_out.lines():
        typer.echo(f"left out: {line}", err=True)
    say(f"{len(shown)} images in {settings.shards} shards: {out}")
