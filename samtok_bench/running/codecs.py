"""Several codecs on one task: what is left of the masks against what their codes cost."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samtok_bench import registry
from samtok_bench.running import run as runner
from samtok_bench.running.run import Reporter, RunOptions, RunResult
from samtok_bench.runs.folder import MetricValue, Summary
from samtok_bench.sample import Outcome

ALL = "all"
PLOT, TABLE = "rate_distortion.png", "rate_distortion.csv"


@dataclass(frozen=True)
class Point:
    """One codec on the task's primary metric, 0 to 1; None where no sample was answered."""

    codec: str
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
class Comparison:
    """The codecs in order of their tokens a mask, and the folder of plot and table."""

    summary: Summary
    """Of the first run, for what all share."""
    points: list[Point]
    folder: Path


def compare(options: RunOptions, codecs: Sequence[str], reporter: Reporter) -> Comparison:
    """Run each codec into its own folder, then write `PLOT` and `TABLE`.

    Args:
        options: of all runs; `model` is replaced, `out` holds a folder for each codec.
        codecs: names that `registry.codec_class` takes; ALL stands for those that need no file.

    Raises:
        ValueError, OSError: as `runner.run`.
    """
    named = [one for name in codecs for one in (registry.codec_choices() if name == ALL else [name])]
    results = []
    for name in dict.fromkeys(named):
        registry.codec_class(name)  # a misspelt one fails before the work
    for name in dict.fromkeys(named):
        reporter.note(f"codec {name}")
        out = options.out / name.replace("/", "-").replace(":", "-") if options.out else None
        results.append((name, runner.run(replace(options, model=f"oracle:{name}", out=out), reporter)))
    summary = results[0][1].summary
    points = [_point(name, result) for name, result in results]
    points.sort(key=lambda one: (one.tokens is None, one.tokens or 0, one.codec))
    folder = options.out or Path("runs") / f"{summary.task}-codecs-{summary.split}"
    folder.mkdir(parents=True, exist_ok=True)
    _write_table(folder / TABLE, points)
    plot(summary.metric(summary.primary), points).savefig(folder / PLOT, dpi=110)
    return Comparison(summary, points, folder)


def _point(name: str, result: RunResult) -> Point:
    lines = result.lines.values()
    codes = [code for line in lines for code in line.prediction.codes]
    answered = sum(line.prediction.outcome is Outcome.OK for line in lines)
    primary = result.summary.metric(result.summary.primary)
    known = {metric.id: metric.value for metric in result.summary.metrics}
    return Point(
        codec=name,
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


def _write_table(path: Path, points: Sequence[Point]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Point)])
        writer.writeheader()
        writer.writerows(asdict(point) for point in points)


def plot(metric: MetricValue, points: Sequence[Point]) -> Figure:
    """The metric against bits and against tokens a mask, both on a logarithmic scale."""
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    shown = [point for point in points if point.value is not None and point.bits]
    for axes, cost in ((left, "bits"), (right, "tokens")):
        _draw(axes, shown, cost)
        axes.set(xscale="log", xlabel=f"{cost} a mask", ylim=(0, 106))
        axes.grid(alpha=0.3)
    left.set_ylabel(metric.display)
    right.legend(loc="lower right", fontsize=9)
    return figure


def _draw(axes: Axes, points: Sequence[Point], cost: str) -> None:
    families: dict[str, list[Point]] = {}
    for point in points:
        families.setdefault(point.codec.rstrip("0123456789"), []).append(point)
    for family, members in families.items():
        ordered = sorted(members, key=lambda one: getattr(one, cost))
        label = f"{family}, the image helps" if ordered[0].sees_image else family
        axes.errorbar(
            [getattr(one, cost) for one in ordered],
            [100 * (one.value or 0) for one in ordered],
            yerr=[[100 * _beside(one, side) for one in ordered] for side in ("low", "high")],
            marker="*" if ordered[0].sees_image else "o",
            markersize=11 if ordered[0].sees_image else 5,
            capsize=2,
            label=label,
        )
        for one in ordered:
            place = (getattr(one, cost), 100 * (one.value or 0))
            axes.annotate(
                one.codec.removeprefix(family), place, xytext=(0, 7), textcoords="offset points", fontsize=8
            )


def _beside(point: Point, side: str) -> float:
    """How far a bound lies from the value; 0 without an interval."""
    bound = getattr(point, side)
    return 0.0 if bound is None or point.value is None else abs(point.value - bound)
