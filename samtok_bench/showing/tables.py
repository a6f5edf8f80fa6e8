"""Numbers and tables as text: the one place that formats them. Shares are shown on the scale 0 to 100."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from samtok_bench.statistics import Interval

COUNTS = ("codes",)
"""Units of what is counted; values of all other units are means, also where they are whole numbers."""
NOT_AVAILABLE = "n/a"
LEAST_WIDTH = 12
"""A column of text is not made narrower than this to fit a table into a terminal."""
_FORMULA = ("=", "+", "-", "@")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""C0, C1, and what reverses the direction of text."""
_ADDRESS = re.compile(r":(?=//)|(?<=\bwww)\.", re.IGNORECASE)
"""What makes a link of an address without brackets, in GitHub's Markdown."""


def text_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table whose columns are aligned with spaces.

    On a terminal it takes the terminal's width: columns of text give way, those of figures never. The last
    column goes on in further lines, a path keeps its end, another text its beginning.

    Args:
        headers: one per column.
        rows: cells, as many per row as there are headers.
        right: the columns to align to the right.
    """
    headers, *rows = ([printable(cell) for cell in row] for row in (headers, *rows))
    widths = [max(len(row[k]) for row in [headers, *rows]) for k in range(len(headers))]
    _fit(widths, right, [len(header) for header in headers])

    def lines(row: Sequence[str]) -> Iterator[str]:
        *cells, end = row
        cut = [_cut(cell, width) for cell, width in zip(cells, widths, strict=False)]
        ends = wrap(end, widths[-1]) if len(end) > widths[-1] else [end]
        for number, part in enumerate(ends):
            told = [*(cut if number == 0 else [""] * len(cut)), part]
            yield "  ".join(
                cell.rjust(width) if k in right else cell.ljust(width)
                for k, (cell, width) in enumerate(zip(told, widths, strict=True))
            ).rstrip()

    every = [headers, ["-" * width for width in widths], *rows]
    return "\n".join(line for row in every for line in lines(row))


def _fit(widths: list[int], right: Sequence[int], least: Sequence[int]) -> None:
    """Make columns of text narrower, the widest first, until a table fits into the terminal."""
    if not sys.stdout.isatty():
        return
    room = get_terminal_size().columns
    while sum(widths) + 2 * (len(widths) - 1) > room:
        wide = [k for k in range(len(widths)) if k not in right and widths[k] > max(LEAST_WIDTH, least[k])]
        if not wide:
            return
        widths[max(wide, key=widths.__getitem__)] -= 1


def _cut(cell: str, width: int) -> str:
    if len(cell) <= width:
        return cell
    return f"\u2026{cell[1 - width :]}" if "/" in cell else f"{cell[: width - 1]}\u2026"


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
