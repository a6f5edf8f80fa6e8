"""Tables as LaTeX, read back by their structure."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from samtok_bench.showing.latex import Cell, Column, latex_comment, latex_number, latex_table, latex_text
from samtok_bench.showing.tables import printable

NAMES = {
    "textbackslash": "\\",
    "textasciicircum": "^",
    "textasciitilde": "~",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textasciigrave": "`",
    "textquotesingle": "'",
}
TOKEN = re.compile(r"\\([a-z]+)\{\}|\\([{}$&#_%])|\{([\[\]*])\}|(\{\})|(''|[^\\{}$&#_%~^\[\]*<>|`'\"])")


def read(written: str) -> str:
    """What LaTeX would print; fails on a sign that acts."""
    place, shown = 0, ""
    while place < len(written):
        found = TOKEN.match(written, place)
        assert found, f"{written[place:]!r} acts"
        name, sign, bracket, nothing, plain = found.groups()
        shown += NAMES[name] if name else sign or bracket or ("" if nothing else plain)
        place = found.end()
    return shown.replace("''", '"')


@settings(max_examples=60)
@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\\{}$&#_%^~<>|[]*'`\"-\n")))
def test_any_text_is_printed_and_does_nothing(text):
    written = latex_text(text)
    assert "--" not in written
    # two straight quotes and one double quote look alike
    assert read(written).replace('"', "''") == printable(" ".join(text.split())).replace('"', "''")


def test_a_comment_is_one_line():
    assert latex_comment("a\n\\end{document}\rb") == r"% a\x0a\end{document}\x0db"


def test_figures_have_minus_signs():
    assert latex_number("-5.99") == "$-$5.99"
    assert latex_number("-1.20 to -0.50") == "$-$1.20 to $-$0.50"
    assert latex_number("n/a") == latex_number("") == "--"
    assert latex_number("<0.0001") == r"\textless{}0.0001"


def test_a_table_by_hand():
    columns = [
        Column("gIoU", "higher", "val"),
        Column("error_%", "lower", "val"),
        Column("words", group="test"),
    ]
    rows = [
        (["a & b"], [Cell("70.0"), Cell("3.0"), Cell("9")]),
        (["[c]"], [Cell("70.0", "60.0 to 80.0"), Cell("-1.0"), Cell("8")]),
        (["d"], [Cell("65.5"), Cell("n/a"), Cell("")]),
        (["e"], [Cell("9.5"), Cell("2.0"), Cell("7")]),
    ]
    assert latex_table("50 % of it", ["method"], columns, rows).splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{50 \% of it}",
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r" & \multicolumn{2}{c}{val} & \multicolumn{1}{c}{test} \\",
        r"\cmidrule(lr){2-3}\cmidrule(lr){4-4}",
        r"method & gIoU $\uparrow$ & error\_\% $\downarrow$ & words \\",
        r"\midrule",
        r"a \& b & \textbf{70.0} & 3.0 & 9 \\",
        r"{[}c{]} & \textbf{70.0} {\scriptsize (60.0 to 80.0)} & \textbf{$-$1.0} & 8 \\",
        r"d & \underline{65.5} & -- & -- \\",
        r"e & 9.5 & \underline{2.0} & 7 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def test_equal_values_have_no_best():
    table = latex_table(
        "", ["run"], [Column("m", "higher")], [(["a"], [Cell("1.0")]), (["b"], [Cell("1.0")])]
    )
    assert "textbf" not in table
    assert "cmidrule" not in table
