"""The tasks refcoco, refcoco+ and refcocog on small files and on mini."""

import json
import pickle
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
from samtok_bench.sample import Prediction, prompt_text
from samtok_bench.task import DataStatus
from samtok_tasks.referring.repack import image_number, read_repack, read_second_list
from samtok_tasks.referring.task import RefCOCO, RefCOCOg, RefCOCOPlus

GOLDEN = Path(__file__).parents[1] / "golden" / "referring_prompts.txt"
TASKS = (RefCOCO, RefCOCOPlus, RefCOCOg)
NAME = "COCO_train2014_000000000042.jpg"
BOX, OTHER = [0, 0, 20, 10], [50, 50, 20, 10]
SENTENCES = [(1, BOX, "the left box"), (1, BOX, "box on left "), (2, OTHER, "the left box")]


def polygon(x, y, w, h) -> list[list[float]]:
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def mask(x, y, w, h) -> rle.RLE:
    return rle.rectangle(x, y, x + w, y + h, 100, 200)


@pytest.fixture
def root(tmp_path) -> Path:
    """refer's files of all three data sets with three sentences about two boxes, and the repack of them."""
    annotations = [
        {"id": id, "image_id": 42, "category_id": 1, "iscrowd": 0, "segmentation": polygon(*box)}
        for id, box in ((1, BOX), (2, OTHER))
    ]
    image = {"id": 42, "file_name": NAME, "height": 100, "width": 200}
    refs = [
        {
            "ref_id": id,
            "ann_id": id,
            "image_id": 42,
            "split": "val",
            "sentences": [
                {"sent_id": n, "raw": text.upper(), "sent": text}
                for n, (owner, _, text) in enumerate(SENTENCES)
                if owner == id
            ],
        }
        for id in (1, 2)
    ]
    for name, by in (("refcoco", "unc"), ("refcoco", "google"), ("refcoco+", "unc"), ("refcocog", "umd")):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        (folder / "instances.json").write_text(json.dumps({"images": [image], "annotations": annotations}))
        (folder / f"refs({by}).p").write_bytes(pickle.dumps(refs[:1] if by == "google" else refs, 2))
    (tmp_path / "RefCOCO" / "rec_jsons_processed").mkdir(parents=True)
    lines = [
        {"id": 42, "image": NAME, "objects": [{"rle": dict(mask(*box)), "label": text}]}
        for _, box, text in SENTENCES
    ]
    write_lines(tmp_path, lines)
    (tmp_path / "RefCOCO" / "rec_jsons_processed" / "refcoco_val.json").write_text(json.dumps(SECOND))
    return tmp_path


SECOND = [
    {"image": f"coco/train2014/{NAME}", "normal_caption": text}
    for text in ("the left box", "the left box", "box on left ", "a zebra")
]


def write_lines(root: Path, lines: list[object], name: str = "refcoco_val") -> Path:
    path = root / "RefCOCO" / f"{name}.json"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    return path


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
    assert {(s.cluster, s.size, s.tags["area"]) for s in samples} == {(NAME, (100, 200), "small")}
    assert samples[0].image == root / "images/train2014" / NAME
    assert len(RefCOCO(data="google").samples(root, "val").samples) == 2
    repacked = RefCOCO(data="repack").samples(root, "val").samples
    assert [(s.turns, s.target) for s in repacked] == [(s.turns, s.target) for s in samples]
    assert len({s.id for s in repacked}) == 3


def test_names_formats_and_policies():
    assert [task.name for task in TASKS] == ["refcoco", "refcoco+", "refcocog"]
    assert [task.data_formats[0] for task in TASKS] == ["unc", "unc", "umd"]
    assert RefCOCO().generation.policy == "standard"
    assert RefCOCO("released").generation.policy == "released-last"
    assert RefCOCO().generation.max_new_tokens == 128
    with pytest.raises(ValueError, match=r"unknown data format 'google' of the task 'refcoco\+'"):
        RefCOCOPlus(data="google")
    with pytest.raises(ValueError, match="--data repack needs a --data-root"):
        RefCOCO(data="repack").default_root()


def released(root: Path, answers: list[rle.RLE | None], chosen: slice = slice(None)):
    task = RefCOCO("released", "repack")
    samples = task.samples(root, "val").samples[chosen]
    predictions = [Prediction(masks=(one,) if one else ()) for one in answers]
    scores = [task.score(s, p) for s, p in zip(samples, predictions, strict=True)]
    figures = task.corpus(samples, predictions)
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
    assert RefCOCO().corpus([], []) == {}
    task = RefCOCO("released")
    samples = task.samples(root, "val").samples
    assert set(task.corpus(samples, [Prediction()] * 3)) == {"script_ciou", "script_ap50"}


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
    assert not RefCOCO().data_status(None).ready


