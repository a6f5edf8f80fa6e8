"""What is left of masks after codecs against what their codes cost, as plots and a table."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Literal, NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from samtok_bench.exchange.pictures import OUTLINES
from samtok_bench.files import whole_file, write_whole
from samtok_bench.running.codecs import CodecRuns, Point
from samtok_bench.runs.summary import MetricValue
from samtok_bench.showing.labels import Colour, place_labels
from samtok_bench.showing.tables import csv_table

PLOT, GROUPS, TABLE = "rate_distortion", "codecs_by_group", "rate_distortion.csv"
KINDS = ("png", "svg")
SHOWN_TAGS = {"area": "share of the image", "parts": "connected parts"}
"""Tags of samples by which `by_group` breaks down, and what they are called there."""
COLOURS: list[Colour] = [
    (red / 255, green / 255, blue / 255)
    for name, (red, green, blue) in OUTLINES.items()
    if name not in ("yellow", "black")
]
"""Okabe and Ito's that can be seen on white; black is the front's."""
MARKERS = "os^DvPXhp<>*d"
LINES = ("-", "--", ":")

Cost = Literal["bits", "tokens"]
COSTS: dict[Cost, str] = {"bits": "bits a mask", "tokens": "words of a language model a mask"}


class Style(NamedTuple):
    """How a family of codecs is drawn."""

    colour: Colour
    marker: str
    line: str

    @property
    def dark(self) -> Colour:
        """For text."""
        red, green, blue = self.colour
        return 0.75 * red, 0.75 * green, 0.75 * blue


def write_rate_distortion(codecs: CodecRuns) -> None:
    """Write the plots, each as PNG and SVG, and `TABLE` into the folder of the codecs."""
    codecs.folder.mkdir(parents=True, exist_ok=True)
    table = csv_table([field.name for field in fields(Point)], map(asdict, codecs.points))
    write_whole(codecs.folder / TABLE, f"{table}\n".encode())
    if not any(point.value is not None and point.bits for point in codecs.points):
        return  # no mask went through any of them
    save(codecs.folder / PLOT, lambda: plot(codecs.summary.headline, codecs.points))
    if any(tag in codecs.summary.breakdown for tag in SHOWN_TAGS):
        save(codecs.folder / GROUPS, lambda: by_group(codecs))


def save(path: Path, drawn: Callable[[], Figure]) -> None:
    """Write a figure as files of KINDS, the same bytes each time."""
    with matplotlib.rc_context({"svg.hashsalt": path.name, "font.size": 9}):
        figure = drawn()
        for kind in KINDS:
            with whole_file(path.with_suffix(f".{kind}")) as file:
                undated = {"Date": None} if kind == "svg" else None
                figure.savefig(file, format=kind, dpi=200, metadata=undated)


def front(points: Sequence[Point], cost: Cost, value: Callable[[Point], float | None]) -> list[Point]:
    """The points to which no other is better at the same cost or less: Pareto's front, by rising cost."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda point: (getattr(point, cost), -(value(point) or 0))):
        if not kept or (value(point) or 0) > (value(kept[-1]) or 0):
            kept.append(point)
    return kept


def plot(metric: MetricValue, points: Sequence[Point]) -> Figure:
    """The metric and the boundary IoU side by side, against bits (above) and words, with Pareto's front."""
    shown = [point for point in points if point.value is not None and point.bits]
    values: dict[str, Callable[[Point], float | None]] = {metric.display: lambda point: point.value}
    if any(point.boundary_iou is not None for point in shown):
        values["boundary IoU"] = lambda point: point.boundary_iou
    figure = Figure(figsize=(6 * len(values), 9.6), layout="constrained")
    panels = figure.subplots(len(COSTS), len(values), sharex="row", sharey="col", squeeze=False)
    styles = _styles(shown)
    for row, cost in zip(panels, COSTS, strict=True):
        for axes, (name, value) in zip(row, values.items(), strict=True):
            _draw(axes, [point for point in shown if value(point) is not None], cost, value, styles)
            axes.set(xlabel=COSTS[cost], ylabel=f"{name} (%)")
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=6, frameon=False)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for row, cost in zip(panels, COSTS, strict=True):
        for axes, value in zip(row, values.values(), strict=True):
            known = [point for point in shown if value(point) is not None]
            places = [(getattr(point, cost), 100 * (value(point) or 0)) for point in known]
            colours = [styles[point.family].dark for point in known]
            place_labels(axes, places, [_label(point, shown) for point in known], colours, 7)
    return figure


