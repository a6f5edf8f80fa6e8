"""Workers from Ray, on this machine: the same as processes, whatever dies."""

import faulthandler
import json
import os
import re
import sys
import threading
import time
from types import SimpleNamespace

import pytest
from test_engines import SQUARES, alone, as_perfect, command, result

from samtok_bench.running.engines import ray_actors

pytest.importorskip("ray", reason="ray is not installed")
pytestmark = pytest.mark.slow  # a cluster takes some seconds to start
__all__ = ["alone", "command"]  # fixtures

LONGEST = 240
"""Seconds of a test, whose process ends after them: a cluster that is gone may be waited for without end."""


@pytest.fixture(autouse=True)
def _ends():
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


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


def test_more_workers_than_cpus_are_refused(command, tmp_path):
    code, out, err = command(*SQUARES, "--model", "perfect", "--ray", "local", "--workers", "999")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("error: --workers 999: one CPU each, and the cluster has ")


def test_a_local_cluster_is_a_new_one(command, tmp_path, alone, monkeypatch):
    """Ray without an address would join one that runs here, where two workers have no room."""
    from ray.cluster_utils import Cluster

    other = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    monkeypatch.setenv("RAY_ADDRESS", other.address)
    try:
        assert command(*SQUARES, "--model", "perfect", *RAY)[0] == 0
    finally:
        other.shutdown()
    assert result(tmp_path / "many") == alone


@pytest.fixture
def machines(plugin, monkeypatch):
    """A cluster of two machines of one CPU, both of them this one: its address, and what ends the second."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    second = cluster.add_node(num_cpus=1)
    yield cluster.address, lambda: cluster.remove_node(second, allow_graceful=False)
    cluster.shutdown()


def test_a_machine_is_checked_and_the_run_goes_on_when_it_is_gone(
    command, tmp_path, alone, monkeypatch, machines
):
    address, end_the_second = machines
    slow = (*SQUARES, "--model", "slow", "--ray", address, "--workers", "2", "--out", "many")
    with monkeypatch.context() as patch:
        patch.setattr(ray_actors, "provenance", SimpleNamespace(file_hash=lambda _: "of another image"))
        code, _, err = command(*slow)
    assert code == 2
    assert re.search(r"^error: the machine \w+ of the cluster has not the same .*image", err, re.M)
    journal = tmp_path / "many" / "samples.jsonl"

    def answers():
        return journal.read_bytes().count(b"\n") if journal.exists() else 0

    def end_it_in_the_middle(before):
        while answers() <= before:
            time.sleep(0.01)
        end_the_second()

    ender = threading.Thread(target=end_it_in_the_middle, args=(answers(),), daemon=True)
    ender.start()
    assert command(*slow)[0] == 0
    ender.join()
    assert as_perfect(result(tmp_path / "many"), "slow") == alone
