"""Several codecs on one task: what is left of the masks against what their codes cost."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samtok_bench import registry
from samtok_bench.interruption import keeping
from samtok_bench.progress import Reporter
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import RunResult, run
from samtok_bench.runs.summary import Summary
from samtok_bench.sample import Outcome


@dataclass(frozen=True)
class Point:
    """One codec on the task's primary metric, 0 to 1; None where no sample was answered."""

    codec: str
    family: str
    """The codec's name without its argument."""
    sees_image: bool
    """Whether decoding needs the image, so that the code alone does not tell the mask."""
    value: float | None
    low: float | None
    high: float | None
    boundary_iou: float | None
    bits: float | None
    """Mean over masks."""
    tokens: float | None
    """Mean over masks."""
    answered: int
    samples: int
    folder: str


@dataclass(frozen=True)
class CodecRuns:
    """The codecs in order of their tokens per mask, and a folder for what shows them."""

    summary: Summary
    """Of the first run, for what all share."""
    points: list[Point]
    folder: Path
    results: list[RunResult]


def run_codecs(options: RunOptions, codecs: Sequence[str], reporter: Reporter) -> CodecRuns:
    """Run each codec into its own folder.

    Args:
        options: of all runs; `model` is replaced, `out` holds a folder for each codec.
        codecs: names that `registry.codec_class` takes; registry.ALL stands for those that need no file.

    Raises:
        ValueError, OSError: as `run`.
    """
    choices = [registry.codec_choices() if name == registry.ALL else [name] for name in codecs]
    named = dict.fromkeys(choice for some in choices for choice in some)
    results: list[RunResult] = []
    registry.task_class(options.task)  # a misspelt name fails before the work
    for name in named:
        registry.codec_class(name)
    with keeping(lambda: f"{len(results)} of {len(named)} codecs are done: the same command does the others"):
        for name in named:
            reporter.note(f"codec {name}")
            out = options.out / name.replace("/", "-").replace(":", "-") if options.out else None
            results.append(run(replace(options, model=f"oracle:{name}", out=out), reporter))
    summary = results[0].summary
    points = [_point(*pair) for pair in zip(named, results, strict=True)]
    points.sort(key=lambda point: (point.tokens is None, point.tokens or 0, point.codec))
    folder = options.out or Path("runs") / f"{summary.task}-codecs-{summary.split}"
    return CodecRuns(summary, points, folder, results)


def _point(name: str, result: RunResult) -> Point:
    lines = result.lines.values()
    codes = [code for line in lines for code in line.prediction.codes]
    answered = sum(line.prediction.outcome is Outcome.OK for line in lines)
    primary = result.summary.headline
    known = {metric.id: metric.value for metric in result.summary.metrics}
    return Point(
        codec=name,
        family=registry.codec_name(name)[0],
        sees_image=registry.codec_class(name)[0].needs_image,
        value=primary.value if answered else None,
        low=primary.low if answered else None,
        high=primary.high if answered else None,
        boundary_iou=known.get("boundary_iou") if answered else None,
        bits=sum(code.bits for code in codes) / len(codes) if codes else None,
        tokens=sum(code.tokens for code in codes) / len(codes) if codes else None,
        answered=answered,
        samples=len(lines),
        folder=str(result.folder),
    )
