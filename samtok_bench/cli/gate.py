"""`gate`: regression gates for CI."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import MaxImagePixels, option
from samtok_bench.cli.output import say

PICTURES = Path("runs") / "gate"
"""Beside the folders of runs that were given none."""
STEP_SUMMARY = "GITHUB_STEP_SUMMARY"

app = typer.Typer()


@app.command()
def gate(
    file: Annotated[Path | None, typer.Argument(metavar="GATE", help="The gate's YAML file.")] = None,
    runs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RUN", help="Results folders for the checks that name no run."),
    ] = None,
    pictures: Annotated[
        Path, option("--pictures", "Folder for pictures of samples that got worse.")
    ] = PICTURES,
    junit: Annotated[Path | None, option("--junit", "Also write JUnit XML to this file.")] = None,
    power: Annotated[
        Path | None,
        option(
            "--power", "Instead of a gate: the smallest drops that can be detected with this run's samples."
        ),
    ] = None,
    baseline: Annotated[
        Path | None, option("--baseline", "With --power: measure the error against this run.")
    ] = None,
    metric: Annotated[str | None, option("--metric", "With --power: only this metric.")] = None,
    max_image_pixels: MaxImagePixels = None,
    as_json: Annotated[bool, option("--json", "Print JSON.")] = False,
) -> None:
    """Check runs against floors and baselines.

    Exit codes: 0 pass, 1 regression, 2 usage or configuration, 3 undecided, 4 too many failures, 70 a bug.
    """
    if (file is None) == (power is None):
        raise ValueError("give either a gate's file or --power RUN")
    if power is not None:
        if junit is not None:
            raise ValueError("--junit needs a gate's file")
        from samtok_bench.gate.power import detectable, power_json, power_text

        found = detectable(power, baseline, metric)
        say(power_json(found) if as_json else power_text(found, power, baseline))
        return
    assert file is not None
    if baseline is not None or metric is not None:
        raise ValueError("--baseline and --metric belong to --power; a gate's file names its own")
    from samtok_bench.cli.progress import make_reporter
    from samtok_bench.files import write_whole
    from samtok_bench.gate import report, verdicts
    from samtok_bench.gate.file import read_gate

    results = verdicts.evaluate(read_gate(file), runs or [], make_reporter(), ("samtok-bench", *sys.argv[1:]))
    drawn = report.write_pictures(results, pictures)
    say(report.as_json(results, drawn) if as_json else report.text(results, drawn))
    if junit is not None:
        junit.parent.mkdir(parents=True, exist_ok=True)
        write_whole(junit, report.junit(results))
    if summary := os.environ.get(STEP_SUMMARY):
        report.append_step_summary(results, Path(summary))
    raise typer.Exit(verdicts.exit_code(results))
