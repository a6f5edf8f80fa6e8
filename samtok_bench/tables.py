"""Tables as text: the one place that formats them. Metrics are shown on the scale 0 to 100."""

from collections.abc import Mapping, Sequence

from samtok_bench.results import Line, Summary

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
    return NOT_AVAILABLE if value is None else f"{100 * value:.2f}"


def span(low: float | None, high: float | None) -> str:
    """An interval's bounds as `percent` writes them."""
    return NOT_AVAILABLE if low is None else f"{percent(low)} to {percent(high)}"


def interval_header(summary: Summary) -> str:
    """The header above `span`."""
    return f"{100 * summary.interval.level:.0f} % interval"


def breakdown_table(summary: Summary) -> str:
    """The primary metric by tag, empty where no tag tells samples apart."""
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
                    percent(group.metrics[summary.primary]),
                    span(group.low, group.high),
                ]
            )
    if not rows:
        return ""
    metric = summary.metric(summary.primary).display
    return text_table(["by", "", "samples", metric, interval_header(summary)], rows, right=(2, 3, 4))


def run_table(summary: Summary) -> str:
    """The end of a run: metrics with interval, floor and ceiling, then the counts."""
    rows = []
    for metric in summary.metrics:
        floor = percent(metric.floor)
        if metric.floor_by is not None:
            floor += f" ({metric.floor_by})"
        informative = metric.direction != "none"
        rows.append(
            [
                metric.display,
                percent(metric.value),
                span(metric.low, metric.high),
                floor if informative else "",
                percent(metric.ceiling) if informative else "",
            ]
        )
    table = text_table(
        ["metric", "value", interval_header(summary), "floor", "ceiling"], rows, right=(1, 2, 3, 4)
    )
    counts = ", ".join(f"{count} {outcome}" for outcome, count in summary.outcomes.items() if count)
    title = f"{summary.task} on {summary.split}, {summary.model}, protocol {summary.protocol}"
    size = f"{summary.samples} samples on {summary.clusters} images: {counts}"
    return f"{title}\n\n{table}\n\n{size}"


def sample_table(lines: Mapping[str, Line]) -> str:
    """Single samples: outcome, per-sample IoU where the task has one, and the answer."""
    rows = []
    for line in lines.values():
        iou = percent(line.scores["iou"]) if "iou" in line.scores else ""
        said = line.prediction.text or line.prediction.detail
        rows.append([line.id, line.prediction.outcome, iou, " ".join(said.split())])
    return text_table(["sample", "outcome", "IoU", "answer"], rows, right=(2,))
