"""Grounded captions on a small GranD-f root and on mini."""

import json
from pathlib import Path

import numpy as np
import pytest

from samtok_bench import rle
from samtok_bench.codecs.grid import GridCodec
from samtok_bench.measures import captions as caption_metrics
from samtok_bench.measures import sentences
from samtok_bench.measures.captions import CaptionToolError, scores_or_none
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.constant import ConstantPredictor
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.reading import STANDARD
from samtok_bench.sample import Outcome, Prediction, prompt_text
from samtok_bench.task import DataStatus
from samtok_tasks import released
from samtok_tasks.gcg import mini as grandf
from samtok_tasks.gcg import task as gcg
from samtok_tasks.gcg.answers import marked, plain_caption
from samtok_tasks.gcg.labels import locate_labels
from samtok_tasks.gcg.reader import read_grandf
from samtok_tasks.gcg.task import GCG
from samtok_tasks.mini.picture import SIZE, MiniPicture
from samtok_tasks.mini.scene import draw_scene

GOLDEN = Path(__file__).parents[2] / "golden" / "gcg_prompts.txt"
MASKS = tuple(rle.rectangle(x, 0, x + 4, 6, 10, 20) for x in (0, 6, 12))
ONE, TWO, THREE = (f"<|mt_start|><|mt_000{k}|><|mt_030{k}|><|mt_end|>" for k in (1, 2, 3))


@pytest.fixture(autouse=True)
def nothing_remembered():
    remembering = (scores_or_none, gcg._similarity)
    for function in remembering:
        function.cache_clear()
    yield
    for function in remembering:
        function.cache_clear()


@pytest.fixture
def no_tools(monkeypatch):
    """As on a machine without Java and without an encoder."""

    def missing(*_):
        raise CaptionToolError("METEOR and CIDEr need Java")

    monkeypatch.setattr(caption_metrics, "_tools", missing)
    monkeypatch.setenv(sentences.ENCODER_VARIABLE, "nowhere")


@pytest.fixture
def by_words(monkeypatch):
    """A stand-in for the encoder: 1 for equal texts, else 0."""

    def equal(first, second):
        return np.array([[float(a == b) for b in second] for a in first])

    monkeypatch.setattr(gcg, "_similarity", lambda: equal)


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "GranDf" / "annotations" / "val_test"
    folder.mkdir(parents=True)
    content = {
        "sa_1": (
            "A cat on the red mat, a dog beside it.",
            ["red mat", "A cat", "the tail", "mat"],
            MASKS[:3],
        ),
        "sa_2": ("Only sand.", [], ()),
    }
    images = [{"id": id, "height": 10, "width": 20} for id in content]
    texts = [{"image_id": id, "caption": text, "labels": labels} for id, (text, labels, _) in content.items()]
    masks = [
        {"image_id": id, "segmentation": mask} for id, (_, _, given) in content.items() for mask in given
    ]
    for split in ("val", "test"):
        for kind, annotations in (("caption", texts), ("mask", masks)):
            path = folder / f"{split}_gcg_coco_{kind}_gt.json"
            path.write_text(json.dumps({"images": images, "annotations": annotations}))
    return tmp_path


@pytest.fixture(scope="module")
def mini(tmp_path_factory) -> Path:
    """mini's pictures in GranD-f's form."""
    folder = tmp_path_factory.mktemp("mini")
    pictures = [
        MiniPicture(k + 1, split, draw_scene(900_000 + k, size=SIZE), [])
        for k, split in enumerate(["val"] * 12 + ["testA"] * 2 + ["testB"] * 2 + ["train"])
    ]
    for path, content in grandf.files(pictures).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content))
    return folder


def test_images_with_numbers_rank_by_them(root, monkeypatch):
    """GLaMM's scorer has the ids of the file: 9 comes before 10, "10" before "9"."""
    monkeypatch.setenv("PATH", str(root))  # without Java no METEOR, which is another matter
    folder = root / "GranDf" / "annotations" / "val_test"
    values = {}
    for kind, ids in (("number", [10, 9, 101]), ("text", ["10", "9", "101"])):
        texts = [{"image_id": id, "caption": "A cat.", "labels": ["cat"]} for id in ids]
        masks = [{"image_id": id, "segmentation": MASKS[0]} for id in ids]
        for name, annotations in (("caption", texts), ("mask", masks)):
            images = [{"id": id, "height": 10, "width": 20} for id in ids]
            path = folder / f"val_gcg_coco_{name}_gt.json"
            path.write_text(json.dumps({"images": images, "annotations": annotations}))
        samples = GCG().samples(root, "val").samples
        right = {"9": MASKS[0]}  # of three images one
        answers = [answer("A cat.", masks=(right.get(s.image.stem, MASKS[1]),)) for s in samples]
        values[kind] = GCG().corpus(samples, answers, None)["ap50"]
    # a third of what is wanted, found at rank 1 or 3
    assert values == {"number": pytest.approx(34 / 101), "text": pytest.approx(34 / 101 / 3)}


