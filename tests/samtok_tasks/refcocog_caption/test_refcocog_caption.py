"""RefCOCOg as captions, on mini."""

import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from samtok_bench.measures import captions
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import Outcome, Prediction
from samtok_tasks.captioning.task import caption
from samtok_tasks.refcocog_caption.task import RefCOCOgCaption

# Java and COCO's tools, see samtok_bench.measures.captions
CAPTION_TOOLS = bool(find_spec("pycocoevalcap") and shutil.which("java"))


@pytest.fixture(scope="module")
def samples():
    task = RefCOCOgCaption()
    return task.samples(task.default_root(), "val").samples


def test_the_default_data_is_mini(tmp_path):
    task = RefCOCOgCaption()
    root = task.default_root()
    assert task.default_split(root) == "val"
    assert task.data_status(None).detail.startswith("mini")
    assert task.locate(root).startswith("RefCOCOg, in ")
    with pytest.raises(FileNotFoundError, match=r"refs\(umd\)\.p is missing\. Expected below the data root"):
        task.locate(tmp_path)


def test_sentences_are_the_references(samples):
    task = RefCOCOgCaption()
    assert len({sample.id for sample in samples}) == len(samples) > 100
    assert all(sample.target.text and not sample.target.masks for sample in samples)
    released = RefCOCOgCaption("released").samples(task.default_root(), "val").samples
    assert [(sample.id, sample.turns) for sample in released] == [
        (sample.id, sample.turns) for sample in samples
    ]


def test_words_of_masks_are_no_part_of_a_caption(samples):
    answer = "A red <|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>\n bar.<|im_end|>"
    assert caption(answer) == "A red bar."
    task, sample = RefCOCOgCaption(), samples[0]
    assert task.score(sample, Prediction(text=answer)) == {"captioned": 1, "words": 3}
    assert task.score(sample, Prediction(text="<|mt_end|> ")) == {"captioned": 0, "words": 0}
    assert task.score(sample, Prediction(outcome=Outcome.MODEL_ERROR)) == {"captioned": 0, "words": 0}


@pytest.mark.skipif(not CAPTION_TOOLS, reason="no Java, or pycocoevalcap is not installed")
def test_oracle_and_floor_on_mini(samples, monkeypatch):
    task, few = RefCOCOgCaption(), samples[:40]
    made = OraclePredictor("", PredictorOptions(task.generation)).predict(few)
    best = task.corpus(few, made, None)
    assert best["meteor"] == pytest.approx(1)
    assert best["cider"] > 5, "10 but for sentences of fewer than four words, which lack n-grams"
    monkeypatch.setattr(captions, "_meteor", lambda *_: 0.05)  # starts slowly
    constant = [task.floors(sample)["one caption"] for sample in few]
    floor = task.corpus(few, constant, None)
    assert floor["meteor"] == 0.05
    assert floor["cider"] < 0.5
    scores = [task.score(*pair) for pair in zip(few, made, strict=True)]
    clusters = [sample.cluster for sample in few]
    assert task.summarize(scores, clusters)["captioned"] == 1


def test_without_java_the_figures_are_undefined(samples, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(__file__).parent))
    answers = [Prediction(text=f"not cached {place}") for place in range(3)]
    with pytest.warns(UserWarning, match="METEOR and CIDEr are not computed"):
        found = RefCOCOgCaption().corpus(samples[:3], answers, None)
    assert found == {"cider": None, "meteor": None}
