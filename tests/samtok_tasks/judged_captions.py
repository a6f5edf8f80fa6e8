"""Runs of caption benchmarks with known answers, and judges that reply without a server."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samtok_bench import registry
from samtok_bench.judging.client import JudgeClient
from samtok_bench.judging.transcript import JudgeSummary
from samtok_bench.predictor import Predictor
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run
from samtok_bench.sample import Prediction
from samtok_bench.serving.chat import Reply
from samtok_bench.task import Protocol, Task


class TargetAndPlace(Predictor):
    """Answers with the target and its place."""

    def identity(self):
        return {"kind": "target and place"}

    def predict(self, samples):
        return [Prediction(text=f"A {sample.target.text} [1, 2].", stop_reason="stop") for sample in samples]


class Silent:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.starts = []

    def start(self, *what):
        self.starts.append(what)

    def advance(self, count):
        pass

    def stop(self):
        pass

    def note(self, text):
        pass


class Judge(JudgeClient):
    """Replies by a function."""

    def __init__(self, reply: Callable[[Any], str | Reply], model: str = "judge-1"):
        super().__init__("http://judge/v1", model, key="", timeout=1, retries=0)
        self.reply, self.asked, self._lock = reply, [], threading.Lock()

    def ask(self, messages, settings):
        with self._lock:
            self.asked.append((messages, settings))
        said = self.reply(messages)
        return said if isinstance(said, Reply) else Reply(said)


def run_task(
    monkeypatch: pytest.MonkeyPatch,
    task: type[Task],
    root: Path,
    out: Path,
    protocol: Protocol = "standard",
    predictor: type[Predictor] = TargetAndPlace,
) -> Path:
    """The folder of a run."""
    monkeypatch.setattr(registry, "task_class", lambda *_: task)
    monkeypatch.setattr(registry, "predictor_class", lambda model, by: (predictor, ""))
    options = RunOptions(
        task=task.name,
        model="known",
        data_root=root,
        protocol=protocol,
        out=out,
    )
    return run(options, Silent()).folder


def text_of(messages: Any) -> str:
    """The text of a question to a judge."""
    content = messages[-1]["content"]
    return content if isinstance(content, str) else content[0]["text"]


def values_of(summary: JudgeSummary) -> dict[str, float | None]:
    """The metrics by id."""
    return {metric.id: metric.value for metric in summary.metrics}


def dlc_reply(messages: Any) -> str:
    """What a judge says who recognises the apple of DLC-Bench's sample alone."""
    text = text_of(messages)
    if "Yes" in text:
        return "A. Yes" if "apple" in text else "B. No"
    return "B" if "Grey" in text else "A"
