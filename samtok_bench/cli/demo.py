"""`demo`: a page to try a model on pictures."""

from typing import Annotated

import typer

from samtok_bench.cli.options import MaxImagePixels, option
from samtok_bench.cli.output import say

PORT = 7860

app = typer.Typer()


@app.command()
def demo(
    model: Annotated[
        str, option("--model", "nano, a folder, a hub id, or endpoint:URL#MODEL; see `samtok-bench models`.")
    ] = "nano",
    tokenizer: Annotated[
        str | None,
        option(
            "--tokenizer", "Mask tokenizer (folder or hub id) for a model that lacks one or runs elsewhere."
        ),
    ] = None,
    host: Annotated[
        str, option("--host", "Address to listen on; 0.0.0.0 lets others reach it.")
    ] = "127.0.0.1",
    port: Annotated[int, option("--port", "Port to listen on; 0 for a free one.", min=0, max=65535)] = PORT,
    share: Annotated[bool, option("--share", "Also a public address, through gradio's servers.")] = False,
    device: Annotated[str, option("--device", "auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int | None, option("--threads", "CPU threads for the model.", min=1)] = None,
    max_new_tokens: Annotated[int, option("--max-new-tokens", "Longest answer.", min=1)] = 512,
    dtype: Annotated[str | None, option("--dtype", "Of a local model, see `run --help`.")] = None,
    revision: Annotated[
        str | None, option("--revision", "Branch, tag or commit of a model on the hub.")
    ] = None,
    answers: Annotated[
        str | None,
        option("--answers", "words, boxes:COORDINATES, polygons:COORDINATES or text, for an endpoint."),
    ] = None,
    regions: Annotated[
        str | None, option("--regions", "How it sees a region: words, boxes or outline.")
    ] = None,
    max_image_pixels: MaxImagePixels = None,
) -> None:
    """Serve a page where a mask becomes two words and back, and a dialogue draws its masks.

    Only this machine can open it, unless --host or --share says otherwise. Needs the extra:
    pip install 'samtok-bench[demo]'.
    """
    from samtok_bench.demo.launch import check_place, serve

    check_place(host, port)

    from samtok_bench import registry
    from samtok_bench.demo.model import load_model
    from samtok_bench.demo.scenes import mini_scenes
    from samtok_bench.predictor import PredictorOptions
    from samtok_bench.task import Generation

    registry.trust_model(model)
    options = PredictorOptions(
        Generation(max_new_tokens),
        device=device,
        threads=threads,
        dtype=dtype,
        revision=revision,
        tokenizer=tokenizer,
        answers=answers,
        regions=regions,
    )
    serve(load_model(model, options), mini_scenes(), host, port, share, say)
