"""Tables as text: the one place that formats them. Metrics are shown on the scale 0 to 100."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from samtok_bench.runs.folder import Line, MetricValue, Summary

if TYPE_CHECKING:
    from samtok_bench.judging.judge import JudgeSummary
    from samtok_bench.running.codecs import Comparison
    from samtok_bench.running.suite import Entry
    from samtok_bench.statistics import Interval

NOT_AVAILABLE = "n/a"


def text_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Align columns with spaces.

    Args:
        headers: one a column.
        rows: cells, as many as headers in each row.
        right: columns that are aligned to the right.
    """
    widths = [max(len(row[k]) for row in [headers, *rows]) for k in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(headers), line(["-" * width for width in widths]), *(line(row) for row in rows)])


def percent(value: float | None) -> str:
    """A value of 0 to 1 on the scale 0 to 100, with two decimals."""
    return number(value)


def number(value: float | None, unit: str = "", decimals: int = 2) -> str:
    """A metric's value: without a unit on the scale 0 to 100, else as it is."""
    return NOT_AVAILABLE if value is None else f"{value if unit else 100 * value:.{decimals}f}"


def signed(change: float | None, unit: str = "", decimals: int = 2) -> str:
    """A difference as `number` writes it, with its sign; without one where it is rounded to zero."""
    shown = number(change, unit, decimals)
    if change is None or float(shown) == 0:
        return shown.removeprefix("-")
    return f"+{shown}" if change > 0 else shown


def span(low: float | None, high: float | None, unit: str = "", decimals: int = 2) -> str:
    """An interval's bounds as `number` writes them."""
    if low is None:
        return NOT_AVAILABLE
    return f"{number(low, unit, decimals)} to {number(high, unit, decimals)}"


def bounds(interval: "Interval | None", unit: str = "") -> str:
    """An interval as `span` writes it."""
    return span(interval.low, interval.high, unit) if interval else NOT_AVAILABLE


def counted(outcomes: Mapping[str, int]) -> str:
    """How many of each there are, without those that there are none of."""
    return ", ".join(f"{count} {name}" for name, count in outcomes.items() if count)


def minute(time: str) -> str:
    """A time of ISO 8601, without its seconds."""
    return time[:16].replace("T", " ")


def interval_header(summary: Summary) -> str:
    """The header above `span`."""
    return f"{100 * summary.interval.level:.0f} % interval"


def breakdown_table(summary: Summary) -> str:
    """The primary metric by tag, empty where no tag tells samples apart."""
    metric = summary.metric(summary.primary)
    rows = []
    for tag, groups in summary.breakdown.items():
        if len(groups) < 2:
            continue
        for place, (value, group) in enumerate(groups.items()):
            rows.append(
                [
                    tag if place == 0 else "",
                    value,
                    str(group.samples),
                    number(group.metrics[metric.id], metric.unit),
                    span(group.low, group.high, metric.unit),
                ]
            )
    if not rows:
        return ""
    headers = ["by", "", "samples", metric.display, interval_header(summary)]
    return text_table(headers, rows, right=(2, 3, 4))


def run_table(summary: Summary) -> str:
    """The end of a run: metrics with interval, floor and ceiling, then the counts."""
    # what a code costs and uses is not asked of predictors without one
    shown = [metric for metric in summary.metrics if metric.value is not None or not metric.unit]
    rows = [metric_row(metric) for metric in shown]
    headers = ["metric", "value", interval_header(summary), "floor", "ceiling"]
    if all(metric.ceiling is None for metric in shown):
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    table = text_table(headers, rows, right=(1, 2, 3, 4))
    title = f"{summary.task} on {summary.split}, {summary.model}, protocol {summary.protocol}"
    size = f"{summary.samples} samples on {summary.clusters} images: {counted(summary.outcomes)}"
    return f"{title}\n\n{table}\n\n{size}"


def bounded(metric: MetricValue) -> bool:
    """Whether a floor and a ceiling say something: a share of which more, or less, is better."""
    return metric.direction != "none" and not metric.unit


