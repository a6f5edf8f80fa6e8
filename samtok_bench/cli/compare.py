"""`compare`: what differs between runs, and how certain that is."""

from pathlib import Path
from typing import Annotated

import typer

from samtok_bench.cli.options import MaxImagePixels, option
from samtok_bench.cli.output import say

app = typer.Typer()


@app.command()
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN", help="Results folders or summary.json files; the first is the reference."
        ),
    ],
    metric: Annotated[
        list[str] | None, option("--metric", "Id of a metric; repeatable. All metrics by default.")
    ] = None,
    by: Annotated[
        list[str] | None, option("--by", "Break down by this tag; repeatable. All tags by default.")
    ] = None,
    judged_by: Annotated[
        str | None,
        option(
            "--judged-by",
            "Compare the scores that this judge model gave; with its reading, as 'NAME (lenient)'.",
        ),
    ] = None,
    show: Annotated[
        int,
        option("--show", "List the N samples that improved most and the N that got worse most.", min=0),
    ] = 0,
    pictures: Annotated[
        Path | None, option("--pictures", "With --show: draw these samples into this folder.")
    ] = None,
    all_pairs: Annotated[
        bool, option("--all-pairs", "Compare every pair of runs, not only each with the first.")
    ] = False,
    force: Annotated[
        bool,
        option(
            "--force",
            "Compare despite another device, dtype or batch size, or on the samples in common.",
        ),
    ] = False,
    format: Annotated[str | None, option("--format", "text (default), markdown, latex, csv or json.")] = None,
    intervals: Annotated[
        bool, option("--intervals", "With --format latex: also print the intervals of the values.")
    ] = False,
    max_image_pixels: MaxImagePixels = None,
    as_json: Annotated[bool, option("--json", "Print JSON.")] = False,
    out: Annotated[Path | None, option("--out", "Write to this file instead of the terminal.")] = None,
) -> None:
    """Compare runs: differences with intervals and tests, paired by sample."""
    from samtok_bench.comparison.changed_samples import write_pictures
    from samtok_bench.comparison.compare import compare
    from samtok_bench.comparison.given_runs import read_given_runs
    from samtok_bench.comparison.render import as_latex, writer
    from samtok_bench.files import write_whole

    if as_json and format not in (None, "json"):
        raise ValueError(f"give either --json or --format {format}")
    write = writer("json" if as_json else format or "text")
    if intervals and format != "latex":
        raise ValueError("--intervals needs --format latex; text and csv have them anyway")
    if pictures is not None and not show:
        raise ValueError("--pictures needs --show N")
    found = compare(
        read_given_runs(runs, judged_by),
        metrics=metric or (),
        by=by or (),
        show=show,
        all_pairs=all_pairs,
        force=force,
    )
    if pictures:
        write_pictures(found, pictures)
    written = as_latex(found, intervals=True) if intervals else write(found)
    if out is None:
        say(written)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, f"{written}\n".encode())
        say(f"comparison: {out}", err=True)
