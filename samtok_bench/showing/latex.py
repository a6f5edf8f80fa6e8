"""Tables as LaTeX with booktabs: the best value of a column in bold, the second underlined."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from samtok_bench.showing.tables import NOT_AVAILABLE, printable, ranks

PREAMBLE = r"% needs \usepackage{booktabs}"
_SIGNS = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "{}$&#_%"},
        # a row that begins with one of these would be an argument of the line break before it
        **{sign: f"{{{sign}}}" for sign in "[]*"},
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "`": r"\textasciigrave{}",
        "'": r"\textquotesingle{}",
        '"': "''",
    }
)
_ARROWS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$"}
_MARKS = (r"\textbf{%s}", r"\underline{%s}")


@dataclass(frozen=True)
class Column:
    """A column of values."""

    title: str
    direction: str = "none"
    """higher or lower values are better, which ranks them; or none."""
    group: str = ""
    """The heading above this column and its neighbours of the same group."""


@dataclass(frozen=True)
class Cell:
    """A value as text, empty or n/a where there is none."""

    value: str
    interval: str = ""


def latex_text(text: str) -> str:
    """A text as one line of LaTeX, escaped so that nothing in it acts as LaTeX.

    Minus signs of figures are `latex_number`'s; here a hyphen is a hyphen, and several are no dash.
    """
    return printable(" ".join(text.split())).translate(_SIGNS).replace("--", "-{}-").replace("--", "-{}-")


def latex_number(shown: str) -> str:
    """A figure or an interval with real minus signs; a dash for one that is not available."""
    return "--" if shown in ("", NOT_AVAILABLE) else latex_text(shown).replace("-", "$-$")


def latex_comment(text: str) -> str:
    """A line that LaTeX does not read."""
    return f"% {printable(text)}"


def latex_table(
    caption: str,
    labels: Sequence[str],
    columns: Sequence[Column],
    rows: Sequence[tuple[Sequence[str], Sequence[Cell]]],
) -> str:
    """A table environment.

    Args:
        caption: plain text.
        labels: headers of the columns of text on the left.
        columns: those of values.
        rows: texts and cells, as many as there are labels and columns.
    """
    marks = [_ranked([cells[k].value for _, cells in rows], column) for k, column in enumerate(columns)]
    body = [
        _line(
            [
                *map(latex_text, texts),
                *(_cell(cell, marks[k].get(cell.value)) for k, cell in enumerate(cells)),
            ]
        )
        for texts, cells in rows
    ]
    heads = [f"{latex_text(column.title)}{_ARROWS.get(column.direction, '')}" for column in columns]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_text(caption)}}}",
            rf"\begin{{tabular}}{{{'l' * len(labels)}{'r' * len(columns)}}}",
            r"\toprule",
            *_groups(len(labels), columns),
            _line([*map(latex_text, labels), *heads]),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _ranked(values: Sequence[str], column: Column) -> dict[str, str]:
    """Marks of the best and of the second value."""
    placed = ranks(values, column.direction)
    return {value: _MARKS[rank] for value, rank in placed.items() if rank < len(_MARKS)}


def _cell(cell: Cell, mark: str | None) -> str:
    value = latex_number(cell.value)
    value = mark % value if mark else value
    return rf"{value} {{\scriptsize ({latex_number(cell.interval)})}}" if cell.interval else value


def _groups(labels: int, columns: Sequence[Column]) -> Iterator[str]:
    """The line of groups above the headers, if there are any, with a rule below each."""
    if not any(column.group for column in columns):
        return
    cells, rules, place = [""] * labels, "", labels + 1
    for title, members in groupby(column.group for column in columns):
        count = len(list(members))
        cells.append(rf"\multicolumn{{{count}}}{{c}}{{{latex_text(title)}}}" if title else " &" * (count - 1))
        rules += rf"\cmidrule(lr){{{place}-{place + count - 1}}}" if title else ""
        place += count
    yield _line(cells)
    yield rules


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"
