"""The tasks refcoco, refcoco+ and refcocog on small files and on mini."""

from pathlib import Path

import numpy as np
import pytest
from sentence_samples import BOX, NAME, SENTENCES, mask, write_lines, write_root

from samtok_bench import rle
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.constant import ConstantPredictor
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import Prediction, prompt_text
from samtok_bench.task import DataStatus
from samtok_tasks.referring.task import RefCOCO, RefCOCOg, RefCOCOPlus

GOLDEN = Path(__file__).parents[2] / "golden" / "referring_prompts.txt"
TASKS = (RefCOCO, RefCOCOPlus, RefCOCOg)


@pytest.fixture
def root(tmp_path) -> Path:
    return write_root(tmp_path)


def test_prompts_match_the_snapshot(root):
    shown = [
        f"{task.name} {data}\n{prompt_text(sample.turns)}"
        for task, data in ((RefCOCO, "unc"), (RefCOCO, "repack"), (RefCOCOPlus, "unc"), (RefCOCOg, "umd"))
        for sample in task("released", data).samples(root, "val").samples
    ]
    assert "\n".join(shown) + "\n" == GOLDEN.read_text()


def test_every_sentence_is_a_sample(root):
    samples = RefCOCO().samples(root, "val").samples
    assert [s.target.masks for s in samples] == [(mask(*box),) for _, box, _ in SENTENCES]
    assert len({s.id for s in samples}) == 3
    assert [s.id for s in samples] == [s.id for s in RefCOCO("released").samples(root, "val").samples]
    assert {(s.cluster, s.size, s.tags["area"]) for s in samples} == {
        (f"images/train2014/{NAME}", (100, 200), "small")
    }
    assert samples[0].image == root / "images/train2014" / NAME
    assert len(RefCOCO(data="google").samples(root, "val").samples) == 2
    repacked = RefCOCO(data="repack").samples(root, "val").samples
    assert [(s.turns, s.target) for s in repacked] == [(s.turns, s.target) for s in samples]
    assert len({s.id for s in repacked}) == 3


def test_names_formats_and_policies():
    assert [task.name for task in TASKS] == ["refcoco", "refcoco+", "refcocog"]
    assert [task.data_formats[0] for task in TASKS] == ["unc", "unc", "umd"]
    assert RefCOCO().generation.reading.name == "standard"
    assert RefCOCO("released").generation.reading.name == "released-last"
    assert RefCOCO().generation.max_new_tokens == 128
    with pytest.raises(ValueError, match=r"unknown data format 'google' of the task 'refcoco\+'"):
        RefCOCOPlus(data="google")
    with pytest.raises(ValueError, match="--data repack needs a --data-root"):
        RefCOCO(data="repack").default_root()


def released(root: Path, answers: list[rle.RLE | None], chosen: slice = slice(None)):
    task = RefCOCO("released", "repack")
    read = task.samples(root, "val")
    samples = read.samples[chosen]
    predictions = [Prediction(masks=(answer,) if answer else ()) for answer in answers]
    scores = [task.score(s, p) for s, p in zip(samples, predictions, strict=True)]
    figures = task.corpus(samples, predictions, read.shared)
    return {**task.summarize(scores, [s.cluster for s in samples]), **figures}


def test_released_figures_by_hand(root):
    # "the left box" means two objects: a hit on the first, a miss on the second; half of "box on left"
    got = released(root, [mask(*BOX), mask(0, 0, 10, 10), mask(*BOX)])
    assert got["miou"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert got["ciou"] == pytest.approx((200 + 100 + 0) / (200 + 200 + 400))
    assert got["script_ciou"] == pytest.approx((1 + 0.5) / 2)
    # boxes: the last of "the left box" misses; "box on left" has 9 x 9 of 19 x 9
    assert got["script_ap50"] == 0
    # twice "the left box", once the other, once what is not there
    assert got["vlm_r1_ciou"] == pytest.approx((1 + 1 + 0.5 + 0) / 4)
    assert got["vlm_r1_ap50"] == 0
    assert set(got) == {info.id for info in RefCOCO("released", "repack").metrics}


def test_what_a_limit_leaves_out_is_not_absent(root):
    got = released(root, [mask(*BOX)], slice(1))
    assert got["vlm_r1_ciou"] == pytest.approx((1 + 1 + 0) / 3), "without 'box on left', with the zebra"


def test_without_the_second_list_its_figures_are_undefined(root):
    (root / "RefCOCO" / "rec_jsons_processed" / "refcoco_val.json").unlink()
    got = released(root, [mask(*BOX)] * 3)
    assert got["vlm_r1_ciou"] is got["vlm_r1_ap50"] is None
    assert got["script_ciou"] == 1


def test_standard_and_refer_files_have_no_figures_of_the_second_list(root):
    read = RefCOCO().samples(root, "val")
    assert RefCOCO().corpus(read.samples, [Prediction()] * 3, read.shared) == {}
    task = RefCOCO("released")
    read = task.samples(root, "val")
    assert set(task.corpus(read.samples, [Prediction()] * 3, read.shared)) == {"script_ciou", "script_ap50"}


def test_splits_that_were_read_later_change_no_figure(root):
    task = RefCOCO("released", "repack")
    read = task.samples(root, "val")
    predictions = [Prediction(masks=sample.target.masks) for sample in read.samples]
    before = task.corpus(read.samples, predictions, read.shared)
    write_lines(root, [], "refcoco_other")
    task.samples(root, "other")
    assert task.corpus(read.samples, predictions, read.shared) == before


def test_data_status_is_a_glance(root, tmp_path, monkeypatch):
    images = root / "images" / "train2014"
    assert RefCOCO().data_status(root) == DataStatus(False, f"no images in {images}")
    images.mkdir(parents=True)
    (images / NAME).touch()
    assert RefCOCO().data_status(root).ready
    assert RefCOCO(data="repack").data_status(root).ready
    assert not RefCOCOg(data="google").data_status(root).ready
    assert "refcocog_val.json is missing" in RefCOCOg(data="repack").data_status(root).detail
    monkeypatch.setenv("SAMTOK_BENCH_CACHE", str(tmp_path / "cache"))
    assert "to be written" in RefCOCO().data_status(None).detail
    assert not RefCOCO(data="repack").data_status(None).ready


@pytest.mark.parametrize("protocol", ["standard", "released"])
@pytest.mark.parametrize("kind", TASKS)
def test_constants_and_oracle_on_mini_have_the_values_they_must(kind, protocol):
    task = kind(protocol)
    read = task.samples(task.default_root(), "val")
    samples = read.samples
    assert len(samples) > 30
    options = PredictorOptions(task.generation)

    def values(predictor):
        made = predictor.predict(samples)
        scores = [task.score(s, p) for s, p in zip(samples, made, strict=True)]
        figures = task.corpus(samples, made, read.shared)
        return {**task.summarize(scores, [s.cluster for s in samples]), **figures}

    assert set(values(OraclePredictor("", options)).values()) == {1}
    assert set(values(ConstantPredictor("refuse", options)).values()) == {0}
    fractions = [rle.area(s.target.masks[0]) / np.prod(s.size) for s in samples]
    assert values(ConstantPredictor("whole", options))["miou"] == pytest.approx(np.mean(fractions))
