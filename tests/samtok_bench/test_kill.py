"""Kill -9 in the middle of a run, then the same command again."""

import json
import os
import signal
import subprocess
import sys
import time


def command(out) -> list[str]:
    program = "from samtok_bench.cli.main import main; main()"
    options = ["--task", "squares", "--model", "slow", "--batch-size", "2", "--json", "--out", str(out)]
    return [sys.executable, "-c", program, "run", *options]


def test_nothing_is_lost_and_nothing_is_done_twice(plugin, tmp_path):
    environment = {**os.environ, "PYTHONPATH": plugin}
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = subprocess.Popen(
        command(killed), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    journal = killed / "samples.jsonl"
    deadline = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b"\n") < 6:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # as if the kill had come in the middle of a write
    with journal.open("ab") as file:
        file.write(b'{"id":"half a li')
    before = journal.read_bytes().splitlines(keepends=True)[:-1]
    assert 6 <= len(before) < 24

    def finish(out):
        return subprocess.run(
            command(out), env=environment, capture_output=True, text=True, check=True
        ).stdout

    resumed = finish(killed)
    after = journal.read_bytes().splitlines(keepends=True)
    assert after[: len(before)] == before
    ids = [json.loads(line)["id"] for line in after]
    assert len(ids) == len(set(ids)) == 24
    assert json.loads(resumed) == json.loads(finish(whole))
    sessions = json.loads((killed / "run.json").read_text())["sessions"]
    assert [s["answered"] for s in sessions] == [len(before), 24 - len(before)]
