"""`run` makes a run; `rescore` and `judge` score its answers."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from samtok_bench.cli.options import MaxImagePixels, complete_tasks, option
from samtok_bench.cli.output import say

if TYPE_CHECKING:
    from samtok_bench.running.codecs import CodecRuns
    from samtok_bench.running.groups import Member
    from samtok_bench.running.run import RunResult

app = typer.Typer()

Json = Annotated[bool, option("--json", "Print the summary as JSON instead of a table.")]


@app.command()
def run(
    task: Annotated[
        str,
        option(
            "--task",
            "A task, a group of tasks (all, referring, ...), or a Python file that defines a task.",
            autocompletion=complete_tasks,
        ),
    ],
    model: Annotated[
        str,
        option(
            "--model",
            "nano, a folder, a hub id, oracle[:CODEC], constant:refuse, or a Python file that defines a "
            "predictor; see `samtok-bench models`.",
        ),
    ] = "nano",
    data_root: Annotated[
        Path | None, option("--data-root", "Folder with the official data; generated data by default.")
    ] = None,
    split: Annotated[
        str | None, option("--split", "Split to run; by default the first split of the task.")
    ] = None,
    limit: Annotated[int | None, option("--limit", "Run the first N samples only.")] = None,
    shuffle: Annotated[
        int | None, option("--shuffle", "With --limit: N samples drawn by this seed, not the first ones.")
    ] = None,
    stratify: Annotated[
        str | None,
        option("--stratify", "With --limit: each value of this tag keeps its share of the split."),
    ] = None,
    sample: Annotated[
        list[str] | None, option("--sample", "Run only the sample with this id; repeatable.")
    ] = None,
    out: Annotated[Path | None, option("--out", "Results folder; by default a new one below runs/.")] = None,
    protocol: Annotated[
        str, option("--protocol", "standard, or released to reproduce the published scripts.")
    ] = "standard",
    data: Annotated[
        str | None, option("--data", "File format of the data, for tasks that read several.")
    ] = None,
    task_option: Annotated[
        list[str] | None, option("--option", "NAME=VALUE, for tasks that have variants; repeatable.")
    ] = None,
    codec: Annotated[
        list[str] | None,
        option(
            "--codec",
            "Instead of a model: code the target masks and decode them; repeatable, or all.",
        ),
    ] = None,
    batch_size: Annotated[int, option("--batch-size", "Samples per batch.")] = 16,
    max_new_tokens: Annotated[
        int | None,
        option("--max-new-tokens", "Limit of an answer, its end included; by default the task's own.", min=1),
    ] = None,
    dtype: Annotated[
        str | None,
        option("--dtype", "Of a local model: float32, bfloat16, float16; by default bfloat16 on a GPU."),
    ] = None,
    attn: Annotated[
        str | None, option("--attn", "Its attention: sdpa (default), eager, flash_attention_2, ...")
    ] = None,
    min_pixels: Annotated[
        int | None,
        option(
            "--min-pixels", "Images are resized for it to at least so many pixels (width x height).", min=1
        ),
    ] = None,
    max_pixels: Annotated[
        int | None,
        option("--max-pixels", "And to at most so many; by default as the checkpoint says.", min=1),
    ] = None,
    revision: Annotated[
        str | None, option("--revision", "Branch, tag or commit of a model on the hub.")
    ] = None,
    constrained: Annotated[bool, option("--constrained", "Allow well-formed mask words only.")] = False,
    seed: Annotated[int, option("--seed", "Seed of the bootstrap and of torch.")] = 0,
    threads: Annotated[int | None, option("--threads", "CPU threads for the model.")] = None,
    device: Annotated[str, option("--device", "auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[
        int, option("--workers", "Processes that answer, each with the model on a GPU of its own.")
    ] = 1,
    ray: Annotated[
        str | None, option("--ray", "Take the workers from the Ray cluster at this address, or from `local`.")
    ] = None,
    tokenizer: Annotated[
        str | None,
        option(
            "--tokenizer", "Mask tokenizer (folder or hub id) for a model that lacks one or runs elsewhere."
        ),
    ] = None,
    answers: Annotated[
        str | None,
        option("--answers", "words, boxes:COORDINATES, polygons:COORDINATES or text, for such a model."),
    ] = None,
    regions: Annotated[
        str | None, option("--regions", "How it sees a region: words, boxes or outline.")
    ] = None,
    instruction: Annotated[
        str | None, option("--instruction", "What is said at the end of each question to it.")
    ] = None,
    request_field: Annotated[
        list[str] | None, option("--request-field", "NAME=JSON, sent with each request to it; repeatable.")
    ] = None,
    concurrency: Annotated[int | None, option("--concurrency", "Requests at the same time (8).")] = None,
    timeout: Annotated[float | None, option("--timeout", "Seconds for a whole request (300).")] = None,
    preflight: Annotated[
        bool, option("--preflight/--no-preflight", "First see that the server looks at images.")
    ] = True,
    ceiling: Annotated[
        bool | None,
        option(
            "--ceiling/--no-ceiling",
            "Also compute the ceiling: the target masks through the model's own tokenizer.",
        ),
    ] = None,
    retry_errors: Annotated[
        bool, option("--retry-errors", "Ask again for samples that ended as model_error or skipped.")
    ] = False,
    max_failures: Annotated[
        int, option("--max-failures", "Stop when the first N batches all fail; 0: never.")
    ] = 3,
    max_image_pixels: MaxImagePixels = None,
    as_json: Json = False,
) -> None:
    """Run a task on a model. The same command resumes an interrupted run."""
    from samtok_bench import registry
    from samtok_bench.cli.progress import make_reporter
    from samtok_bench.running.options import RunOptions, request_fields

    registry.trust(task)
    registry.trust_model(model)
    elsewhere = {
        "dtype": dtype,
        "attn": attn,
        "min_pixels": min_pixels,
        "max_pixels": max_pixels,
        "revision": revision,
        "tokenizer": tokenizer,
        "answers": answers,
        "regions": regions,
        "instruction": instruction,
        "request_fields": request_fields(request_field) if request_field else None,
        "concurrency": concurrency,
        "timeout": timeout,
        "preflight": None if preflight else False,
    }
    options = RunOptions(
        task=task,
        model=model,
        data_root=data_root,
        split=split,
        limit=limit,
        shuffle=shuffle,
        stratify=stratify,
        sample=tuple(sample or ()),
        out=out,
        protocol=protocol,  # type: ignore[arg-type]  # the task checks it
        data=data,
        option=tuple(task_option or ()),
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        constrained=constrained,
        seed=seed,
        threads=threads,
        device=device,
        workers=workers,
        ray=ray,
        elsewhere={name: value for name, value in elsewhere.items() if value is not None},
        ceiling=ceiling,
        retry_errors=retry_errors,
        max_failures=max_failures,
        command=("samtok-bench", *sys.argv[1:]),
    )
    if codec:
        from samtok_bench.running.codecs import run_codecs

        _show_codecs(run_codecs(options, codec, make_reporter()), as_json)
    elif task not in registry.names("task") and registry.group_members(task):
        from samtok_bench.running.groups import run_group

        _show_group(run_group(task, options, make_reporter()), as_json)
    else:
        from samtok_bench.running.run import run as make_run

        result = make_run(options, make_reporter())
        _draw(result)
        _show(result, as_json, details=bool(sample))


@app.command()
def rescore(
    folder: Annotated[Path, typer.Argument(help="A complete results folder.")],
    max_image_pixels: MaxImagePixels = None,
    as_json: Json = False,
) -> None:
    """Score a run's stored answers again, without the model."""
    from samtok_bench.cli.progress import make_reporter
    from samtok_bench.running.rescore import rescore as score_again

    result = score_again(folder, make_reporter())
    _draw(result)
    _show(result, as_json, details=False)


