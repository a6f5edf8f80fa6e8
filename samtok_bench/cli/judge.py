"""`judge`: a language model scores the answers of a finished run."""

from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import option

app = typer.Typer()


@app.command()
def judge(
    folder: Annotated[Path, typer.Argument(help="A complete results folder.")],
    url: Annotated[str, option("--judge", "OpenAI-compatible server, such as http://localhost:8000/v1.")],
    model: Annotated[str, option("--judge-model", "Name of the model on that server.")],
    timeout: Annotated[float, option("--judge-timeout", "Seconds per request.")] = 120.0,
    retries: Annotated[int, option("--judge-retries", "How often a failed request is retried.")] = 4,
    jobs: Annotated[int, option("--jobs", "Samples judged in parallel.")] = 4,
    as_json: Annotated[bool, option("--json", "Print the summary as JSON instead of a table.")] = False,
) -> None:
    """Let a language model score the answers of a run. The same command resumes an interrupted one.

    The API key is read from SAMTOK_BENCH_JUDGE_KEY. Scores depend on the judge: compare only runs that the
    same model judged.
    """
    from samtok_bench.cli.progress import make_reporter
    from samtok_bench.judging.client import JudgeClient
    from samtok_bench.judging.judge import judge as judge_run
    from samtok_bench.judging.transcript import TRANSCRIPT
    from samtok_bench.showing.run_tables import judge_table

    client = JudgeClient(url, model, timeout=timeout, retries=retries)
    summary = judge_run(folder, client, make_reporter(), jobs=jobs)
    typer.echo(summary.model_dump_json(indent=1) if as_json else judge_table(summary) + "\n")
    typer.echo(f"transcript: {folder / TRANSCRIPT}", err=as_json)
