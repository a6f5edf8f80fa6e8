"""The figures in the documents are those of the runs in results/."""

import re
import shlex
from pathlib import Path

import pytest

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