@app.command()
def judge(
    folder: Annotated[Path, typer.Argument(help="A complete results folder.")],
    url: Annotated[str, option("--judge", "OpenAI-compatible server, such as http://localhost:8000/v1.")],
    model: Annotated[str, option("--judge-model", "Name of the model on that server.")],
    timeout: Annotated[float, option("--judge-timeout", "Seconds per request.")] = 120.0,
    retries: Annotated[int, option("--judge-retries", "How often a failed request is retried.")] = 4,
    jobs: Annotated[int, option("--jobs", "Samples judged in parallel.")] = 4,
    reading: Annotated[
        str,
        option(
            "--reading",
            "official, or lenient: also read replies like 'Score: 0.8' or in code fences, which the "
            "official script cannot read.",
        ),
    ] = "official",
    max_image_pixels: MaxImagePixels = None,
    as_json: Json = False,
) -> None:
    """Let a language model score the answers of a run. The same command resumes an interrupted one.

    The API key is read from SAMTOK_BENCH_JUDGE_KEY. Scores depend on the judge and on the reading of its
    replies: compare only runs that agree in both. Another reading asks for no reply anew.
    """
    from samtok_bench.cli.progress import make_reporter
    from samtok_bench.judging.client import JudgeClient
    from samtok_bench.judging.judge import judge as judge_run
    from samtok_bench.judging.transcript import TRANSCRIPT
    from samtok_bench.showing.run_tables import judge_table

    client = JudgeClient(url, model, timeout=timeout, retries=retries)
    summary = judge_run(folder, client, make_reporter(), jobs=jobs, reading=reading)
    if as_json:
        typer.echo(summary.model_dump_json(indent=1))
    else:
        say(f"{judge_table(summary)}\n")
    say(f"transcript: {folder / TRANSCRIPT}", err=as_json)


