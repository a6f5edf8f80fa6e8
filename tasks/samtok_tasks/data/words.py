"""`samtok-bench data check-words`: whose mask words published dialogues hold."""

from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import option
from samtok_bench.cli.output import say


def check_words(
    file: Annotated[
        Path, typer.Argument(help="Dialogues in LLaVA's form, such as mask_generation_gres209k.json.")
    ],
    data_root: Annotated[Path, option("--data-root", "Folder of gRefCOCO's files with its images.")],
    tokenizer: Annotated[
        str, option("--tokenizer", "nano, a folder, or a hub id of a model or its tokenizer.")
    ] = "nano",
    records: Annotated[int, option("--records", "So many records, evenly spread.", min=1)] = 64,
    device: Annotated[str, option("--device", "auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Encode some masks of published dialogues again: are their words those of a tokenizer?

    The file does not say whose they are. Exits with 1 if they are another one's.
    """
    from samtok_bench import registry
    from samtok_bench.predictor import PredictorOptions
    from samtok_bench.task import Generation
    from samtok_tasks.training.word_check import check_words as check

    kind, argument = registry.codec_class(f"samtok:{tokenizer}")
    found = check(file, data_root, kind(argument, PredictorOptions(Generation(0), device=device)), records)
    same = found.same
    say(
        f"{found.masks} masks of {found.matched} records, of {found.records} looked at: "
        f"{found.both} have both words of {tokenizer}, {found.first} the first"
    )
    if not same:
        say("the words are another tokenizer's")
        raise typer.Exit(1)
    say(f"the words are those of {tokenizer}")
