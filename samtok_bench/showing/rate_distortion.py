"""What is left of masks after codecs against what their codes cost, as a plot and a table."""

from collections.abc import Sequence
from dataclasses import asdict, fields

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samtok_bench.files import whole_file, write_whole
from samtok_bench.running.codecs import CodecRuns, Point
from samtok_bench.runs.summary import MetricValue
from samtok_bench.showing.tables import csv_table

PLOT, TABLE = "rate_distortion.png", "rate_distortion.csv"


def write_rate_distortion(codecs: CodecRuns) -> None:
    """Write `PLOT` and `TABLE` into the folder of the codecs."""
    codecs.folder.mkdir(parents=True, exist_ok=True)
    table = csv_table([field.name for field in fields(Point)], map(asdict, codecs.points))
    write_whole(codecs.folder / TABLE, f"{table}\n".encode())
    with whole_file(codecs.folder / PLOT) as file:
        plot(codecs.summary.headline, codecs.points).savefig(file, format="png", dpi=110)


def plot(metric: MetricValue, points: Sequence[Point]) -> Figure:
    """The metric against bits and against tokens per mask, both on a logarithmic scale."""
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    shown = [point for point in points if point.value is not None and point.bits]
    for axes, cost in ((left, "bits"), (right, "tokens")):
        _draw(axes, shown, cost)
        axes.set(xscale="log", xlabel=f"{cost} per mask", ylim=(0, 106))
        axes.grid(alpha=0.3)
    left.set_ylabel(metric.display)
    right.legend(loc="lower right", fontsize=9)
    return figure


def _draw(axes: Axes, points: Sequence[Point], cost: str) -> None:
    families: dict[str, list[Point]] = {}
    for point in points:
        families.setdefault(point.codec.rstrip("0123456789"), []).append(point)
    for family, members in families.items():
        ordered = sorted(members, key=lambda point: getattr(point, cost))
        label = f"{family}, the image helps" if ordered[0].sees_image else family
        axes.errorbar(
            [getattr(point, cost) for point in ordered],
            [100 * (point.value or 0) for point in ordered],
            yerr=[[100 * _beside(point, side) for point in ordered] for side in ("low", "high")],
            marker="*" if ordered[0].sees_image else "o",
            markersize=11 if ordered[0].sees_image else 5,
            capsize=2,
            label=label,
        )
        for point in ordered:
            place = (getattr(point, cost), 100 * (point.value or 0))
            axes.annotate(
                point.codec.removeprefix(family), place, xytext=(0, 7), textcoords="offset points", fontsize=8
            )


def _beside(point: Point, side: str) -> float:
    """How far a bound lies from the value; 0 without an interval."""
    bound = getattr(point, side)
    return 0.0 if bound is None or point.value is None else abs(point.value - bound)
