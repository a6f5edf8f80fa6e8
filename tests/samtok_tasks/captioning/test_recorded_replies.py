"""Recorded judge replies give the recorded figures, and real benchmark files run from end to end.

The files are no part of the project: SAMTOK_BENCH_REAL_DATA, or ../shared/data beside the checkout.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from judged_captions import Silent, run_task, values_of

from samtok.locate import TOKENIZER, has_weights, nano_folder
from samtok_bench import registry, rle
from samtok_bench.judging.client import JudgeClient
from samtok_bench.judging.judge import judge
from samtok_bench.predictor import Predictor
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run
from samtok_bench.sample import Prediction
from samtok_bench.serving.chat import Reply
from samtok_tasks.captioning.review import review_scores
from samtok_tasks.dlc_bench.judge import read_choice
from samtok_tasks.dlc_bench.task import DLCBench
from samtok_tasks.ferret_bench.reader import read_ferret_bench
from samtok_tasks.ferret_bench.task import FerretBench

REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
DLC, FERRET = (REAL_DATA / name for name in ("dlc-bench", "ferret-bench"))
RECORDED_DLC = DLC / "model_outputs" / "gar_1b_eval.json"
RECORDED_FERRET = FERRET / "gpt4_result" / "gar_1b" / "review_refer_desc.jsonl"

needs_dlc = pytest.mark.skipif(not RECORDED_DLC.is_file(), reason=f"no real data: no {RECORDED_DLC}")
needs_ferret = pytest.mark.skipif(not RECORDED_FERRET.is_file(), reason=f"no real data: no {RECORDED_FERRET}")


class Recorded(Predictor):
    """The recorded captions by sample id."""

    captions: dict[str, str]

    def identity(self):
        return {"kind": "recorded"}

    def predict(self, samples):
        return [Prediction(text=self.captions[sample.id], stop_reason="stop") for sample in samples]


class Replay(JudgeClient):
    """Replies as recorded, by the exact prompt."""

    def __init__(self, replies):
        super().__init__("http://recorded/v1", "recorded", key="", timeout=1, retries=0)
        self.replies = replies

    def ask(self, messages, settings):
        return Reply(self.replies[messages[-1]["content"]])


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """Run recorded captions and judge them with recorded replies; the metrics by id."""

    def judged(task, root, protocol, captions, replies):
        samples = task(protocol).samples(root, "test").samples
        by_id = dict(zip((sample.id for sample in samples), captions, strict=True))
        predictor = type("RecordedHere", (Recorded,), {"captions": by_id})
        folder = run_task(monkeypatch, task, root, tmp_path / "run", protocol, predictor)
        return values_of(judge(folder, Replay(replies), Silent()))

    return judged


@needs_dlc
def test_recorded_dlc_replies_give_the_recorded_averages(judged):
    recorded = json.loads(RECORDED_DLC.read_text())
    captions = json.loads((DLC / "model_outputs" / "gar_1b.json").read_text())
    objects = json.loads((DLC / "annotations" / "annotations.json").read_text())["annotations"]
    # by the exact prompt: every prompt that the official script sent is sent here
    replies = {
        prompt: reply
        for item in recorded.values()
        if isinstance(item, dict)
        for prompt, reply in zip(item["prompt"], item["response"], strict=True)
    }
    found = judged(DLCBench, DLC, "standard", [captions[str(item["id"])] for item in objects], replies)
    assert found["positive"] == pytest.approx(recorded["avg_pos"], abs=1e-12)
    assert found["negative"] == pytest.approx(recorded["avg_neg"], abs=1e-12)
    assert found["average"] == pytest.approx((recorded["avg_pos"] + recorded["avg_neg"]) / 2, abs=1e-12)
    assert found["recognised"] == 0.95
    assert found["unreadable"] == 0


@needs_dlc
def test_recorded_dlc_replies_are_read_as_recorded():
    count = 0
    for item in json.loads(RECORDED_DLC.read_text()).values():
        if isinstance(item, dict):
            kinds = ("details_positives", "details_negatives", "details_recognition")
            for detail in (detail for kind in kinds for detail in item[kind]):
                choices = [text for text, _ in detail["choices"]]
                assert read_choice(detail["pred_answer"], choices) == detail["pred_index"]
                count += 1
    assert count == 992


@needs_ferret
def test_recorded_ferret_reviews_give_the_recorded_score(judged):
    reviews = [json.loads(line) for line in RECORDED_FERRET.read_text().splitlines()]
    for review in reviews:
        scores = review_scores(review["content"], "released")
        assert [scores["reference"], scores["model"]] == review["tuple"]
    first, second = np.mean([review["tuple"] for review in reviews], axis=0)
    by_answer = {review["answer2"]: review["content"] for review in reviews}

    class ByAnswer(dict):
        def __missing__(self, prompt):
            return next(
                reply for answer, reply in by_answer.items() if f"[Assistant 2]\n{answer}\n" in prompt
            )

    captions = [review["answer2"] for review in reviews]
    found = judged(FerretBench, FERRET, "released", captions, ByAnswer())
    assert 100 * found["ratio"] == pytest.approx(100 * second / first, abs=1e-9)
    assert round(100 * found["ratio"], 1) == 56.0
    assert found["unreadable"] == 0


@needs_ferret
def test_the_boxes_of_ferret_bench_are_filled():
    data = read_ferret_bench(FERRET)
    assert (len(data.regions), data.dropped.counts) == (40, {})
    records = json.loads((FERRET / "annotations" / "box_refer_caption.json").read_text())
    for region, record in zip(data.regions, records, strict=True):
        _, _, width, height = record["annotation"]["bbox"]
        assert rle.area(region.mask) == pytest.approx(width * height, rel=0.25)


@needs_ferret
@pytest.mark.skipif(not has_weights(nano_folder() / TOKENIZER), reason="nano's weights are not there")
def test_nano_describes_real_regions(tmp_path, monkeypatch):
    """Its answers are poor, it saw drawn scenes only; the way to them is whole."""
    monkeypatch.setattr(registry, "task_class", lambda *_: FerretBench)
    options = RunOptions(task="ferret-bench", data_root=FERRET, limit=2, batch_size=2, out=tmp_path / "run")
    result = run(options, Silent())
    assert result.summary.outcomes["model_error"] == result.summary.outcomes["skipped"] == 0
    assert all(line.prediction.text for line in result.lines.values())
