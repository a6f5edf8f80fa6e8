"""The GRES task on a small gRefCOCO root and on mini."""

import json
from pathlib import Path

import numpy as np
import pytest

from samtok_bench import rle
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.constant import ConstantPredictor
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.sample import Prediction, prompt_text
from samtok_bench.task import DataStatus
from samtok_tasks.gres.task import GRES
from samtok_tasks.mini.cache import mini_cache
from samtok_tasks.mini.expressions import KINDS

GOLDEN = Path(__file__).parents[2] / "golden" / "gres_prompts.txt"
RECTANGLES = {11: [0, 0, 20, 10], 12: [10, 0, 20, 10], 13: [0, 30, 120, 40]}
REFS = [
    ([11], [("The LEFT box ", 0), ("box on the left", 1)], False),
    ([11, 12], [("Both boxes", 2)], False),
    ([13], [("the stripe, a long one", 3)], False),
    ([-1], [("a zebra", 4)], True),
]


def rectangle(x, y, w, h) -> list[list[float]]:
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "grefcoco"
    folder.mkdir()
    annotations = [
        {"id": id, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": rectangle(*box)}
        for id, box in RECTANGLES.items()
    ]
    image = {"id": 1, "file_name": "COCO_train2014_000000000001.jpg", "height": 100, "width": 200}
    (folder / "instances.json").write_text(json.dumps({"images": [image], "annotations": annotations}))
    refs = [
        {
            "ref_id": k,
            "ann_id": ids,
            "category_id": [1] if not none else [-1],
            "image_id": 1,
            "split": "val",
            "no_target": none,
            "sentences": [{"sent_id": n, "raw": text, "sent": text, "tokens": []} for text, n in sentences],
        }
        for k, (ids, sentences, none) in enumerate(REFS)
    ]
    (folder / "grefs(unc).json").write_text(json.dumps(refs))
    return tmp_path


def test_prompts_match_the_snapshot(root):
    samples = GRES().samples(root, "val").samples
    assert "\n".join(prompt_text(s.turns) for s in samples) + "\n" == GOLDEN.read_text()


def test_samples_carry_targets_tags_and_stable_ids(root):
    samples = GRES().samples(root, "val").samples
    assert [s.tags["target"] for s in samples] == ["single", "single", "multi", "single", "no-target"]
    assert [s.tags["area"] for s in samples] == ["small", "small", "small", "medium", "none"]
    assert [len(s.target.masks) for s in samples] == [1, 1, 2, 1, 0]
    assert {s.cluster for s in samples} == {"images/train2014/COCO_train2014_000000000001.jpg"}
    assert samples[0].size == (100, 200)
    assert samples[0].image == root / "images/train2014/COCO_train2014_000000000001.jpg"
    assert [s.id for s in samples] == [s.id for s in GRES("released").samples(root, "val").samples]
    assert len({s.id for s in samples}) == 5


def test_a_sentence_may_tell_its_kind(root):
    path = root / "grefcoco" / "grefs(unc).json"
    refs = json.loads(path.read_text())
    refs[1]["sentences"][0]["kind"] = "count"
    path.write_text(json.dumps(refs))
    assert [s.tags.get("kind") for s in GRES().samples(root, "val").samples] == [
        *(None, None, "count", None, None)
    ]
    refs[1]["sentences"][0]["kind"] = 3
    path.write_text(json.dumps(refs))
    with pytest.raises(
        ValueError, match=r"reference 1: sentences\.0\.kind: Input should be a valid string, got 3"
    ):
        GRES().samples(root, "val")


def test_samples_of_mini_have_the_kinds_of_its_expressions():
    task = GRES()
    samples = task.samples(task.default_root(), "val").samples
    assert {s.tags["kind"] for s in samples} == set(KINDS)


def test_data_status_is_a_glance(root, tmp_path, monkeypatch):
    task = GRES()
    images = root / "images" / "train2014"
    assert task.data_status(root) == DataStatus(False, f"no images in {images}")
    images.mkdir(parents=True)
    (images / "COCO_train2014_000000000001.jpg").touch()
    assert task.data_status(root).ready
    (root / "grefcoco" / "instances.json").unlink()
    assert task.data_status(root).detail.startswith(f"{root / 'grefcoco' / 'instances.json'} is missing")
    monkeypatch.setenv("SAMTOK_BENCH_CACHE", str(tmp_path / "cache"))
    unwritten = f"mini, to be written in some seconds to {mini_cache()}"
    assert task.data_status(None) == DataStatus(True, unwritten)
    assert not (tmp_path / "cache").exists()
    monkeypatch.undo()
    root = task.default_root()
    assert task.data_status(None) == DataStatus(True, f"mini, in {root}")


def test_ids_follow_the_content(root):
    before = [s.id for s in GRES().samples(root, "val").samples]
    path = root / "grefcoco" / "instances.json"
    path.write_text(
        path.read_text().replace(json.dumps(rectangle(0, 0, 20, 10)), json.dumps(rectangle(0, 0, 20, 11)))
    )
    after = [s.id for s in GRES().samples(root, "val").samples]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, False, True, True]


