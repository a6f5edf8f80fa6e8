"""A task's samples as training dialogues."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samtok_bench import rle
from samtok_bench.sample import ImagePart, Region, Sample, Target, Text, Turn, View, question
from samtok_bench.task import Dropped
from samtok_tasks.dialogues import draw_dialogue, exchanges, pictures
from samtok_tasks.gres.task import GRES
from samtok_tasks.refcocog_caption.task import RefCOCOgCaption

LEFT, RIGHT = rle.rectangle(0, 0, 2, 2, 4, 6), rle.rectangle(4, 1, 6, 4, 4, 6)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    Image.new("RGB", (6, 4), "red").save(path := tmp_path / "a.png")
    return path


def sample(image: Path, text: str, target: Target, **more: object) -> Sample:
    return replace(
        Sample(id=text, image=image, size=(4, 6), turns=question(image, text), cluster="", target=target),
        **more,
    )


def text(parts: object) -> str:
    return "".join(part if isinstance(part, str) else f"[{int(part.sum())}]" for part in parts)


def test_masks_are_said_from_left_to_right_and_in_their_places(image: Path) -> None:
    both = sample(image, "Both?", Target((RIGHT, LEFT)))
    none = sample(image, "None?", Target())
    placed = sample(image, "All?", Target.in_turns(["", " and ", "."], (RIGHT, LEFT)))
    said = [text(answer) for one in (both, none, placed) for _, answer in exchanges(one)]
    assert said == ["[4], [6]", "No target.", "[6] and [4]."]


def test_a_dialogue_of_rounds_is_taught_whole_and_alone(image: Path) -> None:
    first = sample(image, "Where?", Target((LEFT,)))
    turns = (
        *first.turns,
        Turn("assistant", (Region(LEFT),)),
        Turn("user", (Text("Right of "), Region(LEFT))),
    )
    second = sample(image, "", Target((RIGHT,)), turns=turns)
    [picture] = pictures(GRES(), [first, second], 10, Dropped())
    assert picture.samples == (second,)
    dialogue = draw_dialogue(picture, np.random.default_rng(0), 4)
    assert not dialogue["apart"]
    assert [(text(q), text(a)) for q, a in dialogue["turns"]] == [("Where?", "[4]"), ("Right of [4]", "[6]")]


def test_an_image_is_asked_several_questions_apart(image: Path) -> None:
    asked = [sample(image, f"{number}?", Target()) for number in range(5)]
    [picture] = pictures(GRES(), asked, 10, Dropped())
    dialogue = draw_dialogue(picture, np.random.default_rng(0), 3)
    assert dialogue["apart"]
    assert dialogue["image"].shape == (4, 6, 3)
    assert len({text(q) for q, _ in dialogue["turns"]}) == 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"after": ("1",)}, "the model's own answers"),
        ({"target": Target((LEFT,) * 3)}, "answers of more than 2 masks"),
        ({"target": Target((rle.empty(4, 6),))}, "an empty mask"),
        ({"turns": (Turn("user", (ImagePart(Path("a"), View((0, 0, 2, 2))),)),)}, "a part of one"),
    ],
)
def test_what_cannot_be_taught_is_counted(image: Path, changes: dict[str, object], reason: str) -> None:
    dropped = Dropped()
    good = sample(image, "Good?", Target())
    [picture] = pictures(GRES(), [good, replace(sample(image, "Bad?", Target()), **changes)], 2, dropped)
    assert picture.samples == (good,)
    [line] = dropped.lines()
    assert reason in line
    assert "sample Bad?" in line


def test_a_caption_without_a_reference_teaches_no_refusal(image: Path) -> None:
    dropped = Dropped()
    assert pictures(RefCOCOgCaption(), [sample(image, "What?", Target())], 2, dropped) == []
    assert dropped.counts == {"questions without a reference answer": 1}
