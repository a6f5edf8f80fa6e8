"""Every benchmark runs, at tiny sizes, and ends with a JSON object that has the rows of docs/speed.md."""

import base64
import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from samtok_bench.cli import main as cli

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
GROUNDING_SUITE = REAL_DATA / "grounding-suite"
Rows = dict[str, dict[str, Any]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Rows]:
    """Run a benchmark in this process, its commands too: the rows."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def command(timing: ModuleType, arguments: list[str], **_: str) -> Any:
        def work() -> None:
            with monkeypatch.context() as patch:
                patch.setattr(sys, "argv", ["samtok-bench", *arguments[3:]])
                with pytest.raises(SystemExit) as stopped:
                    cli.main()
                assert not stopped.value.code, arguments

        return replace(timing.timed(work), peak_mib=100.0)

    def ran(name: str, *arguments: str) -> Rows:
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        timing = sys.modules.pop("timing")  # a common name
        monkeypatch.setattr(module, "command", lambda given, **more: command(timing, given), raising=False)
        monkeypatch.setattr(sys, "argv", [name, *arguments])
        module.main()
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert {"date", "commit", "machine", "packages", "load"} < set(last)
        rows: Rows = last["rows"]
        return rows

    return ran


def test_compare(ran):
    rows = ran("compare", "--rounds", "1", "--samples", "20")
    assert len(rows) == 3
    assert all(row["ratio"] == row["theirs_s"] / row["ours_s"] for row in rows.values())


def test_metric(ran):
    assert list(ran("metric", "--pairs", "80", "--size", "24", "20", "--rounds", "1")) == [
        "GRES metric, 80 pairs of 24 x 20"
    ]


def test_saco(ran):
    rows = ran("saco", "--pairs", "12", "--masks", "9")
    assert list(rows) == ["read 12 pairs", "score 12 pairs", "intervals of 10,000 draws over 12 pairs"]


def test_tokenizer(ran):
    pytest.importorskip("sam2")
    rows = ran("tokenizer", "--small")
    assert list(rows) == [
        "sam2 package, encoded for each mask",
        "embedded once",
        "our code, embedded for each mask",
    ]
    assert all(row["same_pixels"] > 0.999 for row in rows.values())


def test_harness(ran, tmp_path):
    rows = ran("harness", "--sizes", "6", "12", "--rounds", "1", "--lmms-python", str(tmp_path / "none"))
    assert list(rows) == ["GRES, samtok-bench", "exact match, samtok-bench"]


def test_growth(ran):
    rows = ran("growth", "--sizes", "6", "12", "--report")
    assert list(rows) == ["run, constant:whole", "run, constant:refuse", "rescore", "compare", "report"]


def test_batches(ran):
    rows = ran("batches", "--model", "constant:refuse", "--limit", "4", "--sizes", "1", "3")
    assert [row["same_answers"] for row in rows.values()] == ["4 of 4", "4 of 4"]


@pytest.mark.skipif(not GROUNDING_SUITE.is_dir(), reason=f"no {GROUNDING_SUITE}")
def test_codecs(ran, tmp_path):
    """A few of the masks; a word of each byte makes every character a word."""
    vocabulary = tmp_path / "bytes.tiktoken"
    vocabulary.write_text("".join(f"{base64.b64encode(bytes([n])).decode()} {n}\n" for n in range(256)))
    names = ("--codec", "boxgrid8", "--codec", "seqtr12")
    rows = ran("codecs", str(GROUNDING_SUITE), "--every", "100", *names, "--vocabulary", str(vocabulary))
    # 38 masks; on all of them 84.20 and, in the other manner, 79.90
    assert rows["boxgrid8"]["iou"] == pytest.approx(84.2, abs=3)
    assert rows["boxgrid8"]["bits"] == 104
    assert rows["seqtr12"]["iou_their_manner"] == pytest.approx(79.9, abs=6)
    with pytest.raises(SystemExit, match="text4seg16: the vocabulary says"):
        ran(
            "codecs",
            str(GROUNDING_SUITE),
            "--every",
            "1000",
            "--codec",
            "text4seg16",
            "--vocabulary",
            str(vocabulary),
        )
