"""A new benchmark is one folder and one entry point: nothing else has to know of it."""

import json
import sys
from pathlib import Path

import pytest

import samtok_tasks
from samtok_bench import registry
from samtok_tasks.mini import contents, writer

FOLDER = Path(__file__).parent / "new_benchmark"


@pytest.fixture
def largest(tmp_path, monkeypatch) -> None:
    """The benchmark `largest` in its place among the others, installed as a distribution would be."""
    info = tmp_path / "site" / "largest-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: largest\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[samtok_bench.tasks]\nlargest = samtok_tasks.largest.task:Largest\n"
    )
    monkeypatch.syspath_prepend(str(info.parent))
    monkeypatch.setattr(samtok_tasks, "__path__", [*samtok_tasks.__path__, str(FOLDER)])
    monkeypatch.setenv("SAMTOK_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(writer, "SPLITS", {"val": writer.SplitPlan(first_seed=77, images=3, expressions=6)})
    caches = (registry._entries, contents.benchmarks)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()
    for name in [name for name in sys.modules if name.startswith("samtok_tasks.largest")]:
        del sys.modules[name]


@pytest.mark.usefixtures("largest")
def test_it_is_listed(called):
    code, out, _ = called("tasks", "--json")
    assert code == 0
    row = next(row for row in json.loads(out) if row["task"] == "largest")
    assert row["summary"] == "the largest object"


@pytest.mark.usefixtures("largest")
def test_mini_writes_its_files(tmp_path):
    report = writer.write_mini(tmp_path)
    assert len((tmp_path / "largest/val.jsonl").read_text().splitlines()) == 3
    assert set(report.hashes) == set(contents.expected_hashes()) >= {"largest", "gres", contents.SCENES}
    assert len(report.hashes["largest"]) == 64


@pytest.mark.usefixtures("largest")
@pytest.mark.filterwarnings("ignore:mini came out different")
@pytest.mark.parametrize(("model", "value"), [("oracle", 1), ("constant:refuse", 0)])
def test_a_run_on_mini_scores_it(called, tmp_path, monkeypatch, model, value):
    monkeypatch.chdir(tmp_path)
    code, out, err = called("run", "--task", "largest", "--model", model, "--out", "run", "--json")
    assert code == 0, err
    summary = json.loads(out)
    values = {metric["id"]: metric["value"] for metric in summary["metrics"]}
    assert (summary["samples"], values) == (3, {"miou": value})
    code, out, _ = called("data", "check", "--task", "largest")
    assert code == 0
    assert out.rstrip().endswith("complete")