@pytest.mark.parametrize("protocol", ["standard", "released"])
@pytest.mark.parametrize("kind", TASKS)
def test_constants_and_oracle_on_mini_have_the_values_they_must(kind, protocol):
    task = kind(protocol)
    samples = task.samples(task.default_root(), "val").samples
    assert len(samples) > 30
    options = PredictorOptions(task.generation)

    def values(predictor):
        made = predictor.predict(samples)
        scores = [task.score(s, p) for s, p in zip(samples, made, strict=True)]
        return {**task.summarize(scores, [s.cluster for s in samples]), **task.corpus(samples, made)}

    assert set(values(OraclePredictor("", options)).values()) == {1}
    assert set(values(ConstantPredictor("refuse", options)).values()) == {0}
    fractions = [rle.area(s.target.masks[0]) / np.prod(s.size) for s in samples]
    assert values(ConstantPredictor("whole", options))["miou"] == pytest.approx(np.mean(fractions))


# the repack's reader


def test_repack_by_hand(root):
    data = read_repack(root, "refcoco", "val")
    assert [(one.line, one.label) for one in data.sentences] == [
        (n, text) for n, (_, _, text) in enumerate(SENTENCES, start=1)
    ]
    assert not data.dropped
    extra = {"image": NAME, "objects": [{"rle": {"size": [2, 2], "counts": [1, 3]}, "label": "a"}, {}, {}]}
    write_lines(root, [extra])
    data = read_repack(root, "refcoco", "val")
    assert rle.area(data.sentences[0].mask) == 3
    assert data.dropped == {"further objects": 2}


def test_second_list_by_hand(root):
    assert read_second_list(root, "refcoco", "val") == tuple(("42", one["normal_caption"]) for one in SECOND)
    assert read_second_list(root, "refcoco+", "val") is None
    folder = root / "RefCOCO" / "rec_jsons_processed"
    (folder / "refcocop_val.json").write_text("[]")
    assert read_second_list(root, "refcoco+", "val") == ()
    (folder / "refcocop_val.json").write_text("{}")
    with pytest.raises(ValueError, match=r"refcocop_val\.json: expected a list of records, got dict"):
        read_second_list(root, "refcoco+", "val")
    (folder / "refcocop_val.json").write_text('[{"image": "a.jpg"}]')
    with pytest.raises(ValueError, match="record 0: the field 'normal_caption' is missing"):
        read_second_list(root, "refcoco+", "val")
    assert image_number("COCO_train2014_000000581857.jpg") == image_number("x/000000581857.jpg") == "581857"


LINE = {"id": 42, "image": NAME, "objects": [{"rle": {"size": [2, 2], "counts": [1, 3]}, "label": "a"}]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "expected a dictionary, got list"),
        (LINE | {"objects": []}, "'objects' is empty"),
        (LINE | {"objects": [1]}, "expected a dictionary, got int"),
        (LINE | {"image": "../a.jpg"}, "must be a path below the folder"),
        (LINE | {"objects": [{"rle": {"size": [2, 2], "counts": [5]}, "label": "a"}]}, "RLE counts cover 5"),
        (LINE | {"objects": [{"rle": {"size": [2, True], "counts": [4]}, "label": "a"}]}, "'size' must be"),
        (LINE | {"objects": [{"rle": {"size": [2, 2], "counts": [4]}}]}, "the field 'label' is missing"),
    ],
)
def test_broken_lines_are_named(root, line, message):
    write_lines(root, [LINE, line])
    with pytest.raises(ValueError, match=r"refcoco_val\.json: line 2: ") as error:
        read_repack(root, "refcoco", "val")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_torn_files_are_one_clear_error(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"refcoco_testA\.json is missing.*PaDT-MLLM.*VLM-R1"):
        read_repack(root, "refcoco", "testA")
    with pytest.raises(ValueError, match="a split is a plain name"):
        read_repack(root, "refcoco", "../val")
    with pytest.raises(FileNotFoundError, match=r"refs\(umd\)\.p is missing"):
        RefCOCOg().samples(tmp_path / "nowhere", "val")
    (root / "RefCOCO" / "refcoco_val.json").write_text('{"id": 1')
    with pytest.raises(ValueError, match="line 1 is not JSON"):
        read_repack(root, "refcoco", "val")


VALUES = json_values("rle", "size", "counts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(
    place=st.sampled_from(
        [("image",), ("objects",), ("objects", 0), ("objects", 0, "label"), ("objects", 0, "rle"),
         ("objects", 0, "rle", "size"), ("objects", 0, "rle", "counts")]
    ),
    value=VALUES,
)  # fmt: skip
def test_any_change_is_read_or_refused_cleanly(root, place, value):
    line = json.loads(json.dumps(LINE))
    inner = line
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    write_lines(root, [line])
    samples, refusal = [], "line 1"
    try:
        samples = RefCOCO("released", "repack").samples(root, "val").samples
    except ValueError as error:
        refusal = str(error)
    assert "line 1" in refusal
    assert all(rle.decode(one.target.masks[0]).shape == one.size for one in samples)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(value=VALUES, name=st.sampled_from(["image", "normal_caption"]))
def test_any_second_list_is_read_or_refused_cleanly(root, value, name):
    path = root / "RefCOCO" / "rec_jsons_processed" / "refcoco_val.json"
    for content in (value, [value], [SECOND[0] | {name: value}]):
        path.write_text(json.dumps(content))
        refusal = "refcoco_val.json"
        try:
            read_second_list(root, "refcoco", "val")
        except ValueError as error:
            refusal = str(error)
        assert "refcoco_val.json" in refusal
