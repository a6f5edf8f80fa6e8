"""Judged captions on the leaderboard: a row for each judge, which nothing is compared with."""

from pathlib import Path

import pytest
from official_runs import write_official
from synthetic_runs import edit
from test_leaderboard import board, command, ours

from samtok_bench import registry
from samtok_bench.judging import transcript
from samtok_bench.judging.transcript import JudgeFile, Judgement, JudgeSummary
from samtok_bench.runs.folder import RunFolder
from samtok_bench.runs.summary import MetricValue

__all__ = ["board", "command"]  # fixtures


def write_captions(judges: dict[str, float] | None, samples: int = 100) -> Path:
    task = registry.task_class("dlc-bench")("released")
    folder = write_official(
        Path("runs/dlc"),
        task,
        "test",
        [{"captioned": 1.0, "words": 9.0}] * 100,
        model="zhouyik/Qwen3-VL-4B-SAMTok-dam",
    )
    if judges is None:
        return folder
    summaries = [
        JudgeSummary(
            **{"url": "http://x", "model": model, "settings": {}, "judge": model, "prompts": "p"},
            **{"first_asked": "", "last_asked": "", "samples": samples, "primary": "average"},
            metrics=[
                MetricValue(
                    **{"id": info.id, "version": info.version, "display": info.display, "unit": info.unit},
                    **{"direction": info.direction, "value": value, "low": None, "high": None},
                    **{"floor": None, "floor_by": None, "ceiling": None},
                )
                for info in task.judge_metrics
            ],
        )
        for model, value in judges.items()
    ]
    content = JudgeFile(task="dlc-bench", protocol="released", judges=summaries)
    (folder / transcript.SUMMARY).write_text(content.model_dump_json())
    keys = {key for info in task.judge_metrics for key in info.keys}
    counts = {info.denominator: 1.0 for info in task.judge_metrics if info.denominator}
    judgements = [
        Judgement(
            **{"sample": id, "judge": model, "url": "http://x", "model": model, "settings": {}},
            **{"prompt_hash": "p", "asked": "", "exchanges": []},
            scores=dict.fromkeys(keys, value) | counts,
        )
        for model, value in judges.items()
        for id in RunFolder(folder).journal.read()
    ]
    lines = [judgement.model_dump_json() + "\n" for judgement in judgements]
    (folder / transcript.TRANSCRIPT).write_text("".join(lines))
    return folder


def test_each_judge_has_a_row_and_none_is_compared(board):
    write_captions({"llama": 0.655, "other": 0.7})
    found = ours(board("--benchmark", "dlc-bench"), "Avg")
    assert [(figure["value"], figure["published"]) for figure in found] == [(70, None), (65.5, None)]
    assert [figure["notes"][-1] for figure in found] == ["judged by other", "judged by llama"]


@pytest.mark.parametrize(
    ("judges", "samples", "reason"),
    [
        (None, 100, "not judged: use samtok-bench judge"),
        ({"llama": 0.5}, 99, "not judged to the end: use samtok-bench judge"),
    ],
)
def test_unjudged_captions_are_left_out(board, judges, samples, reason):
    write_captions(judges, samples)
    assert board("--benchmark", "dlc-bench")["left_out"] == [{"run": "runs/dlc", "reason": reason}]


def test_a_malformed_judgement_is_named(board):
    file = write_captions({}) / transcript.SUMMARY
    edit(file, lambda content: content.update(schema_version=2))
    assert "judge.json is of schema version 2, " in board("--benchmark", "dlc-bench")["left_out"][0]["reason"]
    file.write_text("{")
    assert "judge.json is malformed: " in board("--benchmark", "dlc-bench")["left_out"][0]["reason"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("0.655", "0.7", "judge.json and judge.jsonl differ in positive: judge it again"),
        ('"sample"', '"simple"', "judge.jsonl: line 1 is malformed (sample: Field required)"),
    ],
)
def test_a_judgement_stands_on_its_transcript(board, old, new, reason):
    path = write_captions({"llama": 0.655}) / transcript.TRANSCRIPT
    path.write_text(path.read_text().replace(old, new))
    assert reason in board("--benchmark", "dlc-bench")["left_out"][0]["reason"]
