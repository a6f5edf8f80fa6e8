"""A run whose answers or whose code changed after it was judged."""

import importlib
import json
from pathlib import Path

import pytest
from judged_squares import SERVER, install

from samtok_bench import registry

JUDGE = ("judge", "run", *SERVER.split())


@pytest.fixture
def judged(work, monkeypatch, called):
    """A run with a failed sample, judged."""
    install(monkeypatch)
    run = ("run", "--task", "judged-squares", "--model", "faulty", "--no-ceiling", "--out", "run")
    assert called(*run)[0] == 0
    assert called(*JUDGE)[0] == 0
    return run


def test_what_a_judge_made_of_other_answers_is_gone(judged, called, monkeypatch):
    fakes = importlib.import_module("bench_fakes")
    monkeypatch.setattr(fakes.Faulty, "predict", fakes.Perfect.predict)
    code, _, err = called(*judged, "--retry-errors")
    assert (code, "judge the run again" in err) == (0, True)
    assert not Path("run/judge.json").exists()
    assert "judged by" not in called("show", "run")[1]
    said = Path("run/judge.jsonl").read_bytes()
    assert called(*JUDGE)[0] == 0
    assert Path("run/judge.json").exists()
    # nothing that was said is asked again
    assert Path("run/judge.jsonl").read_bytes() == said


def test_replies_that_are_read_otherwise_now_are_read_anew(judged, called, monkeypatch):
    task = registry.load("task", "judged-squares")
    monkeypatch.setattr(task, "judge_scores", lambda self, sample, replies, files: {"score": 0.5})
    assert called(*JUDGE)[0] == 0
    lines = [json.loads(line) for line in Path("run/judge.jsonl").read_text().splitlines()]
    assert [line["scores"]["score"] for line in lines] == [1.0] * 24 + [0.5] * 24
    assert called(*JUDGE)[0] == 0
    assert len(Path("run/judge.jsonl").read_text().splitlines()) == 48
