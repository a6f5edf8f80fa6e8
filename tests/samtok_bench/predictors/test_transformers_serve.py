"""nano behind the real `transformers serve` answers as nano does here."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import pytest

from samtok.locate import model_folder, vlm_part

pytest.importorskip("uvicorn", reason="the extra serve is not installed")
pytestmark = pytest.mark.slow

PROGRAM = "from samtok_bench.cli.main import main; main()"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """A server of nano in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("server") / "log"
    options = ("--model", "nano", "--port", str(port), "--device", "cpu", "--host", "127.0.0.1")
    options += ("--dtype", "float32")  # as a run has it; the server takes the precision of the files
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "serve", *options],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    until = time.monotonic() + 240
    try:
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill()
        server.wait()


def answers(folder):
    """By id; servers keep the mark of a turn's end to themselves."""
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    wanted = ("text", "masks", "words", "outcome", "scores", "prompt_tokens")
    for line in lines:
        line["text"] = line["text"].removesuffix("<|im_end|>")
    return {line["id"]: {name: line[name] for name in wanted} for line in lines}


@pytest.mark.parametrize(("task", "limit"), [("gres", "16"), ("gcg", "4")])
def test_served_and_local_answers_are_equal(called, monkeypatch, tmp_path, url, task, limit):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # without Java no METEOR, which takes longer than all the rest
    run = ("run", "--task", task, "--limit", limit, "--no-ceiling")
    model = f"endpoint:{url}#{vlm_part(model_folder('nano'))}"
    served = ("--model", model, "--tokenizer", "nano", "--concurrency", "2", "--out", "served")
    assert called(*run, "--model", "nano", "--out", "local")[0] == 0
    assert called(*run, *served)[0] == 0
    assert answers(tmp_path / "served") == answers(tmp_path / "local")
    local, there = (
        json.loads((tmp_path / name / "summary.json").read_text()) for name in ("local", "served")
    )
    assert there | {"model": ""} == local | {"model": ""}
