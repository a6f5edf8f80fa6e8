"""Recorded judge replies give the recorded figures, and real benchmark files run from end to end.

The files are no part of the project: SAMTOK_BENCH_REAL_DATA, or ../shared/data beside the checkout.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from samtok.locate import TOKENIZER, has_weights, nano_folder
from samtok_bench import registry, rle
from samtok_bench.judging.client import JudgeClient
from samtok_bench.judging.judge import judge
from samtok_bench.predictor import Predictor
from samtok_bench.running import run as runner
from samtok_bench.sample import Prediction
from samtok_tasks.captioning.judge_metrics import read_choice, review_scores
from samtok_tasks.captioning.task import RegionCaption
from samtok_tasks.ferret_bench.reader import read_ferret_bench
from samtok_tasks.gar_bench.task import RegionVQA

REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
DLC, FERRET, GAR = (REAL_DATA / name for name in ("dlc-bench", "ferret-bench", "gar-bench"))
RECORDED_DLC = DLC / "model_outputs" / "gar_1b_eval.json"
RECORDED_FERRET = FERRET / "gpt4_result" / "gar_1b" / "review_refer_desc.jsonl"

needs_dlc = pytest.mark.skipif(not RECORDED_DLC.is_file(), reason=f"no real data: no {RECORDED_DLC}")
needs_ferret = pytest.mark.skipif(not RECORDED_FERRET.is_file(), reason=f"no real data: no {RECORDED_FERRET}")
needs_gar = pytest.mark.skipif(not GAR.is_dir(), reason=f"no real data: no {GAR}")
needs_nano = pytest.mark.skipif(
    not has_weights(nano_folder() / TOKENIZER), reason="nano's weights are not there"
)


class Quiet:
    def start(self, *_): ...
    def advance(self, _): ...
    def stop(self): ...
    def note(self, _): ...


class Recorded(Predictor):
    """The recorded captions by the order of the samples."""

    captions: tuple[str, ...] = ()

    def identity(self):
        return {"kind": "recorded"}

    def predict(self, samples):
        left = iter(self.captions[: len(samples)])
        return [Prediction(text=next(left), stop_reason="stop") for _ in samples]


class Replay(JudgeClient):
    """Replies as recorded, by the exact prompt."""

    def __init__(self, replies):
        super().__init__("http://recorded/v1", "recorded", key="")
        self.replies = replies

    def ask(self, messages, settings):
        return self.replies[messages[-1]["content"]]


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Run recorded captions and judge them with recorded replies; the metrics by id."""
    monkeypatch.setattr(registry, "task_class", lambda name: RegionCaption)
    monkeypatch.setattr(registry, "predictor_class", lambda model, by: (Recorded, ""))

    def judged(root, data, protocol, captions, replies):
        task = RegionCaption(protocol, data)
        ids = [sample.id for sample in task.samples(root, "test").samples]
        grouped = [s.id for s in runner._grouped(task.samples(root, "test").samples)]
        by_id = dict(zip(ids, captions, strict=True))
        monkeypatch.setattr(Recorded, "captions", tuple(by_id[id] for id in grouped))
        options = runner.RunOptions(
            task="region_caption",
            model="recorded",
            data_root=root,
            data=data,
            protocol=protocol,
            batch_size=1000,
            out=tmp_path / "run",
        )
        folder = runner.run(options, Quiet()).folder
        return {one.id: one.value for one in judge(folder, Replay(replies), Quiet()).metrics}

    return judged


@needs_dlc
def test_recorded_dlc_replies_give_the_recorded_averages(judged):
    recorded = json.loads(RECORDED_DLC.read_text())
    captions = json.loads((DLC / "model_outputs" / "gar_1b.json").read_text())
    objects = json.loads((DLC / "annotations" / "annotations.json").read_text())["annotations"]
    # by the exact prompt: every prompt that the official script sent is sent here
    replies = {
        prompt: reply
        for one in recorded.values()
        if isinstance(one, dict)
        for prompt, reply in zip(one["prompt"], one["response"], strict=True)
    }
    found = judged(DLC, "dlc", "standard", [captions[str(one["id"])] for one in objects], replies)
    assert found["positive"] == pytest.approx(recorded["avg_pos"], abs=1e-12)
    assert found["negative"] == pytest.approx(recorded["avg_neg"], abs=1e-12)
    assert found["average"] == pytest.approx((recorded["avg_pos"] + recorded["avg_neg"]) / 2, abs=1e-12)
    assert found["recognised"] == 0.95
    assert found["unreadable"] == 0


@needs_dlc
def test_recorded_dlc_replies_are_read_as_recorded():
    count = 0
    for one in json.loads(RECORDED_DLC.read_text()).values():
        if isinstance(one, dict):
            for detail in [*one["details_positives"], *one["details_negatives"], *one["details_recognition"]]:
                choices = [text for text, _ in detail["choices"]]
                assert read_choice(detail["pred_answer"], choices) == detail["pred_index"]
                count += 1
    assert count == 992


@needs_ferret
def test_recorded_ferret_reviews_give_the_recorded_score(judged):
    reviews = [json.loads(line) for line in RECORDED_FERRET.read_text().splitlines()]
    for one in reviews:
        scores = review_scores(one["content"], "released")
        assert [scores["reference"], scores["model"]] == one["tuple"]
    first, second = np.mean([one["tuple"] for one in reviews], axis=0)
    by_answer = {one["answer2"]: one["content"] for one in reviews}

    class ByAnswer(dict):
        def __missing__(self, prompt):
            return next(
                reply for answer, reply in by_answer.items() if f"[Assistant 2]\n{answer}\n" in prompt
            )

    captions = [one["answer2"] for one in reviews]
    found = judged(FERRET, "ferret", "released", captions, ByAnswer())
    assert 100 * found["ratio"] == pytest.approx(100 * second / first, abs=1e-9)
    assert round(100 * found["ratio"], 1) == 56.0
    assert found["unreadable"] == 0


@needs_ferret
def test_the_boxes_of_ferret_bench_are_filled():
    data = read_ferret_bench(FERRET)
    assert (len(data.regions), data.dropped) == (40, {})
    records = json.loads((FERRET / "annotations" / "box_refer_caption.json").read_text())
    for region, record in zip(data.regions, records, strict=True):
        _, _, width, height = record["annotation"]["bbox"]
        assert rle.area(region.mask) == pytest.approx(width * height, rel=0.25)


@pytest.mark.parametrize(
    ("task", "root", "data"),
    [
        pytest.param(RegionVQA, GAR, None, marks=needs_gar),
        pytest.param(RegionCaption, FERRET, "ferret", marks=needs_ferret),
    ],
)
@needs_nano
def test_nano_answers_real_files(tmp_path, monkeypatch, task, root, data):
    """Its answers are poor, it saw drawn scenes only; the way to them is whole."""
    monkeypatch.setattr(registry, "task_class", lambda name: task)
    options = runner.RunOptions(
        task=task.name, data_root=root, data=data, limit=2, batch_size=2, out=tmp_path / "run"
    )
    result = runner.run(options, Quiet())
    assert result.summary.outcomes["model_error"] == result.summary.outcomes["skipped"] == 0
    assert all(line.prediction.text for line in result.lines.values())


@needs_gar
def test_real_questions_are_all_read():
    read = RegionVQA().samples(GAR, "test")
    assert (len(read.samples), read.dropped) == (70, {})