def metric_row(metric: MetricValue) -> list[str]:
    """Name, value, interval, floor and ceiling; empty where that says nothing."""
    floor = number(metric.floor, metric.unit)
    if metric.floor_by is not None:
        floor += f" ({metric.floor_by})"
    informative = bounded(metric)
    return [
        metric.display,
        number(metric.value, metric.unit),
        span(metric.low, metric.high, metric.unit) if metric.low is not None or informative else "",
        floor if informative else "",
        percent(metric.ceiling) if informative else "",
    ]


def timing_line(lines: Mapping[str, Line]) -> str:
    """Milliseconds a mask by step, empty where the predictor does not tell steps apart."""
    made = [line.prediction for line in lines.values() if line.prediction.timings]
    masks = sum(len(one.masks) for one in made)
    if not masks:
        return ""
    steps = {step: sum(one.timings.get(step, 0.0) for one in made) for step in made[0].timings}
    return "milliseconds a mask: " + ", ".join(
        f"{step} {1000 * seconds / masks:.2f}" for step, seconds in steps.items()
    )


def judge_table(summary: "JudgeSummary") -> str:
    """What a judge said of a run."""
    rows = [
        [
            one.display,
            number(one.value, one.unit),
            span(one.low, one.high, one.unit) if one.low is not None else "",
        ]
        for one in summary.metrics
    ]
    table = text_table(["metric", "value", "95 % interval"], rows, right=(1, 2))
    return f"judged by {summary.model}, {summary.samples} samples\n\n{table}"


def suite_table(entries: Sequence["Entry"]) -> str:
    """The primary metric of each task, then what could not be run."""
    rows = []
    for one in entries:
        if one.result is None:
            continue
        summary = one.result.summary
        metric = summary.metric(summary.primary)
        about = [one.task, summary.split, str(summary.samples)]
        rows.append([*about, *metric_row(metric), counted(summary.outcomes)])
    headers = ["task", "split", "samples", "metric", "value", "95 % interval", "floor", "ceiling", "outcomes"]
    table = text_table(headers, rows, right=(2, 4, 5, 6, 7)) if rows else ""
    problems = [f"{one.task}: not run: {one.problem}" for one in entries if one.result is None]
    return "\n".join([*filter(None, [table]), *([""] if problems and rows else []), *problems])


def codec_table(comparison: "Comparison") -> str:
    """Codecs by the length of their codes."""
    summary = comparison.summary
    metric = summary.metric(summary.primary)
    rows = [
        [
            one.codec,
            "yes" if one.sees_image else "no",
            number(one.tokens, "tokens"),
            number(one.bits, "bits"),
            percent(one.value),
            span(one.low, one.high),
            percent(one.boundary_iou),
            f"{one.answered} of {one.samples}",
        ]
        for one in comparison.points
    ]
    headers = ["codec", "image", "tokens", "bits", metric.display, interval_header(summary), "boundary IoU"]
    title = f"{summary.task} on {summary.split}, target masks through codecs; tokens and bits a mask"
    return f"{title}\n\n{text_table([*headers, 'answered'], rows, right=(2, 3, 4, 5, 6, 7))}"


def sample_table(lines: Mapping[str, Line]) -> str:
    """Single samples: outcome, per-sample IoU where the task has one, and the answer."""
    rows = []
    for line in lines.values():
        iou = percent(line.scores["iou"]) if "iou" in line.scores else ""
        said = line.prediction.text or line.prediction.detail
        rows.append([line.id, line.prediction.outcome, iou, " ".join(said.split())])
    return text_table(["sample", "outcome", "IoU", "answer"], rows, right=(2,))


def markdown_text(text: str) -> str:
    """A text in one line of GitHub's Markdown, none of which acts as Markdown or HTML."""
    return " ".join(text.split()).translate({ord(sign): f"\\{sign}" for sign in "\\`*_{}[]<>|~&#"})


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table in GitHub's Markdown, a line for each row; arguments as `text_table`."""
    rule = ["---:" if k in right else "---" for k in range(len(headers))]
    cells = [[markdown_text(cell) for cell in row] for row in (headers, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], rule, *cells[1:]])