def _draw(result: "RunResult") -> None:
    from samtok_bench.showing.overlays import OVERLAYS, write_overlays

    for note in write_overlays(result.folder / OVERLAYS, result.samples, result.lines):
        say(f"{OVERLAYS}: {note}", err=True)


def _show(result: "RunResult", as_json: bool, details: bool) -> None:
    from samtok_bench.showing.run_tables import breakdown_table, run_table, sample_table, timing_line

    if as_json:
        typer.echo(result.summary.model_dump_json(indent=1))
        say(f"results: {result.folder}", err=True)
    else:
        if details:
            say(f"{sample_table(result.lines)}\n")
        parts = (
            run_table(result.summary),
            timing_line(result.times),
            breakdown_table(result.summary),
            f"results: {result.folder}",
        )
        say("\n\n".join(filter(None, parts)))
    if _all_failed(result):
        raise typer.Exit(1)


def _all_failed(result: "RunResult") -> bool:
    outcomes = result.summary.outcomes
    return outcomes["model_error"] + outcomes["skipped"] == result.summary.samples


def _show_group(members: "list[Member]", as_json: bool) -> None:
    from samtok_bench.showing.run_tables import group_table

    for member in members:
        if member.result:
            _draw(member.result)
    if as_json:
        found = {
            member.task: member.result.summary.model_dump()
            if member.result
            else {"left_out": member.left_out}
            if member.left_out
            else {"problem": member.failure}
            for member in members
        }
        typer.echo(json.dumps(found, indent=1))
    else:
        say(group_table(members))
    results = [member.result for member in members if member.result]
    if any(member.failure for member in members) or all(map(_all_failed, results)):
        raise typer.Exit(1)


def _show_codecs(codecs: "CodecRuns", as_json: bool) -> None:
    from samtok_bench.showing.rate_distortion import write_rate_distortion
    from samtok_bench.showing.run_tables import codec_table

    for result in codecs.results:
        _draw(result)
    write_rate_distortion(codecs)
    if as_json:
        typer.echo(json.dumps([vars(point) for point in codecs.points], indent=1))
        say(f"results: {codecs.folder}", err=True)
    else:
        say(f"{codec_table(codecs)}\n\nplot and table: {codecs.folder}")
    if not any(point.answered for point in codecs.points):
        raise typer.Exit(1)
