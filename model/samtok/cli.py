"""Commands for masks, words and weights; `samtok-bench` finds them through an entry point."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from samtok.tokenizer import SAMTok

app = typer.Typer()
train = typer.Typer(no_args_is_help=True)
app.add_typer(train, name="train")


def _option(name: str, help: str, **more: Any) -> Any:
    variable = f"SAMTOK_BENCH_{name.removeprefix('--').replace('-', '_').upper()}"
    return typer.Option(name, help=help, envvar=variable, show_envvar=False, **more)


def _allow_pixels(count: int | None) -> int | None:
    from samtok.images import allow_pixels

    if count is not None:
        allow_pixels(count)
    return count


ImageFile = Annotated[Path, typer.Argument(help="An image file.")]
Model = Annotated[str, _option("--model", "nano, a tokenizer folder, or a hub id.")]
Device = Annotated[str, _option("--device", "cpu, cuda or cuda:N.")]
Picture = Annotated[Path | None, _option("--picture", "Also draw the masks on the image.")]
Json = Annotated[bool, _option("--json", "Print JSON.")]
MaxImagePixels = Annotated[
    int | None,
    _option("--max-image-pixels", "Refuse larger images. Default: 178956970.", min=1, callback=_allow_pixels),
]
Recipe = Annotated[str, typer.Argument(help="A YAML file, or the name of a shipped recipe.")]
Out = Annotated[Path | None, _option("--out", "Output folder. Default: training/RECIPE.")]
Resume = Annotated[bool, _option("--resume", "Continue an interrupted training.")]
DataFile = Annotated[
    list[Path] | None,
    _option(
        "--data-file",
        "Python file with training data, for a recipe's source FILE:function; repeatable. It is run.",
    ),
]


@app.command()
def encode(
    image: ImageFile,
    mask: Annotated[
        list[Path], _option("--mask", "A one-channel image; non-zero is foreground. Repeatable.")
    ],
    model: Model = "nano",
    device: Device = "cpu",
    picture: Picture = None,
    max_image_pixels: MaxImagePixels = None,
    as_json: Json = False,
) -> None:
    """Turn masks into words, and measure how well the words describe them."""
    import numpy as np
    import torch

    from samtok import format_words
    from samtok.images import open_image
    from samtok.mask_files import read_mask
    from samtok.masks import mask_iou
    from samtok.pictures import round_trip

    _check_outputs(picture)
    photo = open_image(image)
    masks = np.stack([read_mask(path, *photo.size) for path in mask])
    tokenizer = _load(model, device)
    embedding = tokenizer.embed(photo)
    codes = tokenizer.encode(embedding, masks)
    decoded = tokenizer.decode(embedding, codes).cpu()
    iou = mask_iou(torch.from_numpy(masks), decoded).tolist()
    if picture:
        round_trip(photo, masks, decoded.numpy(), iou).save(picture)
    rows = [
        {"mask": str(path), "codes": pair, "words": text, "iou": value}
        for path, pair, text, value in zip(mask, codes.tolist(), format_words(codes), iou, strict=True)
    ]
    if as_json:
        typer.echo(json.dumps({"image": str(image), "model": model, "masks": rows}))
        return
    for row in rows:
        typer.echo(f"{row['words']}  IoU {row['iou']:.3f}  {row['mask']}")


@app.command()
def decode(
    image: ImageFile,
    words: Annotated[str, typer.Argument(help="A text with mask words.")],
    model: Model = "nano",
    device: Device = "cpu",
    out: Annotated[
        Path | None, _option("--out", "Mask file. Several masks go to OUT-1, OUT-2 and so on.")
    ] = None,
    picture: Picture = None,
    max_image_pixels: MaxImagePixels = None,
    as_json: Json = False,
) -> None:
    """Turn the mask words of a text into masks."""
    import numpy as np

    from samtok import format_words, parse_words
    from samtok.images import open_image
    from samtok.mask_files import write_mask
    from samtok.pictures import outlined

    _check_outputs(out, picture)
    photo = open_image(image)
    parsed = parse_words(words)
    faults = [f"{fault.kind} at {fault.start}..{fault.end}" for fault in parsed.faults]
    if not parsed.words:
        raise ValueError(
            f"no mask words in the text; a mask is {format_words([(230, 89)])[0]}"
            + (f"; found instead: {', '.join(faults)}" if faults else "")
        )
    tokenizer = _load(model, device)
    masks = tokenizer.decode(tokenizer.embed(photo), np.array(parsed.codes)).cpu().numpy()
    if picture:
        outlined(photo, masks).save(picture)
    rows = []
    for number, (word, mask) in enumerate(zip(parsed.words, masks, strict=True), 1):
        file = out.with_stem(f"{out.stem}-{number}") if out and len(masks) > 1 else out
        if file:
            write_mask(file, mask)
        rows.append(
            {
                "words": words[word.start : word.end],
                "codes": list(word.codes),
                "area": float(mask.mean()),
                "file": str(file) if file else None,
            }
        )
    if as_json:
        typer.echo(json.dumps({"image": str(image), "model": model, "masks": rows, "faults": faults}))
        return
    for row in rows:
        typer.echo(f"{row['words']}  {row['area']:.1%} of the image" + (f"  {row['file']}" if out else ""))
    if faults:
        typer.echo(f"{len(faults)} malformed: {', '.join(faults)}", err=True)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def serve(
    context: typer.Context,
    model: Annotated[str, _option("--model", "nano, a folder or a hub id.")] = "nano",
) -> None:
    """Serve a model by `transformers serve`, with its own processor; other options are passed on to it.

    Needs the extra: pip install 'samtok-bench[serve]'. The server calls the model by its folder, which is
    printed; `run --model endpoint:http://localhost:8000/v1#FOLDER --tokenizer MODEL` asks it.
    """
    from samtok.locate import model_folder, vlm_part
    from samtok.serving import serve as serve_model

    typer.echo(f"serving {vlm_part(model_folder(model))}", err=True)
    serve_model(model, context.args)


@app.command()
def convert(
    sam2_pt: Annotated[Path, typer.Argument(help="sam2.1_hiera_large.pt")],
    tokenizer_pth: Annotated[Path, typer.Argument(help="mask_tokenizer_256x2.pth")],
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    check: Annotated[
        bool, _option("--verify", "First compare the model with the sam2 package on random inputs.")
    ] = False,
) -> None:
    """Convert the published tokenizer files into a folder of safetensors."""
    from samtok import SAMTok
    from samtok.verification import TOLERANCE, verify

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out} exists and is not an empty folder: choose another folder")
    model = SAMTok.from_published(sam2_pt, tokenizer_pth)
    if check:
        differences = verify(model, tokenizer_pth)
        typer.echo("largest difference from the sam2 package on random inputs:")
        for item in differences:
            typer.echo(f"  {item.name:14} {item.largest:9.2e}  of values up to {item.scale:.2e}")
        if large := [item.name for item in differences if not item.is_small]:
            raise ValueError(
                f"not converted: {', '.join(large)} differ by more than {TOLERANCE:g} of their scale"
            )
    model.save_pretrained(out)
    typer.echo(f"{out}: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M parameters")


@train.callback()
def _trust(data_file: DataFile = None) -> None:
    """Train a tokenizer or a model from a recipe."""
    from samtok.training.sources import trust

    for file in data_file or ():
        trust(file)


@train.command("tokenizer")
def train_tokenizer(recipe: Recipe, out: Out = None, resume: Resume = False) -> None:
    """Train the mask tokenizer in stages."""
    from samtok.training.tokenizer import train as run

    _train(run, recipe, out, resume)


@train.command("sft")
def train_sft(
    recipe: Recipe,
    out: Out = None,
    resume: Resume = False,
    plan: Annotated[
        int | None, _option("--plan", "Only print the memory and hours that it needs on so many GPUs.", min=1)
    ] = None,
) -> None:
    """Fine-tune a vision-language model on dialogues with mask words."""
    if plan is not None:
        from samtok.training.plan import report

        typer.echo(report(recipe, plan))
        return
    from samtok.training.supervised import train as run

    _train(run, recipe, out, resume)


@train.command("rl")
def train_rl(recipe: Recipe, out: Out = None, resume: Resume = False) -> None:
    """Train a vision-language model by reinforcement, with rewards of its mask words.

    Needs the extra: pip install 'samtok-bench[rl]'.
    """
    from samtok.training.reinforced import train as run

    _train(run, recipe, out, resume)


def _train(run: Callable[[str, Path, bool], Path], recipe: str, out: Path | None, resume: bool) -> None:
    from samtok.training.processes import processes

    # not the stem, which of qwen2.5-vl is qwen2
    folder = out or Path("training") / Path(recipe).name.removesuffix(".yaml").removesuffix(".yml")
    try:
        final = run(recipe, folder, resume)
        if processes().is_main_process:
            typer.echo(final)
    except KeyboardInterrupt as error:
        error.add_note(f"--resume goes on from the newest checkpoint in {folder}, or from the beginning")
        raise


def _load(model: str, device: str) -> "SAMTok":
    from transformers.utils import logging

    from samtok import SAMTok
    from samtok.agreement import check_codebooks

    logging.disable_progress_bar()  # loading takes a second, and logs would keep every frame of the bar
    tokenizer = SAMTok.from_pretrained(model, device=device)
    check_codebooks(tokenizer.config)
    return tokenizer


def _check_outputs(*paths: Path | None) -> None:
    """Raise before the work, not after it, and name the file, which Pillow does not."""
    from PIL import Image

    for path in filter(None, paths):
        if not path.parent.is_dir():
            raise FileNotFoundError(f"cannot write {path}: no folder {path.parent}")
        if path.suffix.lower() not in Image.registered_extensions():
            raise ValueError(f"cannot write {path}: not a known image type; use .png")
