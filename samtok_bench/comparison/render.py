"""A comparison for people and for programs: text, Markdown, CSV, JSON."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from samtok_bench import statistics
from samtok_bench.comparison.changed_samples import Pictures
from samtok_bench.comparison.compare import Comparison, MetricDifference, Pair
from samtok_bench.comparison.compared_runs import Side
from samtok_bench.runs.folder import MetricValue
from samtok_bench.runs.reading import Change
from samtok_bench.sample import Outcome
from samtok_bench.showing.tables import (
    NOT_AVAILABLE,
    bounds,
    counted,
    interval_header,
    markdown_table,
    markdown_text,
    number,
    signed,
    text_table,
)

COLUMNS = (
    *("first", "second", "paired", "tag", "tag_value", "metric", "direction", "unit", "samples"),
    *("first_value", "second_value", "difference", "low", "high", "p", "p_holm", "wins", "ties", "losses"),
    "forced",
)
"""Of the CSV file."""


@dataclass(frozen=True)
class _Block:
    """A title, a table and lines; each may be missing."""

    title: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    right: Sequence[int] = ()
    lines: Sequence[str] = ()


def text(comparison: Comparison, pictures: Pictures) -> str:
    """Tables for the terminal."""
    parts = []
    for block in _blocks(comparison, pictures):
        table = [text_table(block.headers, block.rows, block.right)] if block.rows else []
        parts.append("\n".join([*filter(None, [block.title]), *table, *block.lines]))
    return "\n\n".join(parts)


def markdown(comparison: Comparison, pictures: Pictures) -> str:
    """The same in GitHub's Markdown."""
    parts = []
    for place, block in enumerate(_blocks(comparison, pictures)):
        if block.title:
            parts.append(f"{'###' if place == 0 else '####'} {markdown_text(block.title)}")
        if block.rows:
            parts.append(markdown_table(block.headers, block.rows, block.right))
        if block.lines:
            parts.append("\n".join(f"- {markdown_text(line)}" for line in block.lines))
    return "\n\n".join(parts)


