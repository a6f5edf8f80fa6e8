"""The multi-round task: prompts, histories, scores."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from segllm_samples import (
    DIALOGUES,
    NAMES,
    SIZES,
    WORDS,
    A,
    ready_rounds,
    rectangle,
    write_root,
    write_rounds,
)

from samtok_bench import registry, rle
from samtok_bench.predictor import Predictor, PredictorOptions
from samtok_bench.predictors.oracle import OraclePredictor
from samtok_bench.running import run as runner
from samtok_bench.running.rescore import rescore
from samtok_bench.sample import ImagePart, Outcome, Prediction, Region, Sample, Text, Turn, prompt_text
from samtok_tasks.mini.writer import SplitPlan, pictures_of, write_file, write_mini
from samtok_tasks.multi_round import mini as segllm
from samtok_tasks.multi_round.task import MultiRound

GOLDEN = Path(__file__).parents[2] / "golden" / "multi_round_prompts.txt"
OWN = {"history": "own"}
REFUSED = Prediction(text="No target.", stop_reason="stop")


def samples(root: Path, **options: Any) -> list[Sample]:
    return MultiRound(**options).samples(root, "refcoco_val").samples


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_root(tmp_path)


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mini")
    pictures = list(pictures_of("val"))
    for path, content in segllm.files(pictures).items():
        write_file(root / path, content)
    return root


# Prompts and samples


def test_prompts_match_the_snapshot(root: Path, tmp_path: Path) -> None:
    made = [
        f"# {data}, {protocol}\n" + "\n\n".join(prompt_text(sample.turns) for sample in chosen)
        for protocol in ("standard", "released")
        for data, chosen in (
            ("dialogues", samples(root, protocol=protocol)),
            ("rounds", samples(write_rounds(tmp_path, ready_rounds()), protocol=protocol, data="rounds")),
        )
    ]
    assert "\n\n".join(made) + "\n" == GOLDEN.read_text()


def test_ground_truth_histories_are_the_target_masks(root: Path) -> None:
    third = samples(root)[2]
    first, second = rectangle(11), rectangle(12)
    assert third.turns == (
        Turn("user", (ImagePart(third.image), Text("Segment a box."))),
        Turn("assistant", (Region(first), Text("."))),
        Turn("user", (Region(first), Text(" Segment the box right of instance 1."))),
        Turn("assistant", (Region(second), Text("."))),
        Turn(
            "user",
            (Text("What is below "), Region(second), Text(" and right of "), Region(first), Text("?")),
        ),
    )
    assert third.target.masks == (rectangle(13),)
    assert third.after == ()


def test_samples_carry_tags_and_stable_ids(root: Path) -> None:
    found = samples(root)
    assert [s.tags for s in found] == [
        {"round": "1", "dataset": "refcoco", "reference": "none"},
        {"round": "2", "dataset": "refcoco", "reference": "relational"},
        {"round": "3", "dataset": "refcoco", "reference": "relational"},
        {"round": "1", "dataset": "refcoco", "reference": "mask"},
    ]
    ids = [s.id for s in found]
    assert len(set(ids)) == 4
    assert ids == [s.id for s in samples(root, protocol="released")]
    own = samples(root, options=OWN)
    assert ids == [s.id for s in own]
    assert [s.after for s in own] == [(), (ids[0],), (ids[0], ids[1]), ()]
    folder = "segllm/images_folder/coco/train2014"
    assert [s.cluster for s in found] == [f"{folder}/{NAMES[k]}" for k in (1, 1, 1, 2)]
    assert [s.size for s in found] == [(80, 120)] * 3 + [(40, 60)]


def test_ids_follow_the_history(root: Path) -> None:
    before = [s.id for s in samples(root)]
    path = root / "segllm/annotations_folder/refcoco/instances.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["segmentation"][0][0] += 1  # the first target
    path.write_text(json.dumps(content))
    after = [s.id for s in samples(root)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, False, True]


def test_later_rounds_than_the_sixth_have_a_tag_together(tmp_path: Path) -> None:
    turns = DIALOGUES[0]["conversations"]
    record = {"conversations": [*turns, *turns[2:], *turns[2:4], *turns[2:4]]}
    tags = [s.tags["round"] for s in samples(write_root(tmp_path, [record]))]
    assert tags == ["1", "2", "3", "4", "5", "6", "7 or later"]


def test_the_released_protocol_takes_the_first_target_and_the_last_mask(tmp_path: Path) -> None:
    record = json.loads(
        json.dumps(DIALOGUES[0]).replace(
            f":11:{A}:refcoco].", f":11:{A}:refcoco] and [MASK-DECODE:none:none:12:{A}:refcoco]."
        )
    )
    root = write_root(tmp_path, [record])
    both, first = samples(root)[0], samples(root, protocol="released")[0]
    assert both.target.masks == (rectangle(11), rectangle(12))
    assert first.target.masks == (rectangle(11),)
    assert both.id == first.id
    answer = Prediction(masks=(rectangle(11),))
    # two boxes of 200 pixels each
    assert MultiRound().score(both, answer)["iou"] == pytest.approx(200 / 400.0001, abs=1e-12)
    assert MultiRound("released").score(first, answer)["iou"] == pytest.approx(200 / 200.00001, abs=1e-12)
    assert MultiRound("released").generation.reading.name == "released-last"
    assert MultiRound().generation.reading.name == "standard"
    assert MultiRound().generation.max_new_tokens == 128


def test_unknown_options_and_ready_rounds_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the option history of the task 'multi_round' is ground-truth, own"):
        MultiRound(options={"history": "none"})
    with pytest.raises(ValueError, match="ready rounds have their history"):
        samples(write_rounds(tmp_path, ready_rounds()), data="rounds", options=OWN)


def test_ready_rounds_are_text(tmp_path: Path) -> None:
    first, second = samples(write_rounds(tmp_path, ready_rounds()), data="rounds", protocol="released")
    assert second.turns == (
        Turn("user", (ImagePart(second.image), Text("Segment a box."))),
        Turn("assistant", (Text(f"{WORDS}."),)),
        Turn("user", (Text(f"{WORDS} Segment the box right of instance 1."),)),
    )
    assert (first.tags, second.tags) == ({"round": "1"}, {"round": "2"})
    assert second.target.masks == (rectangle(12),)
    assert MultiRound("released").score(second, REFUSED)["later"] == 1


@pytest.mark.parametrize("protocol", ["standard", "released"])
def test_the_first_turn_has_no_blanks_at_its_ends(tmp_path: Path, protocol: str) -> None:
    """SAMTok's script: replace("<image>\\n", "").strip(); later turns stay as they are."""
    rounds = ready_rounds()
    for turn in rounds["2"][0]["history"]:  # its first turn is also that of round 1
        turn["value"] += " \n"
    first, second = samples(write_rounds(tmp_path, rounds), data="rounds", protocol=protocol)
    assert first.turns[0].parts[1] == second.turns[0].parts[1] == Text("Segment a box.")
    assert second.turns[1].parts[-1].text.endswith(". \n")