def answer(text: str, words: tuple[str, ...] = (), masks=None) -> Prediction:
    return Prediction(text=text, words=words, masks=MASKS[: len(words)] if masks is None else masks)


# ---- samples ----------------------------------------------------------------------------------------------


def test_prompts_match_the_snapshot(root):
    samples = GCG().samples(root, "val").samples
    assert "\n".join(prompt_text(s.turns) for s in samples) + "\n" == GOLDEN.read_text()
    assert GOLDEN.read_text().count("interleaved     segmentation") == 2, "five spaces, as released"


def test_targets_are_captions_with_places_for_masks(root):
    read = GCG().samples(root, "val")
    first, second = (sample.target for sample in read.samples)
    truth, nothing = (sample.truth for sample in read.samples)
    assert first.text == (
        f"{marked('A cat')} <region> on the {marked('red mat')} <region>, a dog beside it. "
        f"{marked('the tail')} <region> {marked('mat')}"
    ), "in reading order; what is not in the caption or inside another label follows"
    assert truth.labels == ("red mat", "A cat", "the tail", "mat"), "in the order of the file"
    assert first.masks == (MASKS[1], MASKS[0], MASKS[2])
    assert truth.masks == MASKS
    assert truth.caption == "A cat on the red mat, a dog beside it."
    assert (second.text, second.masks, nothing.labels) == ("Only sand.", (), ())
    assert [s.tags["masks"] for s in read.samples] == ["2 to 4", "none"]
    assert [s.cluster for s in read.samples] == [
        f"GranDf_HA_images/val_test/{name}.jpg" for name in ("sa_1", "sa_2")
    ]
    assert read.dropped.counts == {"labels without a mask": 1}
    assert [s.id for s in read.samples] == [s.id for s in GCG("released").samples(root, "test").samples]


def test_the_order_of_the_file_decides_between_equal_masks(root, by_words):
    """Both labels have one mask; GLaMM takes the first of the file, which is the other phrase."""
    path = root / "GranDf/annotations/val_test/val_gcg_coco_caption_gt.json"
    content = json.loads(path.read_text())
    content["annotations"][0] |= {"caption": "A bird above a boat.", "labels": ["boat", "bird"]}
    path.write_text(json.dumps(content))
    path = path.with_name("val_gcg_coco_mask_gt.json")
    content = json.loads(path.read_text())
    first = [mask for mask in content["annotations"] if mask["image_id"] == "sa_1"][:2]
    content["annotations"] = [mask | {"segmentation": first[0]["segmentation"]} for mask in first]
    path.write_text(json.dumps(content))
    found = {}
    for protocol in ("standard", "released"):
        task = GCG(protocol)
        sample = task.samples(root, "val").samples[0]
        said = answer(f"{marked('bird')} {ONE}", (ONE,), sample.target.masks[:1])
        found[protocol] = task.score(sample, said)["matched"]
    assert found == {"standard": 1, "released": 0}


def test_data_status(root, no_tools):
    task = GCG()
    assert task.data_status(root) == DataStatus(False, f"no images in {root / 'GranDf_HA_images/val_test'}")
    images = root / "images" / "grandf" / "val_test"
    images.mkdir(parents=True)
    (images / "sa_1.jpg").touch()
    assert task.data_status(root).ready
    (root / "GranDf/annotations/val_test/test_gcg_coco_mask_gt.json").unlink()
    assert "test_gcg_coco_mask_gt.json is missing" in task.data_status(root).detail


def test_protocols_read_words_in_their_own_way():
    for protocol, reading in (("standard", STANDARD), ("released", released.GCG)):
        generation = GCG(protocol).generation
        assert (generation.reading, generation.max_new_tokens) == (reading, 512)
        assert generation.special_tokens


def test_thinking_models_have_a_prompt_of_their_own_and_their_thoughts_count(root, by_words):
    task = GCG("released-rl")
    samples = task.samples(root, "val").samples
    assert "\n".join(prompt_text(s.turns) for s in samples[:1]) + "\n" == (
        GOLDEN.with_name("gcg_rl_prompts.txt").read_text()
    )
    assert (task.generation.reading, task.generation.max_new_tokens) == (released.GCG, 2048)
    assert task.metrics == GCG("released").metrics
    assert [s.id for s in samples] == [s.id for s in GCG().samples(root, "val").samples]
    thought, said = f"There is {marked('A cat')} {ONE}.", f"It is on {marked('red mat')} {TWO}."
    text = f"<think>{thought}</think>\n<answer>{said}</answer>"
    given = answer(text, (ONE, TWO), (MASKS[1], MASKS[0]))
    assert plain_caption(given, task._scoring) == "There is A cat .It is on red mat ."
    assert task.score(samples[0], given) == GCG("released").score(samples[0], given)
    assert task.score(samples[0], given)["matched"] == 2


