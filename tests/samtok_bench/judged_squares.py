"""The squares with a judge, which answers without a server."""

from samtok_bench import registry
from samtok_bench.judging.client import JudgeClient
from samtok_bench.judging.contract import Judged, JudgeSettings
from samtok_bench.metric import MetricInfo
from samtok_bench.serving.chat import Reply

SERVER = "--judge http://localhost:9/v1 --judge-model m --jobs 1"


def install(monkeypatch) -> None:
    """Make the task known as judged-squares; needs the plug-ins of the tests."""
    from bench_fakes import Squares

    class JudgedSquares(Squares, Judged):
        name = "judged-squares"
        judge_metrics = (MetricInfo("score", "score", "of the judge"),)
        judge_settings = JudgeSettings(0.0)

        def judge_prompts(self, sample, answer, files):
            return [[{"role": "user", "content": sample.id}]]

        def judge_scores(self, sample, replies, files):
            return {"score": float(replies[0] == "yes")}

    load = registry.load
    monkeypatch.setattr(
        registry, "load", lambda kind, name: JudgedSquares if name == "judged-squares" else load(kind, name)
    )
    monkeypatch.setattr(JudgeClient, "ask", lambda self, messages, settings: Reply("yes"))