def as_csv(comparison: Comparison, pictures: Pictures) -> str:
    """A row for each difference, values on the scale of files; empty cells where there is no value."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for pair in comparison.pairs:
        writer.writerows(_records(comparison, pair))
    return file.getvalue().rstrip("\n")


def as_json(comparison: Comparison, pictures: Pictures) -> str:
    """One object, values on the scale of files."""
    summary = comparison.sides[0].source.summary
    whole = {
        **{name: getattr(summary, name) for name in ("task", "protocol", "split")},
        "samples": comparison.samples,
        "images": comparison.images,
        "headline": comparison.headline,
        "interval": {"level": summary.interval.level, "resamples": statistics.RESAMPLES},
        "test": {"permutations": statistics.PERMUTATIONS, "adjusted_over": comparison.tests},
        "forced": comparison.forced,
        "notes": [*comparison.notes, *pictures.notes],
        "runs": [_run_object(side) for side in comparison.sides],
        "pairs": [
            {
                **_names(pair),
                "paired": pair.paired,
                "metrics": [_difference_object(one) for one in pair.metrics],
                "groups": [
                    {
                        "tag": one.tag,
                        "value": one.value,
                        "samples": one.samples,
                        **_difference_object(one.difference),
                    }
                    for one in pair.groups
                ],
                "better": _changes_object(pair.better),
                "worse": _changes_object(pair.worse),
                "pictures": [str(path) for path in pictures.of(pair)],
            }
            for pair in comparison.pairs
        ],
    }
    return json.dumps(whole, indent=1)


FORMATS: Mapping[str, Callable[[Comparison, Pictures], str]] = {
    "text": text,
    "markdown": markdown,
    "csv": as_csv,
    "json": as_json,
}
"""By the name that --format takes."""


def writer(name: str) -> Callable[[Comparison, Pictures], str]:
    """A format by name; ValueError where there is none such."""
    if name not in FORMATS:
        raise ValueError(f"unknown format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def _blocks(comparison: Comparison, pictures: Pictures) -> Iterator[_Block]:
    yield _overview(comparison)
    if len(comparison.sides) > 2:
        yield _values(comparison)
    for pair in comparison.pairs:
        yield _metrics(comparison, pair)
        if pair.groups:
            yield _groups(comparison, pair)
        for title, changes in (("better", pair.better), ("worse", pair.worse)):
            if changes is not None:
                yield _changes(comparison, pair, title, changes)
        if pictures.of(pair):
            yield _Block("", lines=[f"picture: {path}" for path in pictures.of(pair)])
    yield _Block("", lines=[*_explanations(comparison), *_notes(comparison, pictures)])


def _overview(comparison: Comparison) -> _Block:
    summary = comparison.sides[0].source.summary
    paired = {pair.paired for pair in comparison.pairs}
    how = "paired by sample" if paired == {True} else "UNPAIRED" if paired == {False} else "partly UNPAIRED"
    rows = []
    for side in comparison.sides:
        rows.append([side.source.label, counted(_outcomes(side)), str(side.source.path)])
    return _Block(
        f"{summary.task} on {summary.split}, protocol {summary.protocol}: {len(rows)} runs, {how},"
        f" {comparison.samples} samples on {comparison.images} images",
        ["run", "outcomes", "folder"],
        rows,
        lines=[f"FORCED: {one}" for one in comparison.forced],
    )


def _outcomes(side: Side) -> dict[str, int]:
    """Counts by outcome of the samples that are compared."""
    if side.lines is None:
        return side.source.summary.outcomes
    counts = Counter(line.prediction.outcome for line in side.lines.values())
    return {str(outcome): counts[outcome] for outcome in Outcome}


def _values(comparison: Comparison) -> _Block:
    """All runs side by side."""
    rows = []
    for id, metric in comparison.metrics.items():
        cells = []
        for side in comparison.sides:
            one = side.values[id]
            interval = f" ({bounds(one.interval, metric.unit)})" if one.interval else ""
            cells.append(f"{number(one.value, metric.unit)}{interval}")
        rows.append([metric.display, metric.direction, *cells])
    labels = [side.source.label for side in comparison.sides]
    title = f"values, with {interval_header(comparison.sides[0].source.summary)}s"
    return _Block(title, ["metric", "better", *labels], rows, range(2, 2 + len(labels)))


def _metrics(comparison: Comparison, pair: Pair) -> _Block:
    rows = []
    for one in pair.metrics:
        metric = comparison.metrics[one.id]
        row = [metric.display, metric.direction, *_cells(metric, one)]
        if pair.paired:
            counts = [one.wins, one.ties, one.losses]
            row += [_p(one.p), _p(one.adjusted)]
            row += [NOT_AVAILABLE if count is None else str(count) for count in counts]
        rows.append(row)
    headers = ["metric", "better", *_headers(comparison, pair)]
    headers += ["p", "p (Holm)", "wins", "ties", "losses"] if pair.paired else []
    return _Block(_title(pair), headers, rows, range(2, len(headers)))


def _groups(comparison: Comparison, pair: Pair) -> _Block:
    metric = comparison.metrics[comparison.headline]
    rows = []
    for place, one in enumerate(pair.groups):
        new = place == 0 or pair.groups[place - 1].tag != one.tag
        rows.append([one.tag if new else "", one.value, str(one.samples), *_cells(metric, one.difference)])
    headers = ["by", "", "samples", *_headers(comparison, pair)]
    return _Block(f"{metric.display}, {_title(pair)}", headers, rows, range(2, len(headers)))


def _changes(comparison: Comparison, pair: Pair, which: str, changes: Sequence[Change]) -> _Block:
    metric = comparison.metrics[comparison.headline]
    rows = [
        [
            *(one.id, number(one.before, metric.unit), number(one.after, metric.unit)),
            signed(one.after - one.before, metric.unit),
        ]
        for one in changes
    ]
    headers = ["sample", pair.first.source.label, pair.second.source.label, "difference"]
    title = f"{metric.display}, {_title(pair)}: samples that changed most for the {which}"
    if not rows:
        return _Block(f"{title}: none")
    return _Block(title, headers, rows, (1, 2, 3))


def _title(pair: Pair) -> str:
    names = f"{pair.second.source.label} minus {pair.first.source.label}"
    return names if pair.paired else f"{names}, UNPAIRED"


def _headers(comparison: Comparison, pair: Pair) -> list[str]:
    interval = interval_header(comparison.sides[0].source.summary)
    if not pair.paired:
        interval = f"approximate {interval}"
    return [pair.first.source.label, pair.second.source.label, "difference", interval]


def _cells(metric: MetricValue, one: MetricDifference) -> list[str]:
    """Both values, difference and interval."""
    return [
        number(one.first, metric.unit),
        number(one.second, metric.unit),
        signed(one.change, metric.unit),
        bounds(one.interval, metric.unit),
    ]


def _p(p: float | None) -> str:
    return NOT_AVAILABLE if p is None else f"{p:.4f}" if p >= 0.0001 else "<0.0001"


def _explanations(comparison: Comparison) -> list[str]:
    """What the columns are."""
    lines = []
    if comparison.tests:
        lines += [
            "p: two-sided permutation test, in which whole images change sides"
            f" ({statistics.PERMUTATIONS:,} permutations, all where there are fewer)",
            f"p (Holm): p adjusted for all tests shown, {comparison.tests}",
            "wins, ties, losses: samples on which the second run is better, equal, worse",
        ]
    if any(pair.groups for pair in comparison.pairs):
        lines.append(
            "intervals are not adjusted for the number of rows: break-downs suggest, they do not show"
        )
    if not all(pair.paired for pair in comparison.pairs):
        lines.append(
            "UNPAIRED: without samples.jsonl of both runs there is no test; the approximate interval takes"
            " values as normal and runs as independent, which is usually too wide for runs over the same"
            " samples"
        )
    return lines


def _notes(comparison: Comparison, pictures: Pictures) -> list[str]:
    return [f"note: {note}" for note in (*comparison.notes, *pictures.notes)]


def _names(pair: Pair) -> dict[str, str]:
    return {"first": pair.first.source.label, "second": pair.second.source.label}


def _difference_object(one: MetricDifference) -> dict[str, Any]:
    return {
        "metric": one.id,
        "first_value": one.first,
        "second_value": one.second,
        "difference": one.change,
        "low": one.interval.low if one.interval else None,
        "high": one.interval.high if one.interval else None,
        "p": one.p,
        "p_holm": one.adjusted,
        "wins": one.wins,
        "ties": one.ties,
        "losses": one.losses,
    }


def _changes_object(changes: Sequence[Change] | None) -> list[dict[str, Any]] | None:
    return None if changes is None else [vars(change) for change in changes]


def _run_object(side: Side) -> dict[str, Any]:
    source = side.source
    return {
        "run": source.label,
        "path": str(source.path),
        "model": source.summary.model,
        "outcomes": _outcomes(side),
        "metrics": {
            id: {
                "value": one.value,
                "low": one.interval.low if one.interval else None,
                "high": one.interval.high if one.interval else None,
            }
            for id, one in side.values.items()
        },
    }


def _records(comparison: Comparison, pair: Pair) -> Iterator[dict[str, Any]]:
    """Rows of the CSV file."""
    rows = [("", "", comparison.samples, one) for one in pair.metrics]
    rows += [(one.tag, one.value, one.samples, one.difference) for one in pair.groups]
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
