"""The scene graph task: how answers are read, on a small PSG root and on mini."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from psg_samples import psg

from samtok.words import marks
from samtok_bench import rle
from samtok_bench.codecs.run_length import CocoRunCodec, RunCodec
from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.reading import Mark
from samtok_bench.sample import MASK_PLACE, Outcome, Prediction, Region, Sample, Target, prompt_text
from samtok_tasks.mini.meaning import SIDES, related
from samtok_tasks.mini.picture import IMAGE_FOLDER, MiniPicture
from samtok_tasks.mini.scene import draw_scene
from samtok_tasks.scene_graph import mini as mini_psg
from samtok_tasks.scene_graph.answers import GRAPH, GraphAnswer, read_graph, write_graph
from samtok_tasks.scene_graph.reader import read_psg
from samtok_tasks.scene_graph.task import SceneGraph

GOLDEN = Path(__file__).parents[2] / "golden" / "scene_graph_prompts.txt"
OPTIONS = PredictorOptions(SceneGraph().generation)
MASKS = tuple(rle.rectangle(k, 0, k + 1, 4, 4, 6) for k in range(6))
WORDS = tuple(f"<|mt_start|><|mt_{k:04d}|><|mt_{256 + k:04d}|><|mt_end|>" for k in range(6))


@pytest.fixture
def root(tmp_path) -> Path:
    return psg(tmp_path)


@pytest.fixture(scope="module")
def mini(tmp_path_factory) -> Path:
    """A part of mini, whose images no test opens but that of codecs."""
    root = tmp_path_factory.mktemp("mini")
    pictures = [MiniPicture(k + 1, "val", draw_scene(2_000_000 + k), []) for k in range(24)]
    pictures.append(MiniPicture(25, "train", draw_scene(1_000_003), []))
    for path, content in mini_psg.files(pictures).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".png"):
            Image.fromarray(content).save(root / path)
        else:
            (root / path).write_text(json.dumps(content))
    (root / IMAGE_FOLDER).mkdir(parents=True)
    for picture in pictures:
        Image.fromarray(picture.scene.image).save(root / IMAGE_FOLDER / picture.file_name)
    return root


def said(text: str, count: int = 6, **more) -> Prediction:
    """An answer with so many masks, {0} for the words of the first."""
    return Prediction(text=text, masks=MASKS[:count], words=WORDS[:count], **more)


def filled(pieces: Sequence[str]) -> str:
    return "".join(a + b for a, b in zip(pieces, [*WORDS[: len(pieces) - 1], ""], strict=True))


def test_prompts_match_the_snapshot(root):
    shown = []
    for prompt in SceneGraph.option_values["prompt"]:
        sample = SceneGraph(options={"prompt": prompt}).samples(root, "test").samples[0]
        shown.append(f"# {prompt}\n{prompt_text(sample.turns)}\n\n{sample.target.text}\n")
    assert "\n".join(shown) == GOLDEN.read_text()


def test_samples_carry_targets_tags_and_stable_ids(root):
    task = SceneGraph()
    first, second = task.samples(root, "test").samples
    assert first.cluster == "coco/train2017/000000000007.jpg"
    assert [mask["counts"] for mask in first.target.masks[:2]] == [
        mask["counts"] for mask in first.target.masks[4:]
    ]
    assert len(first.target.masks) == 2 * len(first.truth.triplets) == 6
    assert first.tags == {"relations": "1 to 3", "between": "things and stuff"}
    assert second.tags == {"relations": "1 to 3", "between": "things"}
    assert first.truth.vocabulary.predicates == ("over", "on back of")
    ids = {task.samples(root, "test").samples[0].id for task in map(SceneGraph, ("standard", "released"))}
    assert ids == {first.id}
    assert SceneGraph(options={"prompt": "open"}).samples(root, "test").samples[0].id != first.id
    assert task.samples(root, "test").dropped.counts == {
        "repeated relations": 1,
        "images without relations": 1,
    }


def test_given_regions_come_with_their_labels(root):
    sample = SceneGraph(options={"prompt": "given"}).samples(root, "test").samples[0]
    regions = [part.rle for part in sample.turns[1].parts if isinstance(part, Region)]
    assert [rle.area(mask) for mask in regions] == [8, 1, 6]


def test_an_answer_is_read_back():
    names = [("person", "riding", "horse"), ('a "quoted" name', "über", "sky-other-merged")]
    got = read_graph(said(filled(write_graph(names)), 4))
    assert [triplet.names for triplet in got.triplets] == names
    assert [mask for triplet in got.triplets for mask in triplet.masks] == list(MASKS[:4])
    assert (got.malformed, got.loose_masks) == (0, 0)


A, B = '{"mask_2d": "<0>", "label": "a"}', '{"mask_2d": "<1>", "label": "b"}'
RECORD = f'{{"subject": {A}, "predicate": "on", "object": {B}}}'
NEXT = RECORD.replace("<0>", "<2>").replace("<1>", "<3>")


@pytest.mark.parametrize(
    ("text", "triplets", "malformed", "loose"),
    [
        ("", 0, 0, 0),
        ("There is a cat <0>.", 0, 0, 1),
        (f"Here: {RECORD} and {NEXT}", 2, 0, 0),
        # cut: the first is kept, the mask of the second belongs to nothing
        (f'```json\n[{RECORD},\n{{"subject": {{"mask_2d": "<2>", "la', 1, 1, 1),
        # broken: what is inside is no record, what comes next is
        (f'[{{"subject": {A}, "predicate": "on" "object": {B}}},\n{NEXT}]', 1, 1, 2),
        # keys in any order, and a mask too many
        (
            '{"object": {"label": "b", "mask_2d": "<0><1>"}, "predicate": " on", "subject": {"label": "a "}}',
            1,
            0,
            1,
        ),
        ('{"subject": "a", "predicate": "on", "object": "b"}', 0, 1, 0),
        ('{"subject": {"label": "a"}, "predicate": 3, "object": {"label": "b"}}', 0, 1, 0),
        ('{"subject": {"label": "a", "mask_2d": 7}, "predicate": "on", "object": {"label": ["b"]}}', 0, 1, 0),
        (f"[{A}, {B}]", 0, 2, 2),
        ("{" * 3000 + '"a', 0, 1, 0),
        ('{"a":' * 3000, 0, 1, 0),
        ("[" * 3000 + "{}", 0, 1, 0),
    ],
)
def test_what_answers_may_look_like(text, triplets, malformed, loose):
    count = max((k + 1 for k in range(6) if f"<{k}>" in text), default=0)
    for k, word in enumerate(WORDS):
        text = text.replace(f"<{k}>", word)
    got = read_graph(said(text, count))
    assert (len(got.triplets), got.malformed, got.loose_masks) == (triplets, malformed, loose)
    assert all(triplet.names == ("a", "on", "b") for triplet in got.triplets)


def test_masks_are_told_apart_by_their_order_alone():
    text = MASK_PLACE.join(write_graph([("a", "on", "b"), ("b", "on", "a")]))
    got = read_graph(Prediction(text=text, masks=MASKS[:4], words=(MASK_PLACE,) * 4))
    assert [mask for triplet in got.triplets for mask in triplet.masks] == list(MASKS[:4])
    lost = read_graph(Prediction(text=text, masks=MASKS, words=(MASK_PLACE,) * 4))
    assert lost.loose_masks == 2
    odd = read_graph(Prediction(text="\ue0009\ue001" + text, masks=MASKS[:1], words=(MASK_PLACE,)))
    assert odd.triplets[0].masks == (MASKS[0], None)


@pytest.mark.parametrize("escape", [r"\ue000", r"\uE000", "\\u\ue000e000"])
def test_an_answer_cannot_write_our_marks(escape):
    """Escaped in JSON they come back when it is read: mask 0 twice, or one that is not there."""
    forged = f'"{escape}0\\ue001", "label": "a"'
    text = f'{{"subject": {{"mask_2d": {forged}}}, "predicate": "on", "object": {{"mask_2d": {forged}}}}}'
    got = read_graph(Prediction(text=text + MASK_PLACE, masks=MASKS[:1], words=(MASK_PLACE,)))
    assert [triplet.masks for triplet in got.triplets] in ([], [(None, None)])
    assert got.loose_masks == 1
    beyond = read_graph(Prediction(text=text.replace("0\\ue001", "99\\ue001")))
    assert [triplet.masks for triplet in beyond.triplets] in ([], [(None, None)])
    # a backslash of its own is none of an escape
    label = "".join(write_graph([(r"\ue000", "on", "b")]))
    assert read_graph(Prediction(text=label)).triplets[0].subject == r"\ue000"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ['{"subject":', '"label": "a"', '"mask_2d": "', "}", "{", "[", '"', ",", "\ue000", *WORDS]
        )
    ),
    st.integers(0, 6),
)
def test_no_answer_raises_and_no_mask_is_lost(pieces, count):
    got = read_graph(said("".join(pieces), count))
    used = sum(mask is not None for triplet in got.triplets for mask in triplet.masks)
    assert used + got.loose_masks == count


def test_answers_that_failed_score_nothing(root):
    task = SceneGraph()
    sample = task.samples(root, "test").samples[0]
    (right,) = OraclePredictor("", OPTIONS).predict([sample])
    for outcome, hits in ((Outcome.MODEL_ERROR, 0), (Outcome.TRUNCATED, 3), (Outcome.PARSE_ERROR, 3)):
        assert task.score(sample, replace(right, outcome=outcome))["hits"] == hits


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_the_oracle_reaches_the_maximum_on_mini(mini, protocol):
    task = SceneGraph(protocol)
    read = task.samples(mini, "test")
    samples, shared = read.samples, read.shared

    def values(predictions):
        scores = [task.score(s, p) for s, p in zip(samples, predictions, strict=True)]
        return task.summarize(scores, [s.cluster for s in samples]) | dict(
            task.corpus(samples, predictions, shared)
        )

    best = values(OraclePredictor("", OPTIONS).predict(samples))
    for info in task.metrics:
        if info.direction != "none":
            assert best[info.id] == (1 if info.direction == "higher" else 0), info.id
    floors = {name: values([task.floors(s)[name] for s in samples]) for name in ("empty", "most frequent")}
    assert floors["empty"]["r20"] == (0 if protocol == "standard" else None)
    assert floors["empty"]["no_graph"] == 1
    assert floors["most frequent"]["listed"] == 1
    assert floors["most frequent"]["no_graph"] == floors["most frequent"]["unknown"] == 0
    # no object of mini covers half of the image
    assert floors["most frequent"]["r20"] == 0


@pytest.mark.parametrize("codec", [RunCodec, CocoRunCodec])
def test_words_of_any_codec_are_found(mini, codec):
    task = SceneGraph()
    samples = task.samples(mini, "test").samples[:6]
    options = PredictorOptions(task.generation)
    for sample, made in zip(
        samples, OraclePredictor("", options, codec("", options)).predict(samples), strict=True
    ):
        assert MASK_PLACE not in made.text
        assert task.score(sample, made)["recall_20"] == 1


def test_mini_states_what_is_clear_in_its_own_words(mini):
    data = read_psg(mini, "test")
    assert data.predicates == SIDES
    assert len(data.images) + data.dropped.counts["images without relations"] == 24
    assert {segment.label for image in data.images for segment in image.segments} & set(data.stuff)
    assert all(len(image.relations) <= 7 for image in data.images)
    assert len(read_psg(mini, "train").images) == 1


def test_relations_of_mini_are_true_and_the_masks_are_the_scene():
    for seed in range(2_000_000, 2_000_030):
        scene = draw_scene(seed)
        for subject, object, predicate in mini_psg.relations(scene):
            item, near = scene.objects[subject], scene.objects[object]
            assert related(scene.objects, "nearest to", item) == [near]
            axis, sign = ((0, -1), (0, 1), (1, -1), (1, 1))[predicate]
            assert sign * (item.centre[axis] - near.centre[axis]) > 0
    files = mini_psg.files([MiniPicture(1, "val", scene, [])])
    (png,) = (content for path, content in files.items() if path.endswith(".png"))
    ids = png.astype(int) @ [1, 256, 65536]
    records = files["psg/psg.json"]["data"][0]["segments_info"]
    assert set(np.unique(ids)) == {record["id"] for record in records}
    assert all((ids == record["id"]).sum() == record["area"] for record in records)


def test_data_status_is_a_glance(root):
    task = SceneGraph()
    assert task.data_status(root).detail == f"no images below {root / 'coco'}"
    (root / "coco/train2017").mkdir()
    (root / "coco/train2017/000000000007.jpg").touch()
    assert task.data_status(root).ready
    assert "the official file has 56 predicates and 2,186 test images" in task.data_status(root).detail
    (root / "psg/psg.json").unlink()
    assert "psg.json is missing" in task.data_status(root).detail


def test_prompts_are_options_and_no_data_formats():
    with pytest.raises(ValueError, match=r"'open' is no data format .*: use --option prompt=open"):
        SceneGraph(data="open")
    with pytest.raises(ValueError, match=r"the option prompt .* is candidates, open, given, not 'closed'"):
        SceneGraph(options={"prompt": "closed"})


def test_a_target_without_relations_has_no_place():
    assert Target.in_turns(write_graph([]), ()).text == "```json\n[]\n```"


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_a_label_that_looks_like_our_own_mark_is_a_label(protocol):
    names = [(MASK_PLACE, "on", "a"), (f"{MASK_PLACE}2", WORDS[0], "b")]
    target = Target.in_turns(write_graph(names), MASKS[:4])
    asked = Sample("id", Path("none.png"), (4, 6), (), "c", target)
    (made,) = OraclePredictor("", OPTIONS).predict([asked])
    got = read_graph(made, protocol)
    assert [triplet.names for triplet in got.triplets] == names
    assert [mask for triplet in got.triplets for mask in triplet.masks] == list(MASKS[:4])


def group(first: str, second: str = "") -> str:
    return f"<|mt_start|>{first}{second}<|mt_end|>"


def released(text: str) -> tuple[list[tuple[int, int]], list[str], GraphAnswer]:
    """Codes and faults of the released reading, and the graph, whose masks are told by their codes."""
    masks, faults = GRAPH.read(text, [Mark(*mark) for mark in marks(text)])
    made = Prediction(
        text=text,
        masks=tuple(rle.rectangle(0, 0, *mask.codes, 300, 300) for mask in masks),
        words=tuple(text[mask.start : mask.end] for mask in masks),
    )
    codes = [mask.codes for mask in masks]
    return codes, [text[fault.start : fault.end] for fault in faults], read_graph(made, "released")


SEVEN, NINE, SECOND = "<|mt_0007|>", "<|mt_0009|>", "<|mt_0300|>"


@pytest.mark.parametrize(
    ("field", "codes", "faults"),
    [
        (group(SEVEN, SECOND), (7, 44), []),
        # of two groups the last
        (group(NINE, SECOND) + group(SEVEN, "<|mt_0301|>"), (7, 45), [f"{NINE}{SECOND}"]),
        # a missing second code is row 0 of its codebook
        (group(SEVEN), (7, 0), [SEVEN]),
        (f"the {SEVEN}, cut", (7, 0), [SEVEN]),
        # levels are told by the codes and not by the order
        (group(SECOND, SEVEN), (7, 44), []),
        (group(SECOND), None, [SECOND]),
        ("none", None, []),
        # the script stops at a code that no codebook has: it is dropped
        (group(SEVEN, "<|mt_0600|>"), (7, 0), [SEVEN, "<|mt_0600|>"]),
    ],
)
def test_the_released_reading_takes_the_last_code_of_each_level_of_a_field(field, codes, faults):
    other = {"mask_2d": group(NINE, SECOND), "label": "b"}
    record = {"subject": {"mask_2d": field, "label": "a"}, "predicate": "on", "object": other}
    found, wrong, graph = released(json.dumps([record]))
    assert found == [*([codes] if codes else []), (9, 44)]
    assert wrong == faults
    (triplet,) = graph.triplets
    assert triplet.subject_mask == (rle.rectangle(0, 0, *codes, 300, 300) if codes else None)
    assert triplet.object_mask == rle.rectangle(0, 0, 9, 44, 300, 300)
    assert (graph.malformed, graph.loose_masks) == (0, 0)


def test_the_released_reading_looks_at_nothing_but_fields():
    words = group(SEVEN, SECOND)
    side = {"label": words, "mask_2d": words}
    text = f"A person {words} here: " + json.dumps([{"subject": side, "predicate": "on", "object": side}])
    found, wrong, graph = released(text)
    assert found == [(7, 44)] * 2
    assert wrong == [f"{SEVEN}{SECOND}"] * 3
    (triplet,) = graph.triplets
    assert triplet.names == (words, "on", words)
    assert None not in triplet.masks


def test_each_protocol_has_its_reading():
    assert SceneGraph().generation.reading.name == "standard"
    assert SceneGraph("released").generation.reading.name == "released-graph"
