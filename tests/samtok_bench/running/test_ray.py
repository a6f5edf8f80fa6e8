"""Workers from Ray, on this machine: the same as processes, whatever dies."""

import json

import pytest
from test_engines import SQUARES, alone, as_perfect, command, result

pytest.importorskip("ray", reason="ray is not installed")
pytestmark = pytest.mark.slow  # a cluster takes some seconds to start
__all__ = ["alone", "command"]  # fixtures

RAY = ("--ray", "local", "--workers", "2", "--out", "many")


def test_a_dead_actor_and_a_deadly_sample(command, tmp_path, alone, monkeypatch):
    monkeypatch.setenv("MORTAL_DIED", str(tmp_path / "died"))
    assert command(*SQUARES, "--model", "mortal", *RAY)[0] == 0
    assert (tmp_path / "died").exists()
    assert as_perfect(result(tmp_path / "many"), "mortal") == alone
    code, out, err = command(*SQUARES, "--model", "deadly", *RAY[:-1], "deadly")
    assert code == 0
    assert "23 ok, 1 model_error" in out
    assert "3 workers died on this sample, the last within Ray" in err


def test_a_run_that_processes_began_is_finished_by_actors(command, tmp_path, alone):
    whole = (*SQUARES, "--model", "perfect", "--out", "many")
    assert command(*whole, "--workers", "2")[0] == 0
    journal = tmp_path / "many" / "samples.jsonl"
    journal.write_text("".join(journal.read_text().splitlines(keepends=True)[:8]))
    record = json.loads((tmp_path / "many" / "run.json").read_text())
    (tmp_path / "many" / "run.json").write_text(json.dumps(record | {"status": "running"}))
    assert command(*SQUARES, "--model", "perfect", *RAY)[0] == 0
    assert result(tmp_path / "many") == alone
