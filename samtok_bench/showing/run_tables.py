"""Runs and what belongs to them as tables for a terminal."""

from collections.abc import Mapping, Sequence

from samtok_bench.judging.transcript import READING, JudgeSummary
from samtok_bench.running.codecs import CodecRuns
from samtok_bench.running.groups import Member
from samtok_bench.runs.journal import Line
from samtok_bench.runs.step_times import StepTimes
from samtok_bench.runs.summary import MetricValue, Summary
from samtok_bench.sample import Outcome
from samtok_bench.showing.tables import (
    bounds,
    counted,
    interval_header,
    number,
    printable,
    span,
    text_table,
)
from samtok_bench.statistics import FEWEST_CLUSTERS, LEVEL, Interval


def run_table(summary: Summary) -> str:
    """The result of a run: metrics with interval, floor and ceiling, then the counts."""
    # predictors without a code have no values for what a code costs and uses
    shown = [metric for metric in summary.metrics if metric.value is not None or not metric.unit]
    rows = [metric_row(metric) for metric in shown]
    headers = ["metric", "value", interval_header(summary.interval.level), "floor", "ceiling"]
    if all(metric.ceiling is None for metric in shown):
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    table = text_table(headers, rows, right=(1, 2, 3, 4))
    title = f"{summary.task} on {summary.split}, {summary.model}, protocol {summary.protocol}"
    size = f"{summary.samples} samples on {summary.clusters} images: {counted(summary.outcomes)}"
    if any(n for outcome, n in (summary.ceiling_outcomes or {}).items() if outcome != Outcome.OK):
        size += f"\nceiling: {counted(summary.ceiling_outcomes or {})}"
    return f"{printable(title)}\n\n{table}\n\n{size}"


def metric_row(metric: MetricValue) -> list[str]:
    """Name, value, interval, floor and ceiling; a cell is empty where it would tell nothing."""
    floor = number(metric.floor, metric.unit)
    if metric.floor_by is not None:
        floor += f" ({metric.floor_by})"
    informative = bounded(metric)
    return [
        metric.display,
        number(metric.value, metric.unit),
        span(metric.low, metric.high, metric.unit) if metric.low is not None or informative else "",
        floor if informative else "",
        number(metric.ceiling) if informative else "",
    ]


def bounded(metric: MetricValue) -> bool:
    """Whether a floor and a ceiling make sense: the metric is a share, and either more or less is better."""
    return metric.direction != "none" and not metric.unit


def breakdown_table(summary: Summary) -> str:
    """The primary metric by tag, without tags that all samples share; empty if there are no others."""
    metric = summary.headline
    rows = []
    shown = {tag: groups for tag, groups in summary.breakdown.items() if len(groups) > 1}
    for tag, groups in shown.items():
        for place, (value, group) in enumerate(groups.items()):
            rows.append(
                [
                    tag if place == 0 else "",
                    value,
                    str(group.samples),
                    number(group.metrics[metric.id], metric.unit),
                    group_span(group.interval, group.images, metric.unit),
                ]
            )
    if not rows:
        return ""
    headers = ["by", "", "samples", metric.display, interval_header(summary.interval.level)]
    table = text_table(headers, rows, right=(2, 3, 4))
    few = any(is_small(group.images) for groups in shown.values() for group in groups.values())
    return f"{table}\n{FEW_IMAGES}" if few else table


FEW_IMAGES = f"a group of fewer than {FEWEST_CLUSTERS} images has no interval: their number stands there"


def group_span(interval: Interval | None, images: int | None, unit: str = "") -> str:
    """The interval of a group of samples, or how few images inform it; see FEW_IMAGES."""
    if is_small(images):
        return f"{images} image{'' if images == 1 else 's'}"
    return bounds(interval, unit)


def is_small(images: int | None) -> bool:
    """Whether so many images are too few for an interval; not where their number is unknown."""
    return images is not None and images < FEWEST_CLUSTERS


