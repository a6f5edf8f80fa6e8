"""Several workers and threads: the same results as one process, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

SQUARES = ("run", "--task", "squares", "--batch-size", "4")


@pytest.fixture
def command(plugin, monkeypatch, tmp_path, called):
    """Call the console script in a scratch folder; see `called`."""
    monkeypatch.chdir(tmp_path)
    return called


def result(folder):
    """The summary, and the journal by id without times."""
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines)
    for line in lines:
        line.pop("seconds")
    return (folder / "summary.json").read_bytes(), sorted(lines, key=lambda line: line["id"])


@pytest.fixture
def alone(command, tmp_path):
    """What one process gives."""
    assert command(*SQUARES, "--model", "perfect", "--out", "alone")[0] == 0
    return result(tmp_path / "alone")


def as_perfect(found, model):
    """A result with the name of the perfect predictor in the place of another one's."""
    summary, lines = found
    return summary.replace(f'"model": "{model}"'.encode(), b'"model": "perfect"'), lines


@pytest.mark.parametrize("workers", ["2", "3"])
def test_several_workers_give_what_one_process_gives(command, tmp_path, alone, workers):
    code, _, _ = command(*SQUARES, "--model", "perfect", "--workers", workers, "--out", "many")
    assert code == 0
    assert result(tmp_path / "many") == alone
    ours, theirs = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("alone", "many"))
    assert ours["settings"] == theirs["settings"]


def test_the_batch_of_a_dead_worker_is_asked_again(command, tmp_path, alone, monkeypatch):
    monkeypatch.setenv("MORTAL_DIED", str(tmp_path / "died"))
    code, _, _ = command(*SQUARES, "--model", "mortal", "--workers", "2", "--out", "many")
    assert code == 0
    assert (tmp_path / "died").exists()
    assert as_perfect(result(tmp_path / "many"), "mortal") == alone


def test_a_sample_that_kills_its_workers_is_a_model_error_and_costs_no_other(command, tmp_path, alone):
    code, out, err = command(*SQUARES, "--model", "deadly", "--workers", "2", "--out", "many")
    assert code == 0
    assert "23 ok, 1 model_error" in out
    assert "3 workers died on this sample, the last by SIGKILL" in err
    others = [line for line in result(tmp_path / "many")[1] if line["outcome"] == "ok"]
    assert [line for line in alone[1] if line["id"] in {other["id"] for other in others}] == others
    assert len(others) == 23


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("unloadable", "no weights here"),
        ("stillborn", "3 workers died while they loaded the model, the last with exit code 7"),
    ],
)
def test_workers_that_cannot_start_end_the_run_in_one_line(command, tmp_path, model, message):
    code, out, err = command(*SQUARES, "--model", model, "--workers", "2", "--out", "many")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"error: {message}"
    assert "Traceback" not in err
    assert not (tmp_path / "many").exists()


def test_a_killed_driver_is_resumed_with_another_number_of_workers(plugin, command, tmp_path, alone):
    script = "from samtok_bench.cli.main import main; main()"
    slow = (*SQUARES, "--model", "slow", "--out", "many")
    environment = {**os.environ, "PYTHONPATH": f"{plugin}:{os.pathsep.join(filter(None, sys.path))}"}
    driver = subprocess.Popen(
        [sys.executable, "-c", script, *slow, "--workers", "2"], cwd=tmp_path, env=environment
    )
    journal = tmp_path / "many" / "samples.jsonl"
    until = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n")) and time.monotonic() < until:
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    kept = journal.read_bytes().count(b"\n")
    assert 0 < kept < 24
    code, _, _ = command(*slow, "--workers", "3")
    assert code == 0
    assert as_perfect(result(tmp_path / "many"), "slow") == alone


INTERRUPTED_WORKERS = """
import signal
from samtok_bench.running.engines.workers import spawned

signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have set aside

def work(connection, said):
    signal.raise_signal(signal.SIGINT)
    connection.send(said)

if __name__ == "__main__":
    print(*(spawned(work, said)[1].recv() for said in ("first", "second")))
    signal.raise_signal(signal.SIGINT)
"""


def test_an_interrupt_is_the_drivers_own_from_the_start_of_a_worker_on(tmp_path):
    script = tmp_path / "workers.py"
    script.write_text(INTERRUPTED_WORKERS)
    path = os.pathsep.join(filter(None, sys.path))
    ran = subprocess.run(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert ran.stdout == "first second\n", ran.stderr
    assert ran.stderr.count("Traceback") == 1


def test_when_the_model_is_gone_the_answered_samples_are_kept_and_the_run_goes_on(
    command, tmp_path, alone, monkeypatch
):
    left = tmp_path / "left"
    monkeypatch.setenv("GONE_LEFT", str(left))
    left.write_text("10")
    run = (*SQUARES, "--model", "gone", "--out", "many")
    code, out, err = command(*run)
    assert (code, out) == (2, "")
    assert "error: nobody answers at http://localhost:1/v1" in err
    assert (tmp_path / "many" / "samples.jsonl").read_text().count("\n") == 10
    assert json.loads((tmp_path / "many" / "run.json").read_text())["status"] == "running"
    left.write_text("100")
    assert command(*run)[0] == 0
    assert left.read_text() == "86"
    assert as_perfect(result(tmp_path / "many"), "gone") == alone


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--workers 0", "--workers must be at least 1, got 0"),
        ("--workers 2 --model gone", "gone answers several samples at once: use --concurrency, no workers"),
    ],
)
def test_options_that_do_not_go_together(command, arguments, message):
    code, out, err = command(*SQUARES, "--model", "perfect", *arguments.split())
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"error: {message}"
    assert "Traceback" not in err