def test_data_status_is_a_glance(root: Path, tmp_path: Path) -> None:
    status = MultiRound().data_status(root)
    assert status.ready
    assert status.detail.endswith("conversations_folder/all_data_mix_val")
    assert not MultiRound(data="rounds").data_status(root).ready
    assert "is missing. Expected" in MultiRound().data_status(tmp_path / "nowhere").detail


# Histories


def asked(root: Path, *earlier: Prediction, place: int = 2) -> tuple[Turn, ...]:
    """The turns of a round when earlier ones were answered so."""
    task = MultiRound(options=OWN)
    sample = task.samples(root, "refcoco_val").samples[place]
    told = task.with_history(sample, earlier)
    assert replace(told, turns=sample.turns) == sample, "only the turns differ"
    return told.turns


def word(first: int, text: str = "It is {}.") -> Prediction:
    said = f"<|mt_start|><|mt_{first:04d}|><|mt_0300|><|mt_end|>"
    return Prediction(text=text.format(said), masks=(rle.full(80, 120),), words=(said,))


def test_own_words_come_back_as_text(root: Path) -> None:
    first, second = word(1), word(2, "{}")
    assert asked(root, first, second)[1:] == (
        Turn("assistant", (Text(first.text),)),
        Turn("user", (Text(first.words[0]), Text(" Segment the box right of instance 1."))),
        Turn("assistant", (Text(second.text),)),
        Turn(
            "user",
            (
                Text("What is below "),
                Text(second.words[0]),
                Text(" and right of "),
                Text(first.words[0]),
                Text("?"),
            ),
        ),
    )


