"""GAR-Bench's real questions, which are no part of the project: SAMTOK_BENCH_REAL_DATA, or ../shared/data."""

import os
from pathlib import Path

import pytest
from judged_captions import Silent

from samtok.locate import TOKENIZER, has_weights, nano_folder
from samtok_bench import registry
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run
from samtok_tasks.gar_bench.task import GARBench

DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
ROOT = DATA / "gar-bench"
pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no real data: no {ROOT}")


def test_real_questions_are_all_read():
    data = GARBench().samples(ROOT, "test")
    assert (len(data.samples), data.dropped.counts) == (70, {})


@pytest.mark.skipif(not has_weights(nano_folder() / TOKENIZER), reason="nano's weights are not there")
def test_nano_answers_real_questions(tmp_path, monkeypatch):
    """Its answers are poor, it saw drawn scenes only; the way to them is whole."""
    monkeypatch.setattr(registry, "task_class", lambda *_: GARBench)
    options = RunOptions(task="gar-bench", data_root=ROOT, limit=2, batch_size=2, out=tmp_path / "run")
    result = run(options, Silent())
    assert result.summary.outcomes["model_error"] == result.summary.outcomes["skipped"] == 0
    assert all(line.prediction.text for line in result.lines.values())