def test_several_targets_are_scored_as_their_union(root):
    task = GRES()
    both = task.samples(root, "val").samples[2]
    left, right = both.target.masks
    # 0..20 and 10..30 overlap in 10 x 10: union 300, not 400
    score = task.score(both, Prediction(masks=(left,)))
    assert (score["intersection"], score["union"]) == (200, 300)
    assert task.score(both, Prediction(masks=(left, right)))["iou"] == 1


@pytest.fixture
def crowded(root) -> Path:
    """Sentences about a box and a crowd, the crowd alone, and the box alone."""
    path = root / "grefcoco" / "instances.json"
    content = json.loads(path.read_text())
    # 200 x 100 pixels, column after column: the upper half of the columns 10 to 29
    runs = [10 * 100, *[50, 50] * 19, 50, 50 + 170 * 100]
    segmentation = {"size": [100, 200], "counts": runs}
    content["annotations"].append(
        {"id": 14, "image_id": 1, "category_id": 1, "iscrowd": 1, "segmentation": segmentation}
    )
    path.write_text(json.dumps(content))
    refs = [
        {
            "ref_id": number,
            "ann_id": ids,
            "category_id": [1] * len(ids),
            "image_id": 1,
            "split": "val",
            "no_target": False,
            "sentences": [{"sent_id": number, "raw": text, "sent": text, "tokens": text.split()}],
        }
        for number, (ids, text) in enumerate(
            [([11, 14], "box and people"), ([14], "the people"), ([11], "the box")]
        )
    ]
    (root / "grefcoco" / "grefs(unc).json").write_text(json.dumps(refs))
    return root


def figures(task, root, answer):
    samples = task.samples(root, "val").samples
    scores = [task.score(sample, answer) for sample in samples]
    return len(samples), task.summarize(scores, [sample.cluster for sample in samples])


def test_crowds_are_no_targets_in_rela(crowded):
    task = GRES()
    read = task.samples(crowded, "val")
    assert [sum(map(rle.area, sample.target.masks)) for sample in read.samples] == [200, 200]
    assert [sample.tags["target"] for sample in read.samples] == ["single", "single"]
    assert read.dropped.counts == {"crowd targets": 2, "sentences about crowds": 1}
    box = rle.rectangle(0, 0, 20, 10, 100, 200)
    count, values = figures(task, crowded, Prediction(masks=(box,)))
    assert (count, values["giou"], values["ciou"], values["t_acc"]) == (2, 1, 1, 1)
    _, refused = figures(task, crowded, Prediction())
    assert (refused["giou"], refused["ciou"], refused["t_acc"], refused["n_acc"]) == (0, 0, 0, None)