def test_masks_without_words_come_back_as_regions(root: Path) -> None:
    left, right = rle.rectangle(0, 0, 5, 5, 80, 120), rle.rectangle(9, 9, 30, 30, 80, 120)
    first = Prediction(text="ignored", masks=(left, right))
    second = Prediction(masks=(rle.empty(80, 120), right))
    turns = asked(root, first, second)
    assert turns[1] == Turn("assistant", (Region(left), Region(right)))
    assert turns[2].parts[:2] == (Region(left), Region(right))
    assert turns[3] == Turn("assistant", (Region(right),)), "an empty mask cannot be shown"
    assert turns[4].parts[1:3] == (Region(right), Text(" and right of "))


@pytest.mark.parametrize(
    "nothing", [REFUSED, Prediction(outcome=Outcome.MODEL_ERROR, detail="boom"), Prediction(text="<|mt_")]
)
def test_a_reference_to_no_mask_is_nothing(root: Path, nothing: Prediction) -> None:
    turns = asked(root, nothing, place=1)
    assert turns[1:] == (
        Turn("assistant", (Text(nothing.text),)),
        Turn("user", (Text(" Segment the box right of instance 1."),)),
    )


def test_masks_that_no_answer_was_asked_for_stay(tmp_path: Path) -> None:
    turns = DIALOGUES[1]["conversations"]
    again = {"from": "human", "value": turns[0]["value"].split("]", 1)[1]}
    root = write_root(tmp_path, [{"conversations": [*turns, again, turns[1]]}])
    task = MultiRound(options=OWN)
    first, second = task.samples(root, "refcoco_val").samples
    told = task.with_history(second, [Prediction(text="x", words=("x",), masks=(rle.full(40, 60),))])
    assert told.turns[0] == first.turns[0]
    assert told.turns[0].parts[1] == told.turns[2].parts[0] == Region(rectangle(21))


class Recorder(Predictor):
    """Writes words of its own, or plain masks, and remembers what it was asked."""

    summary = "for tests"
    asked: dict[str, tuple[Turn, ...]] = {}  # noqa: RUF012

    def identity(self) -> dict[str, Any]:
        return {"kind": "recorder", "argument": self.argument}

    def predict(self, samples: Any) -> list[Prediction]:
        self.asked.update((sample.id, sample.turns) for sample in samples)
        return [self._answer(sample) for sample in samples]

    def _answer(self, sample: Sample) -> Prediction:
        mask = rle.rectangle(0, 0, len(sample.turns), 3, *sample.size)
        if self.argument == "masks":
            return Prediction(masks=(mask,))
        said = f"<word {len(sample.turns)}>"
        return Prediction(text=f"Here: {said}", masks=(mask,), words=(said,))


class Notes:
    def start(self, what: str, total: int, done: int) -> None:
        pass

    def advance(self, count: int) -> None:
        pass

    def stop(self) -> None:
        pass

    def note(self, text: str) -> None:
        pass


