"""What the commands print of runs that somebody else named."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from synthetic_runs import PLAIN, SPREAD, write_run

from samtok_bench.cli.progress import BarReporter, PlainReporter

NAME = "a|b\x1b]0;evil\x07\x9b2J`[x](h)<img src=x>\nc"
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
COMMANDS = (
    ("runs", "."),
    ("show", NAME),
    ("show", "nowhere-\x1b[2J"),
    ("compare", NAME, "base"),
    ("compare", NAME, "base", "--format", "markdown"),
    ("compare", NAME, "base", "--format", "csv"),
    ("compare", NAME, "base", "--format", "json"),
    ("compare", NAME, "base", "--out", f"{NAME}.md", "--format", "markdown"),
    ("leaderboard", "--results", "."),
    ("leaderboard", "--results", ".", "--format", "markdown"),
    ("leaderboard", "--results", ".", "--format", "csv"),
    ("leaderboard", "--results", ".", "--html", f"{NAME}.html"),
    ("report", NAME, "--out", f"{NAME}.html"),
    ("rescore", NAME),
    ("gate", "gate.yaml"),
)


@pytest.fixture
def runs(work):
    write_run(Path(NAME), SPREAD, settings={"model": NAME, "split": "val"})
    write_run(Path("base"), PLAIN)
    entry = {"name": NAME, "metric": "mean", "run": NAME, "baseline": "base", "tolerance": 0.9}
    Path("gate.yaml").write_text(json.dumps({"checks": [entry]}))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[:1] + command[2:])[:40])
def test_no_name_acts_on_the_terminal(runs, called, command):
    _, out, err = called(*command)
    assert out or err
    for text in (out, err):
        assert not CONTROL.search(text), text
        assert "Traceback" not in text


def test_nor_in_the_markdown_of_a_comparison_or_a_gate(runs, called, monkeypatch):
    _, out, _ = called("compare", NAME, "base", "--format", "markdown")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    called("gate", "gate.yaml")
    for text in (out, Path("summary.md").read_text()):
        assert "img src" in text
        assert re.search(r"(?<!\\)<img", text) is None
        assert re.search(r"(?<!\\)\[x\]", text) is None
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        assert all(
            len(re.findall(r"(?<!\\)\|", row)) == len(re.findall(r"(?<!\\)\|", rows[0])) for row in rows[:3]
        )


def test_notes_of_a_run_are_lines_of_text(capsys):
    PlainReporter().note("one\n\x1b[2Jtwo")
    assert capsys.readouterr().err == "one\n\\x1b[2Jtwo\n"
    bar, shown = BarReporter(), io.StringIO()
    bar._progress.live.console = Console(file=shown, force_terminal=True)
    bar.note("\x1b]0;x\x07[red]y")
    assert "\x07" not in shown.getvalue()
    assert "[red]y" in shown.getvalue()
