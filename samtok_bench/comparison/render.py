"""A comparison for people and for programs: as text, Markdown, LaTeX, CSV and JSON."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from samtok_bench import statistics
from samtok_bench.comparison.compare import Comparison, MetricDifference, RunPair
from samtok_bench.comparison.compared_runs import ComparedRun
from samtok_bench.runs.changes import Change
from samtok_bench.runs.summary import MetricValue
from samtok_bench.sample import Outcome
from samtok_bench.showing.blocks import Block, as_markdown, as_text
from samtok_bench.showing.latex import PREAMBLE, Cell, Column, latex_comment, latex_table
from samtok_bench.showing.run_tables import FEW_IMAGES, group_span, is_small
from samtok_bench.showing.tables import (
    NOT_AVAILABLE,
    bounds,
    counted,
    csv_table,
    interval_header,
    number,
    signed,
)
from samtok_bench.statistics import Difference

COLUMNS = (
    *("first", "second", "paired", "tag", "tag_value", "metric", "direction", "unit", "samples"),
    *("first_value", "second_value", "difference", "low", "high", "p", "p_holm", "wins", "ties", "losses"),
    "forced",
)
"""Columns of the CSV file."""


def as_csv(comparison: Comparison) -> str:
    """One row per difference, on the scale of files; a missing value is an empty cell."""
    return csv_table(COLUMNS, (row for pair in comparison.pairs for row in _records(comparison, pair)))


def as_json(comparison: Comparison) -> str:
    """One object, on the scale of files."""
    summary = comparison.runs[0].given.summary
    whole = {
        **{name: getattr(summary, name) for name in ("task", "protocol", "split")},
        "samples": comparison.samples,
        "images": comparison.images,
        "headline": comparison.headline,
        "interval": {"level": summary.interval.level, "resamples": statistics.RESAMPLES},
        "test": {"permutations": statistics.PERMUTATIONS, "adjusted_over": comparison.tests},
        "forced": comparison.forced,
        "notes": comparison.notes,
        "runs": [
            {
                "run": run.given.label,
                "path": str(run.given.path),
                "model": run.given.summary.model,
                "outcomes": _outcomes(run),
                "metrics": {
                    id: metric.model_dump(include={"value", "low", "high"})
                    for id, metric in run.values.items()
                },
            }
            for run in comparison.runs
        ],
        "pairs": [
            {
                **_names(pair),
                "paired": pair.paired,
                "metrics": [_difference_object(difference) for difference in pair.metrics],
                "groups": [
                    {
                        "tag": group.tag,
                        "value": group.value,
                        "samples": group.samples,
                        "images": group.images,
                        **_difference_object(group.difference),
                    }
                    for group in pair.groups
                ],
                "better": _changes_object(pair.better),
                "worse": _changes_object(pair.worse),
                "pictures": [str(path) for path in pair.pictures],
            }
            for pair in comparison.pairs
        ],
    }
    return json.dumps(whole, indent=1)


def as_latex(comparison: Comparison, intervals: bool = False) -> str:
    """A table of the runs' values, best in bold, then one of the differences of each pair.

    Args:
        comparison: break-downs and single samples are left to the other formats.
        intervals: also print those of the values.
    """
    summary = comparison.runs[0].given.summary
    terms = f"{summary.task} on {summary.split}, protocol {summary.protocol}, {comparison.samples} samples"
    forced = [f"Forced: {reason}." for reason in comparison.forced]
    columns = [Column(metric.display, metric.direction) for metric in comparison.metrics.values()]
    rows = []
    for run in comparison.runs:
        found = [(run.values[id], metric.unit) for id, metric in comparison.metrics.items()]
        cells = [
            Cell(
                number(value.value, unit),
                bounds(value.interval, unit) if intervals and value.interval else "",
            )
            for value, unit in found
        ]
        rows.append(([run.given.label], cells))
    caption = f"{terms}. In parentheses {_interval(comparison)}s." if intervals else f"{terms}."
    tables = [latex_table(" ".join([caption, *forced]), ["run"], columns, rows)]
    for pair in comparison.pairs:
        headers = [*_headers(comparison, pair), *(["p", "p (Holm)"] if pair.paired else [])]
        lines = []
        for difference in pair.metrics:
            metric = comparison.metrics[difference.id]
            tests = [_p(difference.p), _p(difference.adjusted)] if pair.paired else []
            cells = [Cell(shown) for shown in (*_cells(metric, difference), *tests)]
            lines.append(([metric.display], cells))
        caption = " ".join([f"{_title(pair)}. {terms}.", *forced])
        tables.append(latex_table(caption, ["metric"], [Column(header) for header in headers], lines))
    below = [*_explanations(comparison), *(f"note: {note}" for note in comparison.notes)]
    return "\n\n".join(filter(None, [PREAMBLE, *tables, "\n".join(map(latex_comment, below))]))


FORMATS: Mapping[str, Callable[[Comparison], str]] = {
    "text": lambda comparison: as_text(_blocks(comparison)),
    "markdown": lambda comparison: as_markdown(_blocks(comparison)),
    "latex": as_latex,
    "csv": as_csv,
    "json": as_json,
}
"""By the name given to --format."""


def writer(name: str) -> Callable[[Comparison], str]:
    """The function that writes a format; ValueError if there is no such format."""
    if name not in FORMATS:
        raise ValueError(f"unknown format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def _blocks(comparison: Comparison) -> Iterator[Block]:
    yield _overview(comparison)
    if len(comparison.runs) > 2:
        yield _values(comparison)
    for pair in comparison.pairs:
        yield _metrics(comparison, pair)
        if pair.groups:
            yield _groups(comparison, pair)
        for title, changes in (("better", pair.better), ("worse", pair.worse)):
            if changes is not None:
                yield _changes(comparison, pair, title, changes)
        if pair.pictures:
            yield Block(after=[f"picture: {path}" for path in pair.pictures])
    yield Block(after=[*_explanations(comparison), *(f"note: {note}" for note in comparison.notes)])


def _overview(comparison: Comparison) -> Block:
    summary = comparison.runs[0].given.summary
    paired = {pair.paired for pair in comparison.pairs}
    how = "paired by sample" if paired == {True} else "UNPAIRED" if paired == {False} else "partly UNPAIRED"
    rows = [[run.given.label, counted(_outcomes(run)), str(run.given.path)] for run in comparison.runs]
    return Block(
        f"{summary.task} on {summary.split}, protocol {summary.protocol}: {len(rows)} runs, {how},"
        f" {comparison.samples} samples on {comparison.images} images",
        ["run", "outcomes", "folder"],
        rows,
        after=[f"FORCED: {reason}" for reason in comparison.forced],
        level=3,
    )


def _outcomes(run: ComparedRun) -> dict[str, int]:
    """How many of the compared samples have each outcome."""
    if run.lines is None:
        return run.given.summary.outcomes
    counts = Counter(line.prediction.outcome for line in run.lines.values())
    return {str(outcome): counts[outcome] for outcome in Outcome}


def _values(comparison: Comparison) -> Block:
    """The values of all runs side by side."""
    rows = []
    for id, metric in comparison.metrics.items():
        cells = []
        for run in comparison.runs:
            found = run.values[id]
            interval = f" ({bounds(found.interval, metric.unit)})" if found.interval else ""
            cells.append(f"{number(found.value, metric.unit)}{interval}")
        rows.append([metric.display, metric.direction, *cells])
    labels = [run.given.label for run in comparison.runs]
    title = f"values, with {_interval(comparison)}s"
    return Block(title, ["metric", "better", *labels], rows, range(2, 2 + len(labels)), level=4)


def _metrics(comparison: Comparison, pair: RunPair) -> Block:
    rows = []
    for difference in pair.metrics:
        metric = comparison.metrics[difference.id]
        row = [metric.display, metric.direction, *_cells(metric, difference)]
        if pair.paired:
            counts = [difference.wins, difference.ties, difference.losses]
            row += [_p(difference.p), _p(difference.adjusted)]
            row += [NOT_AVAILABLE if count is None else str(count) for count in counts]
        rows.append(row)
    headers = ["metric", "better", *_headers(comparison, pair)]
    headers += ["p", "p (Holm)", "wins", "ties", "losses"] if pair.paired else []
    return Block(_title(pair), headers, rows, range(2, len(headers)), level=4)


def _groups(comparison: Comparison, pair: RunPair) -> Block:
    metric = comparison.metrics[comparison.headline]
    rows = []
    for place, group in enumerate(pair.groups):
        new = place == 0 or pair.groups[place - 1].tag != group.tag
        about = [group.tag if new else "", group.value, str(group.samples)]
        *cells, _ = _cells(metric, group.difference)
        rows.append([*about, *cells, group_span(group.difference.interval, group.images, metric.unit)])
    headers = ["by", "", "samples", *_headers(comparison, pair)]
    return Block(f"{metric.display}, {_title(pair)}", headers, rows, range(2, len(headers)), level=4)


def _changes(comparison: Comparison, pair: RunPair, which: str, changes: Sequence[Change]) -> Block:
    metric = comparison.metrics[comparison.headline]
    title = f"{metric.display}, {_title(pair)}: samples that changed most for the {which}"
    if not changes:
        return Block(f"{title}: none", level=4)
    rows = [
        [change.id, *_cells(metric, Difference(change.before, change.after, None))[:3]] for change in changes
    ]
    headers = ["sample", *_names(pair).values(), "difference"]
    return Block(title, headers, rows, (1, 2, 3), level=4)


def _title(pair: RunPair) -> str:
    names = f"{pair.second.given.label} minus {pair.first.given.label}"
    return names if pair.paired else f"{names}, UNPAIRED"


def _headers(comparison: Comparison, pair: RunPair) -> list[str]:
    interval = _interval(comparison) if pair.paired else f"approximate {_interval(comparison)}"
    return [*_names(pair).values(), "difference", interval]


def _interval(comparison: Comparison) -> str:
    return interval_header(comparison.runs[0].given.summary.interval.level)


def _cells(metric: MetricValue, difference: Difference) -> list[str]:
    """Both values, the difference and its interval."""
    return [
        number(difference.first, metric.unit),
        number(difference.second, metric.unit),
        signed(difference.change, metric.unit),
        bounds(difference.interval, metric.unit),
    ]


def _p(p: float | None) -> str:
    return NOT_AVAILABLE if p is None else f"{p:.4f}" if p >= 0.0001 else "<0.0001"


def _explanations(comparison: Comparison) -> list[str]:
    """What the columns mean."""
    lines = []
    if comparison.tests:
        lines += [
            "p: two-sided permutation test that swaps whole images between the runs"
            f" ({statistics.PERMUTATIONS:,} permutations, or all if there are fewer)",
            f"p (Holm): p adjusted for all tests shown ({comparison.tests})",
            "wins, ties, losses: samples on which the second run is better, equal, worse",
        ]
    if any(pair.groups for pair in comparison.pairs):
        lines.append(
            "intervals are not adjusted for the number of rows: break-downs suggest, they do not prove"
        )
    if any(is_small(group.images) for pair in comparison.pairs for group in pair.groups):
        lines.append(FEW_IMAGES)
    if not all(pair.paired for pair in comparison.pairs):
        lines.append(
            "UNPAIRED: a test needs the samples.jsonl of both runs; the approximate interval assumes normal"
            " values and independent runs, so it is usually too wide for runs on the same samples"
        )
    return lines


def _names(pair: RunPair) -> dict[str, str]:
    return {"first": pair.first.given.label, "second": pair.second.given.label}


def _difference_object(difference: MetricDifference) -> dict[str, Any]:
    interval = difference.interval
    return {
        "metric": difference.id,
        "first_value": difference.first,
        "second_value": difference.second,
        "difference": difference.change,
        "low": interval and interval.low,
        "high": interval and interval.high,
        "p": difference.p,
        "p_holm": difference.adjusted,
        "wins": difference.wins,
        "ties": difference.ties,
        "losses": difference.losses,
    }


def _changes_object(changes: Sequence[Change] | None) -> list[dict[str, Any]] | None:
    return None if changes is None else [vars(change) for change in changes]


def _records(comparison: Comparison, pair: RunPair) -> Iterator[dict[str, Any]]:
    """Rows of the CSV file."""
    rows = [("", "", comparison.samples, difference) for difference in pair.metrics]
    rows += [(group.tag, group.value, group.samples, group.difference) for group in pair.groups]
    for tag, value, samples, difference in rows:
        metric = comparison.metrics[difference.id]
        yield {
            **_names(pair),
            "paired": "yes" if pair.paired else "no",
            "tag": tag,
            "tag_value": value,
            "direction": metric.direction,
            "unit": metric.unit,
            "samples": samples,
            **_difference_object(difference),
            "forced": "; ".join(comparison.forced),
        }
