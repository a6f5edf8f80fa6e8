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
                f"{percent(metric.low)} to {percent(metric.high)}"
                if metric.low is not None
                else NOT_AVAILABLE,
                floor if informative else "",
                percent(metric.ceiling) if informative else "",
            ]
        )
    level = f"{100 * summary.interval.level:.0f} % interval"
    table = text_table(["metric", "value", level, "floor", "ceiling"], rows, right=(1, 2, 3, 4))
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
