"""Fakes, installed as a distribution would be; an empty folder with a synthetic task; the command."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from synthetic_runs import COUNT, Synthetic, edit

from samtok_bench import registry
from samtok_bench.aggregate import Corpus
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import SUMMARY

FAKES = Path(__file__).parent / "plugin"
ENTRY_POINTS = """\
[samtok_bench.tasks]
squares = bench_fakes:Squares
far-squares = bench_fakes:FarSquares
torn = bench_fakes_missing:Task
dialogues = dialogue_fakes:Dialogues
synthetic = synthetic_runs:Synthetic

[samtok_bench.predictors]
perfect = bench_fakes:Perfect
slow = bench_fakes:Slow
faulty = bench_fakes:Faulty
short = bench_fakes:Short
misshapen = bench_fakes:Misshapen
unloadable = bench_fakes:Unloadable
deadly = bench_fakes:Deadly
mortal = bench_fakes:Mortal
stillborn = bench_fakes:Stillborn
gone = bench_fakes:Gone
echo = dialogue_fakes:Echo
slow-echo = dialogue_fakes:SlowEcho

[samtok_bench.commands]
missing = bench_fakes_missing:app
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch) -> str:
    """Install the fakes; returns the PYTHONPATH that does it for a subprocess."""
    info = tmp_path / "site" / "bench_fakes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-fakes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    for folder in (FAKES, info.parent):
        monkeypatch.syspath_prepend(str(folder))
    registry._entries.cache_clear()
    yield f"{info.parent}:{FAKES}"
    registry._entries.cache_clear()
    for name in ("bench_fakes", "dialogue_fakes"):
        sys.modules.pop(name, None)


@pytest.fixture
def work(tmp_path, monkeypatch, plugin):
    """An empty current folder."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def data(work) -> Path:
    """The images of the synthetic task."""
    folder = work / "data"
    folder.mkdir()
    for k in range(COUNT):
        Image.new("RGB", (12, 10), (6 * k, 90, 120)).save(folder / f"image{k}.png")
    return folder


@pytest.fixture
def whole(monkeypatch) -> Callable[[Path, float | None], None]:
    """Give the synthetic task a metric of all answers together; returns what stores a run's value of it."""
    info = MetricInfo("whole", "whole", "test", aggregate=Corpus(), most=10)
    monkeypatch.setattr(Synthetic, "metrics", (*Synthetic.metrics, info))

    def store(run: Path, value: float | None) -> None:
        edit(run / SUMMARY, lambda summary: summary["metrics"][-1].update(value=value))

    return store


@pytest.fixture
def command(work, called):
    """Call the console script in the folder of the synthetic task; see `called`."""
    return called
