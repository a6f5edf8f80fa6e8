"""`samtok-bench data masks`: the masks of a data set by image, for training the tokenizer."""

from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import MaxImagePixels, option
from samtok_bench.cli.output import say


def masks(
    data: Annotated[str, option("--data", "A data format of the task reconstruction.")],
    data_root: Annotated[Path, option("--data-root", "Folder of the official files, or a file for some.")],
    out: Annotated[Path, option("--out", "Folder to write; it must not exist.")],
    split: Annotated[str | None, option("--split", "By default the first split of the format.")] = None,
    max_image_pixels: MaxImagePixels = None,
) -> None:
    """Write the masks of a split by image, so that `train tokenizer` reads only those that it draws.

    A recipe reads them by `source: regions` and `data: shards`.
    """
    from samtok_tasks.reconstruction.data_formats import data_format, read_masks
    from samtok_tasks.training.mask_shards import write_mask_shards

    name = split or data_format(data).splits[0]
    read = read_masks(data, data_root, name)
    written = write_mask_shards(read, data, name, data_root, out)
    for line in read.dropped.lines():
        typer.echo(f"left out: {line}", err=True)
    say(f"{written.masks} masks of {written.images} images in {written.shards} shards: {out}")
