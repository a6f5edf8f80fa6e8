"""The figures in the documents are those of the runs in results/."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from samtok_bench.leaderboard.published import shipped

ROOT = Path(__file__).parent.parent


@pytest.fixture
def printed(monkeypatch, called):
    """What a command prints, in the checkout."""
    monkeypatch.chdir(ROOT)

    def printed(command: str) -> str:
        code, out, _ = called(*shlex.split(command)[1:])
        assert code == 0
        return out.rstrip()

    return printed


def test_the_demo_in_the_readme_is_the_committed_run(printed):
    shown = printed("samtok-bench show results/nano-mini/gres")
    assert shown in (ROOT / "README.md").read_text(), "run: samtok-bench show results/nano-mini/gres"


def test_the_comparison_in_its_page_is_of_the_committed_runs(printed):
    page = (ROOT / "docs/compare.md").read_text()
    (command,) = re.findall(r"^samtok-bench compare results/.+$", page, re.MULTILINE)
    assert printed(command) in page, f"run: {command}"


def test_the_python_of_the_readme_runs(monkeypatch):
    (block,) = re.findall(
        r"^```python\n(import samtok_bench\n.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S
    )
    monkeypatch.chdir(ROOT)
    names: dict = {}
    exec(compile(block, "README.md", "exec"), names)
    assert len(names["frame"]) == 240


def test_the_numbers_of_samples_are_those_of_the_schema():
    page = (ROOT / "docs/evaluate.md").read_text()
    rows = re.findall(r"^\| `([a-z+_-]+)` \| (\w*) *\| (\w+) \| ([\d, or]+) \|$", page, re.M)
    assert len(rows) > 10
    for task, data, split, counts in rows:
        told = tuple(int(count.replace(",", "")) for count in counts.split(" or "))
        assert told == shipped()[0].official(task, split, data or None), (task, split)


def test_the_page_on_installing_names_every_extra():
    table = (ROOT / "docs/install.md").read_text().split("## What the extras add")[1].split("\n## ")[0]
    named = [
        name for row in re.findall(r"^\| (`.*?`) \|", table, re.M) for name in re.findall("`(.*?)`", row)
    ]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert sorted(named) == sorted(extras)
