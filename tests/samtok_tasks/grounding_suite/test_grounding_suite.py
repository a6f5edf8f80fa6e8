"""The task grounding-suite on a small file, on mini, and on the official file."""

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import json_values

from samtok_bench import rle
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.constant import ConstantPredictor
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import Outcome, Prediction, prompt_text
from samtok_tasks.grounding_suite import mini as official
from samtok_tasks.grounding_suite.reader import CLASSES, FILE
from samtok_tasks.grounding_suite.task import GroundingSuite
from samtok_tasks.mini.writer import pictures_of

GOLDEN = Path(__file__).parents[2] / "golden" / "grounding_suite_prompts.txt"
REAL_DATA = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
GSEVAL = REAL_DATA / "grounding-suite"
CAPTIONS = ("The sky above the house.", "Handle of the cup", "Two dogs, both asleep.", "A bus.")


def made_record(idx: int, class_id: int, caption: str, mask: rle.RLE) -> dict[str, object]:
    return {
        "idx": idx,
        "image_path": f"unlabeled2017/{idx:012d}.jpg",
        "class_id": class_id,
        "label": "a label",
        "caption": caption,
        "box": [0.5, 0.5, 19.5, 9.5],
        "segmentation": dict(mask),
    }


RECORDS = [
    made_record(n, n + 1, caption, rle.rectangle(0, 0, 20, 10, 30, 40)) for n, caption in enumerate(CAPTIONS)
]


def write(root: Path, records: list[dict[str, object]]) -> Path:
    (root / FILE).write_text("".join(json.dumps(record) + "\n" for record in records))
    return root