# ---- scores -----------------------------------------------------------------------------------------------


def test_scores_by_hand(root, by_words):
    sample = GCG().samples(root, "val").samples[0]
    # the cat is right, the mat is called otherwise
    given = answer(f"{marked('a CAT')} {ONE} and {marked('rug')} {TWO}", (ONE, TWO), (MASKS[1], MASKS[0]))
    standard, released = GCG().score(sample, given), GCG("released").score(sample, given)
    assert (standard["iou"], standard["matched"], standard["matchable"]) == (pytest.approx(2 / 3), 1, 4)
    assert (released["iou"], released["matched"], released["matchable"]) == (1, 0, 4)


@pytest.mark.filterwarnings("ignore:Recall is not computed")
@pytest.mark.parametrize("outcome", list(Outcome))
@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_every_outcome_is_scored(root, no_tools, protocol, outcome):
    task = GCG(protocol)
    for sample in task.samples(root, "val").samples:
        task.score(sample, Prediction(outcome=outcome))
        scores = task.score(sample, Prediction(outcome, "odd <|mt_start|>", MASKS[:1], words=("<region>",)))
        assert (scores["masks"], scores["unnamed"]) == (1, 1)


def test_without_tools_metrics_are_undefined_and_say_why(root, no_tools):
    task = GCG("released")
    samples = task.samples(root, "val").samples
    answers = [Prediction(text="A cat.") for _ in samples]
    with pytest.warns(UserWarning, match="not computed: METEOR and CIDEr need Java"):
        found = task.corpus(samples, answers, None)
    assert found == {"ap50": 0, "meteor": None, "cider": None}
    with pytest.warns(UserWarning, match="Recall is not computed: there is no text encoder 'nowhere'"):
        scores = [task.score(sample, given) for sample, given in zip(samples, answers, strict=True)]
    values = task.summarize(scores, ["a", "b"])
    assert (values["recall"], values["miou"]) == (None, 0)


def evaluate(task: GCG, samples, predictions):
    scores = [task.score(sample, made) for sample, made in zip(samples, predictions, strict=True)]
    return {**task.summarize(scores, [s.cluster for s in samples]), **task.corpus(samples, predictions, None)}


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_oracle_floors_and_codecs_on_mini(mini, by_words, protocol, monkeypatch):
    def all_right(java, jar, pairs):  # METEOR starts slowly
        return float(all(reference == answer for reference, answer in pairs))

    monkeypatch.setattr(caption_metrics, "_meteor", all_right)
    task = GCG(protocol)
    samples = task.samples(mini, "val").samples
    options = PredictorOptions(task.generation)
    best = evaluate(task, samples, OraclePredictor("", options).predict(samples))
    has_tools = best["meteor"] is not None
    expected = {"miou": 1, "recall": 1, "ap50": 1, "unnamed_masks": 0, "unmasked_phrases": 0}
    assert best == expected | (
        {"meteor": 1, "cider": pytest.approx(10)} if has_tools else {"meteor": None, "cider": None}
    )
    floors = {name: [task.floors(sample)[name] for sample in samples] for name in task.floors(samples[0])}
    values = {name: evaluate(task, samples, made) for name, made in floors.items()}
    plain, whole = values["one caption"], values["with whole"]
    assert (plain["miou"], plain["ap50"], plain["recall"]) == (0, 0, 0)
    assert 0 < whole["miou"] < 0.2
    assert (plain["meteor"], plain["cider"]) == (whole["meteor"], whole["cider"])
    if has_tools:
        assert plain["cider"] < 0.1
    refused = evaluate(task, samples, ConstantPredictor("refuse", options).predict(samples))
    assert (refused["miou"], refused["recall"]) == (0, 0)
    coded = evaluate(task, samples, OraclePredictor("", options, GridCodec("32", options)).predict(samples))
    assert 0.5 < coded["miou"] < 1
    assert coded["unnamed_masks"] == 0
    if protocol == "standard" and has_tools:
        assert coded["meteor"] == 1


def test_mini_names_each_object_once_in_its_caption(mini):
    for split, count in (("val", 12), ("test", 4)):
        records, dropped = read_grandf(mini, split)
        assert (len(records), dropped.counts) == (count, {})
        for record in records:
            assert None not in locate_labels(record.caption, record.labels)
            assert 1 <= record.caption.count(".") == min(3, len(record.labels))
            assert len(record.labels) == len(record.masks)
            centres = [rle.box(mask)[0] + rle.box(mask)[2] for mask in record.masks]
            assert centres == sorted(centres)