@pytest.fixture
def go(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(registry, "task_class", lambda *_: MultiRound)
    monkeypatch.setattr(
        registry, "predictor_class", lambda model, by="model": (Recorder, model.partition(":")[2])
    )
    for name, (height, width) in zip(NAMES.values(), SIZES.values(), strict=True):
        folder = root / "segllm/images_folder/coco/train2014"
        folder.mkdir(parents=True, exist_ok=True)
        write_file((folder / name).with_suffix(".png"), np.zeros((height, width, 3), np.uint8))
        (folder / name).with_suffix(".png").rename(folder / name)
    Recorder.asked.clear()

    def go(**options: Any) -> runner.RunResult:
        chosen = {"task": "multi_round", "model": "recorder", "data_root": root, "split": "refcoco_val"}
        return runner.run(runner.RunOptions(out=tmp_path / "out", **{**chosen, **options}), Notes())

    return go


def test_a_run_with_ground_truth_history_asks_what_the_samples_say(go: Any, root: Path) -> None:
    go()
    assert Recorder.asked == {sample.id: sample.turns for sample in samples(root)}


def test_a_run_with_its_own_history_is_told_its_words(go: Any, root: Path) -> None:
    result = go(option=("history=own",))
    assert prompt_text(Recorder.asked[samples(root)[2].id]) == "\n".join(
        (
            "user: <image>Segment a box.",
            "assistant: Here: <word 1>",
            "user: <word 1> Segment the box right of instance 1.",
            "assistant: Here: <word 3>",
            "user: What is below <word 3> and right of <word 1>?",
        )
    )
    targets = {rectangle(id)["counts"] for id in (11, 12, 13)}
    shown = {
        part.rle["counts"]
        for turns in Recorder.asked.values()
        for turn in turns
        for part in turn.parts
        if isinstance(part, Region)
    }
    assert not shown & targets, "no target leaks into a history"
    assert result.summary.samples == 4


def test_a_run_with_its_own_history_is_shown_its_masks(go: Any, root: Path) -> None:
    go(model="recorder:masks", option=("history=own",))
    turns = Recorder.asked[samples(root)[2].id]
    first, second = (rle.rectangle(0, 0, k, 3, 80, 120) for k in (1, 3))
    assert turns[1].parts == (Region(first),)
    assert turns[3].parts == (Region(second),)
    assert turns[4].parts[1::2] == (Region(second), Region(first))


# mini


@pytest.mark.parametrize("protocol", ["standard", "released"])
@pytest.mark.parametrize("history", ["ground-truth", "own"])
def test_oracle_and_floors_on_mini_have_the_values_they_must(mini: Path, protocol: Any, history: str) -> None:
    task = MultiRound(protocol, options={"history": history})
    found = task.samples(mini, "refcoco_val").samples
    assert len(found) > 300

    def values(made: list[Prediction]) -> dict[str, float | None]:
        scores = [task.score(s, p) for s, p in zip(found, made, strict=True)]
        return task.summarize(scores, [s.cluster for s in found])

    best = values(OraclePredictor("", PredictorOptions(task.generation)).predict(found))
    assert set(best) == {info.id for info in task.metrics}
    for id, value in best.items():
        assert value == pytest.approx(1, abs=1e-5), id
    floors = {name: values([task.floors(s)[name] for s in found]) for name in ("refuse", "whole")}
    assert floors["refuse"]["ciou_later"] == floors["refuse"]["miou"] == floors["refuse"]["answered"] == 0
    shares = [rle.area(s.target.masks[0]) / np.prod(s.size) for s in found]
    assert floors["whole"]["miou"] == pytest.approx(np.mean(shares), abs=1e-6)
    assert floors["whole"]["answered"] == 1


def test_a_whole_run_on_mini(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "mini"
    plans = {"val": SplitPlan(first_seed=2_000_000, images=30, expressions=72)}
    write_mini(root, plans=plans)
    for path, content in segllm.files(list(pictures_of("val", plans))).items():
        write_file(root / path, content)
    monkeypatch.setattr(registry, "task_class", lambda *_: MultiRound)
    options = runner.RunOptions(
        task="multi_round", model="oracle:grid16", data_root=root, limit=40, option=("history=own",)
    )
    result = runner.run(replace(options, out=tmp_path / "out"), Notes())
    assert result.summary.outcomes["ok"] == 40
    assert 0.5 < (result.summary.metric("ciou_later").value or 0) < 1
    assert set(result.summary.breakdown) == {"round", "dataset", "reference"}
    before = (result.folder / "summary.json").read_bytes()
    assert (rescore(result.folder, Notes()).folder / "summary.json").read_bytes() == before