@pytest.mark.parametrize("protocol", ["released", "released-rl"])
def test_crowds_are_targets_in_samtoks_converter(crowded, protocol):
    task = GRES(protocol)
    read = task.samples(crowded, "val")
    assert [list(map(rle.area, sample.target.masks)) for sample in read.samples] == [
        [200, 1000],
        [1000],
        [200],
    ]
    assert [sample.tags["target"] for sample in read.samples] == ["multi", "single", "single"]
    assert read.dropped.counts == {}
    # box 20 x 10, crowd 20 x 50, of which 10 x 10 are shared: 1100 in all
    box = rle.rectangle(0, 0, 20, 10, 100, 200)
    count, values = figures(task, crowded, Prediction(masks=(box,)))
    assert count == 3
    assert values["giou"] == pytest.approx((200 / 1100 + 100 / 1100 + 1) / 3)
    assert values["ciou"] == pytest.approx((200 + 100 + 200) / (1100 + 1100 + 200))
    # the crowd is a target: to refuse is wrong
    _, refused = figures(task, crowded, Prediction())
    assert (refused["giou"], refused["ciou"], refused["t_acc"], refused["n_acc"]) == (0, 0, 0, None)


def test_samples_without_crowds_are_the_same_in_every_protocol(crowded):
    standard, released = (GRES(name).samples(crowded, "val").samples for name in ("standard", "released"))
    assert standard[1].id == released[2].id
    assert standard[0].id != released[0].id


def test_protocols_read_words_by_their_own_policy():
    assert GRES().generation.reading.name == "standard"
    assert GRES("released").generation.reading.name == "released-union"
    assert GRES().generation.max_new_tokens == GRES("released").generation.max_new_tokens == 128
    with pytest.raises(ValueError, match="unknown protocol 'paper'"):
        GRES("paper")


def test_missing_and_malformed_files_are_one_clear_error(root, tmp_path):
    with pytest.raises(FileNotFoundError, match="Expected below the data root"):
        GRES().samples(tmp_path / "nowhere", "val")
    with pytest.raises(ValueError, match="no split 'tset'"):
        GRES().samples(root, "tset")
    (root / "grefcoco" / "grefs(unc).json").write_text('[{"ref_id": 0')
    with pytest.raises(ValueError, match=r"grefs\(unc\)\.json"):
        GRES().samples(root, "val")


def test_constants_and_oracle_on_mini_have_the_values_they_must():
    task = GRES()
    samples = task.samples(task.default_root(), "val").samples
    options = PredictorOptions(task.generation)

    def values(predictor):
        made = predictor.predict(samples)
        scores = [task.score(s, p) for s, p in zip(samples, made, strict=True)]
        return task.summarize(scores, [sample.cluster for sample in samples])

    oracle = values(OraclePredictor("", options))
    refused = values(ConstantPredictor("refuse", options))
    whole = values(ConstantPredictor("whole", options))
    share = oracle["no_target_share"]
    assert 0.2 < share < 0.4
    assert all(oracle[id] == 1 for id in ("giou", "ciou", "n_acc", "t_acc", "pr90", "miou_targeted"))
    assert (refused["giou"], refused["n_acc"], refused["t_acc"]) == (share, 1, 0)
    assert (whole["n_acc"], whole["t_acc"]) == (0, 1)
    # with the whole image as the answer every IoU is the target's share of its image
    fractions = [rle.area(rle.union(s.target.masks)) / np.prod(s.size) for s in samples if s.target.masks]
    assert whole["miou_targeted"] == pytest.approx(np.mean(fractions))


def test_thinking_models_have_a_prompt_and_a_reading_of_their_own(root):
    task = GRES("released-rl")
    prompts = "\n".join(prompt_text(s.turns) for s in task.samples(root, "val").samples[:1]) + "\n"
    assert prompts == (GOLDEN.parent / "gres_rl_prompts.txt").read_text()
    assert (task.generation.max_new_tokens, task.generation.reading.name) == (1024, "released-rl")
    # scored as the other released script, on the same samples
    assert task.metrics == GRES("released").metrics
    ids = [[s.id for s in GRES(name).samples(root, "val").samples] for name in GRES.protocols]
    assert ids[0] == ids[1] == ids[2]
