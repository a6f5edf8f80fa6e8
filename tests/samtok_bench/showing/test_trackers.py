"""Runs in TensorBoard and in Weights & Biases."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from synthetic_runs import HALF_LOST, PLAIN, edit, write_run

from samtok_bench.runs.folder import RUN, SUMMARY


@pytest.fixture
def pair(work):
    """A run with a floor and an interval, and another."""
    write_run(Path("first"), PLAIN)
    write_run(Path("second"), HALF_LOST)
    bounds = {"low": 0.75, "high": 0.85, "floor": 0.1, "floor_by": "whole", "ceiling": 0.9}
    edit(Path("first") / SUMMARY, lambda summary: summary["metrics"][0].update(bounds))


def test_tensorboard_reads_values_bounds_and_settings(command, pair):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    code, out, _ = command("runs", "first", "second", "--to", "tensorboard:board")
    assert code == 0
    (folder,) = Path("board").glob("first-*")
    assert f"first: {folder}" in out.splitlines()
    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    values = {name: events.Scalars(name)[0].value for name in events.Tags()["scalars"]}
    assert values["synthetic-val_mean"] == pytest.approx(0.8)
    assert [values[f"synthetic-val_mean/{bound}"] for bound in ("low", "high", "floor", "ceiling")] == (
        pytest.approx([0.75, 0.85, 0.1, 0.9])
    )
    assert values["synthetic-val_samples"] == values["synthetic-val_outcomes/ok"] == 40
    (text,) = events.Tensors("settings/text_summary")
    assert json.loads(text.tensor_proto.string_val[0])["task"] == "synthetic"
    before = sorted(Path("board").rglob("*"))
    code, out, _ = command("runs", "first", "--to", "tensorboard:board")
    assert (code, sorted(Path("board").rglob("*"))) == (0, before)
    assert "is there already" in out


def test_wandb_gets_config_and_summary_by_a_lasting_name(command, pair, monkeypatch):
    started: list[dict] = []
    summaries: list[dict] = []

    def init(**settings):
        started.append(settings)
        summaries.append({})
        return SimpleNamespace(summary=summaries[-1], finish=lambda: summaries[-1].update(finished=True))

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    for _ in range(2):
        assert command("runs", "first", "--to", "wandb:masks")[0] == 0
    assert started[0] == started[1]
    assert (started[0]["project"], started[0]["resume"]) == ("masks", "allow")
    assert started[0]["config"]["task"] == "synthetic"
    assert summaries[0]["synthetic-val_mean"] == pytest.approx(0.8)
    assert summaries[0]["finished"]


def test_incomplete_runs_are_left_out_and_told(command, pair):
    pytest.importorskip("tensorboard")
    edit(Path("second") / RUN, lambda record: record.update(status="running"))
    code, out, err = command("runs", "first", "second", "--to", "tensorboard:board")
    assert code == 0
    assert out.startswith("first: board/first-")
    assert "left out: second is incomplete" in err


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("tensorbord:x", "unknown tracker 'tensorbord'"),
        ("tensorboard", "tensorboard of what?"),
        ("wandb:x", "wandb is not installed: pip install 'samtok-bench[wandb]'"),
    ],
)
def test_mistakes_are_one_line(command, pair, monkeypatch, to, message):
    monkeypatch.setitem(sys.modules, "wandb", None)
    code, out, err = command("runs", "--to", to, "first")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
