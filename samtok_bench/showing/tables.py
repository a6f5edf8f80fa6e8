"""Numbers and tables as text: the one place that formats them. Shares are shown on the scale 0 to 100."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samtok_bench.statistics import Interval

COUNTS = ("codes",)
"""Units of what is counted; values of all other units are means, also where they are whole numbers."""
NOT_AVAILABLE = "n/a"
_FORMULA = ("=", "+", "-", "@")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""C0, C1, and what reverses the direction of text."""
_ADDRESS = re.compile(r":(?=//)|(?<=\bwww)\.", re.IGNORECASE)
"""What makes a link of an address without brackets, in GitHub's Markdown."""


def text_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table whose columns are aligned with spaces.

    Args:
        headers: one per column.
        rows: cells, as many per row as there are headers.
        right: the columns to align to the right.
    """
    headers, *rows = ([printable(cell) for cell in row] for row in (headers, *rows))
    widths = [max(len(row[k]) for row in [headers, *rows]) for k in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(headers), line(["-" * width for width in widths]), *(line(row) for row in rows)])


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """The same table in GitHub's Markdown."""
    rule = ["---:" if k in right else "---" for k in range(len(headers))]
    cells = [[markdown_text(cell) for cell in row] for row in (headers, *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], rule, *cells[1:]])


def csv_table(columns: Sequence[str], records: Iterable[Mapping[str, object]]) -> str:
    """Records as CSV with a header; None is an empty cell.

    What a spreadsheet would take for a formula gets an apostrophe before it, and control characters are
    spelled out: a carriage return would end the row.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: _cell(value) for name, value in record.items()})
    return file.getvalue().rstrip("\n")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def printable(text: str) -> str:
    """A text whose control characters are spelled out, so that none of them acts on a terminal."""
    return text.translate(_CONTROL)


def printable_lines(text: str) -> str:
    """The same of a text whose line breaks are meant."""
    return "\n".join(map(printable, text.split("\n")))


def markdown_text(text: str) -> str:
    """A text as one line of GitHub's Markdown, escaped so that nothing in it acts as Markdown or HTML."""
    plain = printable(" ".join(text.split())).translate(
        {ord(sign): f"\\{sign}" for sign in "\\`*_{}[]<>|~&#"}
    )
    return _ADDRESS.sub(lambda found: f"&#{ord(found[0])};", plain)


def number(value: float | None, unit: str = "", decimals: int = 2) -> str:
    """A metric's value: as it is if it has a unit, counts without decimals, else on the scale 0 to 100."""
    if value is not None and unit in COUNTS and value == round(value):
        decimals = 0
    return NOT_AVAILABLE if value is None else f"{value if unit else 100 * value:.{decimals}f}"


def ranks(values: Sequence[str], direction: str) -> dict[str, int]:
    """Ranks of shown numbers from 0, the best: equal digits have one rank. None where nothing is better.

    Args:
        values: as `number` gives them; those that are empty or not available have no rank.
        direction: higher or lower is better, or none.
    """
    if direction == "none":
        return {}
    shown = {value: float(value) for value in values if value not in ("", NOT_AVAILABLE)}
    best = sorted(set(shown.values()), reverse=direction == "higher")
    if len(best) < 2:  # nothing is better than anything
        return {}
    return {value: best.index(number) for value, number in shown.items()}


def signed(change: float | None, unit: str = "", decimals: int = 2) -> str:
    """A difference, formatted like `number` and with its sign; no sign if it rounds to zero."""
    shown = number(change, unit, decimals)
    if change is None or float(shown) == 0:
        return shown.removeprefix("-")
    return f"+{shown}" if change > 0 else shown


def span(low: float | None, high: float | None, unit: str = "", decimals: int = 2) -> str:
    """The bounds of an interval, each formatted like `number`."""
    if low is None:
        return NOT_AVAILABLE
    return f"{number(low, unit, decimals)} to {number(high, unit, decimals)}"


def bounds(interval: "Interval | None", unit: str = "") -> str:
    """An interval, formatted like `span`."""
    return span(interval.low, interval.high, unit) if interval else NOT_AVAILABLE


def interval_header(level: float) -> str:
    """The header of a column of intervals with this level."""
    return f"{100 * level:.0f} % interval"


def counted(counts: Mapping[str, int]) -> str:
    """Counts by name in one line, without the zeros."""
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def minute(time: str) -> str:
    """An ISO 8601 time without its seconds."""
    return time[:16].replace("T", " ")