def timing_line(times: StepTimes) -> str:
    """Milliseconds per mask for each step of the predictor; empty if it does not time its steps."""
    if not times.masks:
        return ""
    return "milliseconds a mask: " + ", ".join(
        f"{step} {1000 * total / times.masks:.2f}" for step, total in times.seconds.items()
    )


def judge_table(summary: JudgeSummary) -> str:
    """A judge's verdict on a run."""
    rows = [
        [
            metric.display,
            number(metric.value, metric.unit),
            span(metric.low, metric.high, metric.unit) if metric.low is not None else "",
        ]
        for metric in summary.metrics
    ]
    table = text_table(["metric", "value", interval_header(LEVEL)], rows, right=(1, 2))
    title = printable(f"judged by {summary.name}, {summary.samples} samples")
    return "\n\n".join(filter(None, (title, table, served_line(summary), unread_line(summary))))


def served_line(summary: JudgeSummary) -> str:
    """Which models the judge's server says that replied, and that they changed; empty if it says nothing."""
    if not summary.served:
        return ""
    if len(summary.served) == 1:
        return printable(f"replies by {summary.served[0].name}")
    models = ", ".join(f"{model.name}: {model.replies}" for model in summary.served)
    return printable(f"the judge changed while it judged; replies by {models}")


def unread_line(summary: JudgeSummary) -> str:
    """How many replies the official script cannot read, and the first one; empty if there are none."""
    unread = summary.unread
    if unread is None:
        return ""
    said = (
        f"{unread.count} of {unread.replies} replies cannot be read by the official script, "
        f"the first: {unread.first!r} (sample {unread.sample})"
    )
    reading = summary.settings.get(READING)
    return printable(
        f"{said}; the reading {reading} understands {unread.mended} of them" if reading else said
    )


def group_table(members: Sequence[Member]) -> str:
    """The primary metric of each task, then the tasks that have no result, with the reason."""
    rows = []
    for member in members:
        if member.result is None:
            continue
        summary = member.result.summary
        metric = summary.headline
        about = [member.task, summary.split, str(summary.samples)]
        rows.append([*about, *metric_row(metric), counted(summary.outcomes)])
    headers = ["task", "split", "samples", "metric", "value", interval_header(LEVEL), "floor", "ceiling"]
    table = text_table([*headers, "outcomes"], rows, right=(2, 4, 5, 6, 7)) if rows else ""
    others = [f"{member.task}: left out: {member.left_out}" for member in members if member.left_out]
    others += [f"{member.task}: failed: {member.failure}" for member in members if member.failure]
    return "\n".join([*filter(None, [table]), *([""] if others and rows else []), *others])


def codec_table(codecs: CodecRuns) -> str:
    """Codecs, ordered by the length of their codes."""
    summary = codecs.summary
    metric = summary.headline
    rows = [
        [
            point.codec,
            "yes" if point.sees_image else "no",
            number(point.tokens, "tokens"),
            number(point.bits, "bits"),
            number(point.value),
            span(point.low, point.high),
            number(point.boundary_iou),
            f"{point.answered} of {point.samples}",
        ]
        for point in codecs.points
    ]
    interval = interval_header(summary.interval.level)
    headers = ["codec", "image", "tokens", "bits", metric.display, interval, "boundary IoU", "answered"]
    title = f"{summary.task} on {summary.split}, target masks sent through codecs; tokens and bits per mask"
    return f"{title}\n\n{text_table(headers, rows, right=(2, 3, 4, 5, 6, 7))}"


def sample_table(lines: Mapping[str, Line]) -> str:
    """Single samples: outcome, IoU where the task scores it per sample, and the answer."""
    rows = []
    for line in lines.values():
        iou = number(line.scores["iou"]) if "iou" in line.scores else ""
        answer = line.prediction.text or line.prediction.detail
        rows.append([line.id, line.prediction.outcome, iou, " ".join(answer.split())])
    return text_table(["sample", "outcome", "IoU", "answer"], rows, right=(2,))
