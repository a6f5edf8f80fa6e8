"""Numbers, tables and blocks as text; overlays and provenance."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from samtok_bench import provenance, rle
from samtok_bench.showing import tables
from samtok_bench.showing.blocks import Block, as_markdown, as_text
from samtok_bench.showing.overlays import overlay
from samtok_bench.statistics import Interval


def test_columns_align():
    got = tables.text_table(["metric", "n"], [["a", "1.00"], ["longer", "10.00"]], right=(1,))
    assert got.splitlines() == [
        "metric      n",
        "------  -----",
        "a        1.00",
        "longer  10.00",
    ]


BLOCKS = (
    Block("Fruit", before=["Sold_ by weight."], level=1),
    Block("Prices", ["name", "n"], [["apple", "10"], ["fig", "9"]], right=(1,), after=["<in> euros"]),
    Block(after=["last"]),
)


def test_blocks_as_text():
    assert as_text(BLOCKS, bullet="- ").splitlines() == [
        *("Fruit", "=====", "Sold_ by weight.", ""),
        *("Prices", "name    n", "-----  --", "apple  10", "fig     9", "- <in> euros", ""),
        "- last",
    ]
    assert as_text(BLOCKS[1:]).endswith("\n<in> euros\n\nlast")


def test_blocks_as_markdown():
    assert as_markdown(BLOCKS).split("\n\n") == [
        "# Fruit",
        "Sold\\_ by weight.",
        "## Prices",
        "| name | n |\n| --- | ---: |\n| apple | 10 |\n| fig | 9 |",
        "- \\<in\\> euros",
        "- last",
    ]


def test_nothing_in_a_cell_acts_on_the_terminal():
    """Titles, screen clearing, C1 and reversed text, as models and other people's runs may hold them."""
    cell = "a\x1b]0;title\x07\x1b[2J\x9b1m\r\n\u202eb é"
    assert tables.printable(cell) == r"a\x1b]0;title\x07\x1b[2J\x9b1m\x0d\x0a\u202eb é"
    assert tables.text_table(["x"], [[cell]]).splitlines()[2] == tables.printable(cell)


def test_nothing_in_a_block_acts_on_the_terminal():
    esc = "a\x1b[2J\nb"
    block = Block(esc, [esc], [["x"]], before=[esc], after=[esc])
    shown = as_text([block, Block(esc, level=1)])
    assert shown.count(r"a\x1b[2J\x0ab") == 5
    assert not set(shown) & set("\x1b\r\x9b")
    assert tables.printable_lines("one\n\x1bc") == "one\n\\x1bc"


def test_nothing_in_a_block_acts_as_markdown():
    """Names as other people's runs, models and data may have them."""
    names = {
        "a|b": r"a\|b",
        "`x` **b** _i_ ~~s~~": r"\`x\` \*\*b\*\* \_i\_ \~\~s\~\~",
        "[x](javascript:a) ![y](z)": r"\[x\](javascript:a) !\[y\](z)",
        "<img src=x onerror=a> &lt;": r"\<img src=x onerror=a\> \&lt;",
        "https://h.org WWW.h.org": "https&#58;//h.org WWW&#46;h.org",
        "a\n\n# b": r"a \# b",
        "\x1b[2J": r"\\x1b\[2J",
        "a\\": "a\\\\",
    }
    for name, escaped in names.items():
        assert tables.markdown_text(name) == escaped
    block = Block(
        "t|", ["a|", "b"], [["x|y", "`"]], before=["- x", "1. y", "---"], after=["+ z", "2) w", "=="]
    )
    assert as_markdown([block]).splitlines() == [
        *("## t\\|", "", "\\- x", "", "1\\. y", "", "\\---", ""),
        *("| a\\| | b |", "| --- | --- |", "| x\\|y | \\` |", ""),
        *("- \\+ z", "- 2\\) w", "- \\=="),
    ]


def test_no_cell_of_a_csv_is_a_formula():
    rows = [{"model": '=HYPERLINK("http://h")', "value": -0.5}, {"model": "@x", "value": None}]
    for sign in ("=", "+", "-", "@", "\t=", "\r=", "\n="):
        written = tables.csv_table(["x"], [{"x": f"{sign}1"}])
        ((cell,),) = list(csv.reader(io.StringIO(written, newline="")))[1:]
        assert cell[0] in "'\\"
    assert tables.csv_table(["model", "value"], rows).splitlines() == [
        *("model,value", '"\'=HYPERLINK(""http://h"")",-0.5', "'@x,"),
    ]


def test_values_by_unit_and_decimals():
    assert tables.number(0.5) == "50.00"
    assert (tables.number(0.12345), tables.number(None), tables.number(0.0)) == ("12.35", "n/a", "0.00")
    assert tables.number(0.5, "bits") == "0.50"
    assert tables.span(61.04, 63.96, "as printed", 1) == "61.0 to 64.0"
    assert tables.bounds(Interval(-0.02, 0.01)) == "-2.00 to 1.00"
    assert tables.bounds(None) == tables.span(None, None) == "n/a"


@pytest.mark.parametrize(
    ("change", "shown"),
    [(0.02, "+2.00"), (-0.02, "-2.00"), (0.0, "0.00"), (4e-5, "0.00"), (-4e-5, "0.00"), (None, "n/a")],
)
def test_differences_have_a_sign_unless_nothing_is_left(change, shown):
    assert tables.signed(change) == shown


def test_an_overlay_tints_the_inside_and_draws_the_edge():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    got = np.asarray(overlay(Image.new("RGB", (9, 9), "white"), [rle.encode(mask)], (235, 80, 60)))
    assert (got[~mask] == 255).all()
    assert (got[2, 2:7] == (235, 80, 60)).all()
    inside = got[3:6, 3:6].reshape(-1, 3)
    assert (inside == (0.55 * 255 + 0.45 * np.array([235, 80, 60])).astype(np.uint8)).all()


def test_hashes_follow_content_and_order(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"1")
    first = provenance.file_hash([a, b])
    assert provenance.file_hash([b, a]) != first
    b.write_bytes(b"2")
    assert provenance.file_hash([a, b]) != first


def test_source_hash_sees_code_alone(tmp_path, monkeypatch):
    package = tmp_path / "some_code"
    package.mkdir()
    (package / "__init__.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = provenance.source_hash(["some_code"])
    (package / "notes.txt").write_text("x")
    assert provenance.source_hash(["some_code"]) == first
    (package / "more.py").write_text("")
    assert provenance.source_hash(["some_code"]) != first


def test_a_table_takes_the_width_of_the_terminal(monkeypatch):
    """Paths keep their end, figures are whole, the last column goes on below."""
    monkeypatch.setattr(tables.sys.stdout, "isatty", lambda: True, raising=False)
    headers = ["run", "model", "value", "what"]
    path, model = "results/of/a/deep/folder/gres", "a-model-of-a-long-name"
    rows = [[path, model, "12345678.90", "one two three four five"]]
    monkeypatch.setenv("COLUMNS", "60")
    assert tables.text_table(headers, rows, right=(2,)).splitlines() == [
        "run             model                 value  what",
        "--------------  --------------  -----------  ---------------",
        "\u2026p/folder/gres  a-model-of-a-\u2026  12345678.90  one two three",
        "                                             four five",
    ]
    monkeypatch.setenv("COLUMNS", "20")
    narrow = tables.text_table(headers, rows, right=(2,))
    assert "12345678.90" in narrow, "figures are never cut"
    monkeypatch.setenv("COLUMNS", "200")
    assert path in tables.text_table(headers, rows, right=(2,))