@pytest.fixture(scope="module")
def mini(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("mini")
    return write(root, official.files(list(pictures_of("val")))[FILE])


def run(task, samples, predictor):
    made = predictor.predict(samples)
    scores = [task.score(s, p) for s, p in zip(samples, made, strict=True)]
    return task.summarize(scores, [s.cluster for s in samples])


def test_prompts_match_the_snapshot(tmp_path):
    samples = GroundingSuite().samples(write(tmp_path, RECORDS), "all").samples
    assert "\n".join(prompt_text(s.turns) for s in samples) + "\n" == GOLDEN.read_text()


def test_samples_carry_class_box_and_stable_ids(tmp_path):
    samples = GroundingSuite().samples(write(tmp_path, RECORDS), "all").samples
    assert [s.tags["class"] for s in samples] == ["stuff", "part", "multi", "single"]
    assert {s.size for s in samples} == {(30, 40)}
    assert samples[1].image == tmp_path / "unlabeled2017" / "000000000001.jpg"
    assert (samples[0].truth, samples[0].target.text) == ((0.5, 0.5, 19.5, 9.5), "")
    released = GroundingSuite("released").samples(tmp_path, "all").samples
    assert [s.id for s in samples] == [s.id for s in released]
    moved = [RECORDS[0] | {"box": [0, 0, 1, 1]}]
    assert GroundingSuite().samples(write(tmp_path, moved), "all").samples[0].id != samples[0].id


def test_scores_use_the_box_of_the_file(tmp_path):
    task = GroundingSuite()
    sample = task.samples(write(tmp_path, RECORDS), "all").samples[1]
    right = task.score(sample, Prediction(masks=sample.target.masks))
    assert (right["iou"], right["iou_part"], right["box50_part"], right["iou_stuff"]) == (1, 1, 1, 0)
    assert task.score(sample, Prediction(outcome=Outcome.SKIPPED))["part"] == 1


def test_protocols_read_words_by_their_own_policy():
    assert GroundingSuite().generation.reading.name == "standard"
    assert GroundingSuite("released").generation.reading.name == "released-union"
    assert GroundingSuite().generation.max_new_tokens == 512


def test_broken_masks_are_counted_and_broken_records_named(tmp_path):
    broken = RECORDS[0] | {"segmentation": {"size": [30, 40], "counts": [5]}}
    read = GroundingSuite().samples(write(tmp_path, [broken, RECORDS[1]]), "all")
    assert (len(read.samples), read.dropped.counts) == (1, {"broken masks": 1})
    assert "idx 0: RLE counts cover 5 pixels" in read.dropped.first["broken masks"]
    with pytest.raises(ValueError, match="line 1: class_id: Input should be 1, 2, 3 or 4, got 5"):
        GroundingSuite().samples(write(tmp_path, [RECORDS[0] | {"class_id": 5}]), "all")
    with pytest.raises(ValueError, match="GroundingSuite-Eval has no split 'val'; it has all"):
        GroundingSuite().samples(tmp_path, "val")
    with pytest.raises(FileNotFoundError, match="Expected below the data root"):
        GroundingSuite().samples(tmp_path / "nowhere", "all")


def test_data_status_is_a_glance(tmp_path, monkeypatch):
    status = GroundingSuite().data_status(tmp_path)
    assert not status.ready
    assert status.detail.startswith(f"{tmp_path / FILE} is missing. Expected below the data root")
    assert GroundingSuite().data_status(write(tmp_path, RECORDS)).ready
    monkeypatch.setenv("SAMTOK_BENCH_CACHE", str(tmp_path / "cache"))
    assert "to be written" in GroundingSuite().data_status(None).detail


def test_mini_has_every_class_and_captions_that_differ(mini):
    samples = GroundingSuite().samples(mini, "all").samples
    counts = Counter(s.tags["class"] for s in samples)
    assert set(counts) == set(CLASSES.values())
    assert min(counts.values()) > 20
    assert all(s.image.parent == mini / "images" / "train2014" for s in samples)
    texts = Counter((s.image, prompt_text(s.turns)) for s in samples)
    assert set(texts.values()) == {1}


def test_mini_names_the_half_that_it_cuts():
    for picture in list(pictures_of("val"))[:40]:
        records = official.files([picture])[FILE]
        part = next((record for record in records if record["class_id"] == official.PART), None)
        if part is None:
            continue
        whole = next(record for record in records if record["class_id"] == official.SINGLE)
        x0, y0, x1, y1 = whole["box"]
        a0, b0, a1, b1 = part["box"]
        inside = {
            "left": a1 <= (x0 + x1) / 2,
            "right": a0 >= (x0 + x1) // 2,
            "upper": b1 <= (y0 + y1) / 2,
            "lower": b0 >= (y0 + y1) // 2,
        }
        assert inside[part["label"].split()[0]], part


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_constants_and_oracle_on_mini_have_the_values_they_must(mini, protocol):
    task = GroundingSuite(protocol)
    samples = task.samples(mini, "all").samples
    options = PredictorOptions(task.generation)
    assert set(run(task, samples, OraclePredictor("", options)).values()) == {1}
    assert set(run(task, samples, ConstantPredictor("refuse", options)).values()) == {0}
    whole = run(task, samples, ConstantPredictor("whole", options))
    fractions = [rle.area(s.target.masks[0]) / np.prod(s.size) for s in samples]
    assert whole["giou"] == pytest.approx(np.mean(fractions))


@pytest.mark.skipif(not GSEVAL.is_dir(), reason=f"no GroundingSuite-Eval in {GSEVAL}")
def test_the_official_file():
    task = GroundingSuite()
    read = task.samples(GSEVAL, "all")
    assert (len(read.samples), dict(read.dropped.counts)) == (3715, {})
    assert Counter(s.tags["class"] for s in read.samples) == {
        "stuff": 1011, "part": 455, "multi": 769, "single": 1480
    }  # fmt: skip
    got = run(task, read.samples, OraclePredictor("", PredictorOptions(task.generation)))
    assert got["giou"] == 1
    # the file's boxes are not those of its masks
    assert got["box50"] == pytest.approx(0.9973, abs=5e-5)


VALUES = json_values("size", "counts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(name=st.sampled_from(list(RECORDS[0])), value=VALUES)
def test_any_changed_field_is_read_or_refused_cleanly(tmp_path, name, value):
    task = GroundingSuite()
    write(tmp_path, [RECORDS[0] | {name: value}])
    read, refusal = None, ""
    try:
        read = task.samples(tmp_path, "all")
    except ValueError as error:
        refusal = str(error)
    if read is None:
        assert "line 1" in refusal
        return
    assert len(read.samples) + read.dropped.counts.total() == 1
    for sample in read.samples:
        assert task.score(sample, Prediction(masks=sample.target.masks))["iou"] == 1
