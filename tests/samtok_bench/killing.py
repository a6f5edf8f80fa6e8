"""Kill -9 in the middle of a run."""

import os
import signal
import subprocess
import sys
import time

from samtok_bench.runs.folder import JOURNAL


def command(out, task, model) -> list[str]:
    """A run of two samples a batch, as a process of its own."""
    program = "from samtok_bench.cli.main import main; main()"
    options = ["--task", task, "--model", model, "--batch-size", "2", "--json", "--out", str(out)]
    return [sys.executable, "-c", program, "run", *options]


def environment(plugin) -> dict[str, str]:
    """With the fakes on the path."""
    return {**os.environ, "PYTHONPATH": plugin}


def kill_after(lines, out, task, model, plugin) -> list[bytes]:
    """Kill a run once its journal has so many lines, and tear the next one; the whole lines."""
    process = subprocess.Popen(
        command(out, task, model), env=environment(plugin), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    journal = out / JOURNAL
    deadline = time.monotonic() + 60
    while not journal.exists() or journal.read_bytes().count(b"\n") < lines:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    # as if the kill had come in the middle of a write
    with journal.open("ab") as file:
        file.write(b'{"id":"half a li')
    return journal.read_bytes().splitlines(keepends=True)[:-1]