def by_group(codecs: CodecRuns) -> Figure:
    """The primary metric of each codec, by rising words, in groups of the samples by size and by parts."""
    breakdowns = {str(result.folder): result.summary.breakdown for result in codecs.results}
    metric = codecs.summary.headline
    rows = [point for point in codecs.points if point.value is not None and point.tokens]
    columns = [
        (tag, group)
        for tag in SHOWN_TAGS
        for group, members in codecs.summary.breakdown.get(tag, {}).items()
        if members.samples
    ]
    cells = [
        [100 * (breakdowns[point.folder][tag][group].metrics[metric.id] or 0) for tag, group in columns]
        for point in rows
    ]
    least = 10 * (min(map(min, cells)) // 10)
    figure = Figure(figsize=(1.7 + 0.75 * len(columns), 1.3 + 0.21 * len(rows)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(cells, aspect="auto", cmap="cividis", vmin=least, vmax=100)
    for y, row in enumerate(cells):
        for x, value in enumerate(row):
            colour = "white" if value < (least + 100) / 2 else "black"
            axes.text(x, y, f"{value:.1f}", ha="center", va="center", color=colour, fontsize=7)
    sizes = [codecs.summary.breakdown[tag][group].samples for tag, group in columns]
    names = [f"{group}\n{size:,}" for (_, group), size in zip(columns, sizes, strict=True)]
    axes.set_xticks(range(len(columns)), names, fontsize=7)
    axes.set_yticks(range(len(rows)), [f"{point.codec}  ({point.tokens:.0f})" for point in rows], fontsize=7)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.set_ylabel("codec (words a mask)")
    tags = [tag for tag, _ in columns]
    for tag in dict.fromkeys(tags):
        first, count = tags.index(tag), tags.count(tag)
        title = f"{SHOWN_TAGS[tag]} (and masks)"
        axes.text(first + count / 2 - 0.5, -2, title, ha="center", va="bottom")
        if first:
            axes.axvline(first - 0.5, color="white", lw=3)
    figure.colorbar(image, ax=axes, label=f"{metric.display} (%)", pad=0.02, fraction=0.04)
    return figure


def _draw(
    axes: Axes,
    points: Sequence[Point],
    cost: Cost,
    value: Callable[[Point], float | None],
    styles: dict[str, Style],
) -> None:
    best = front(points, cost, value)
    steps = [(getattr(point, cost), 100 * (value(point) or 0)) for point in best]
    axes.step(*zip(*steps, strict=True), where="post", color="0.75", lw=4, zorder=0, label="Pareto front")
    for family, style in styles.items():
        members = [point for point in points if point.family == family]
        members.sort(key=lambda point: getattr(point, cost))
        if members:
            sees = members[0].sees_image
            axes.plot(
                [getattr(point, cost) for point in members],
                [100 * (value(point) or 0) for point in members],
                color=style.colour, marker=style.marker, ls=style.line, ms=6, lw=1,
                mfc="white" if sees else style.colour,
                label=f"{family} (sees the image)" if sees else family,
            )  # fmt: skip
    least = min(100 * (value(point) or 0) for point in points)
    axes.set(xscale="log", ylim=(10 * ((least - 4) // 10), 104))
    axes.margins(x=0.08)
    axes.grid(alpha=0.25, lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _styles(points: Sequence[Point]) -> dict[str, Style]:
    """How each family is drawn; no two share colour and marker."""
    families = dict.fromkeys(point.family for point in points)
    return {
        family: Style(COLOURS[k % len(COLOURS)], MARKERS[k % len(MARKERS)], LINES[k // len(COLOURS) % 3])
        for k, family in enumerate(families)
    }


def _label(point: Point, points: Sequence[Point]) -> str:
    """What tells a point from the others of its family, or its name."""
    alone = sum(other.family == point.family for other in points) == 1
    return point.codec if alone else point.codec.removeprefix(point.family).strip(":") or point.family
