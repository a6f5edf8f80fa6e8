"""mini's dialogues: in SegLLM's form, and every round true of exactly one mask."""

import json
import re
from typing import Any

import numpy as np
import pytest

from samtok_tasks.mini.meaning import EXTREMES
from samtok_tasks.mini.picture import MiniPicture
from samtok_tasks.mini.scene import Scene, SceneObject
from samtok_tasks.mini.textures import COLOURS, PATTERNS
from samtok_tasks.mini.writer import pictures_of, write_file
from samtok_tasks.multi_round import mini as segllm
from samtok_tasks.multi_round.segllm_dialogues import SegLLMReader

CLEAR = 1.2
"""A figure that decides must be so much larger than the next one."""
STEP = 13
"""Pixels that decide about left, right, above and below."""


@pytest.fixture(scope="module")
def pictures() -> list[MiniPicture]:
    return list(pictures_of("val"))


@pytest.fixture(scope="module")
def dialogues(pictures: list[MiniPicture]) -> list[tuple[Scene, list[segllm.MadeRound]]]:
    made = [
        (picture.scene, segllm.dialogue(np.random.default_rng((picture.scene.seed, seed)), picture.scene))
        for picture in pictures
        for seed in range(6)
    ]
    return [(scene, rounds) for scene, rounds in made if rounds]


def fits(item: SceneObject, words: list[str]) -> bool:
    """Whether an object is what some words call it."""
    text = " ".join(words)
    for shape in ("letter a", "letter h", "letter l", "letter t"):
        text = text.replace(shape, shape.replace(" ", "-"))
    for word in text.split():
        if word in COLOURS:
            good = item.colour == word
        elif word in PATTERNS:
            good = item.pattern == word
        elif word in ("small", "large"):
            good = item.size == word
        elif word in ("object", "letter"):
            good = word == "object" or item.shape.startswith("letter")
        else:
            good = item.shape == word.replace("-", " ")
        if not good:
            return False
    return True


def first_by(items: list[SceneObject], word: str) -> SceneObject:
    """The object that is clearly first by a word of EXTREMES."""
    key = {
        "largest": lambda item: item.width,
        "smallest": lambda item: -item.width,
        "leftmost": lambda item: -item.centre[0],
        "rightmost": lambda item: item.centre[0],
        "topmost": lambda item: -item.centre[1],
        "bottommost": lambda item: item.centre[1],
    }[word]
    best, *others = sorted(items, key=key, reverse=True)
    for other in others:
        if word in ("largest", "smallest"):
            assert max(best.width, other.width) >= CLEAR * min(best.width, other.width)
        else:
            assert key(best) - key(other) >= STEP
    return best


def stands(item: SceneObject, relation: str, anchor: SceneObject) -> bool:
    axis = 0 if relation in ("left of", "right of") else 1
    sign = -1 if relation in ("left of", "above") else 1
    along = sign * (item.centre[axis] - anchor.centre[axis])
    aside = abs(item.centre[1 - axis] - anchor.centre[1 - axis])
    assert along <= 3 or (along >= STEP and aside <= 0.8 * along), "borderline"
    return along > 3


def meant(scene: Scene, text: str, earlier: list[SceneObject | None]) -> np.ndarray:
    """The mask that a sentence means, by another reading of it."""
    said = re.fullmatch(r"the (.+?)(?: instance (\d))?", text)
    assert said is not None
    phrase, anchor = said[1], earlier[int(said[2]) - 1] if said[2] else None
    if anchor is None:
        found = [item for item in scene.objects if fits(item, phrase.split())]
    elif part := re.fullmatch(r"(left|right|upper|lower) half of", phrase):
        rows, columns = np.indices(anchor.mask.shape)
        across = columns if part[1] in ("left", "right") else rows
        middle = int(anchor.centre[0 if part[1] in ("left", "right") else 1])
        return anchor.mask & (across < middle if part[1] in ("left", "upper") else across >= middle)
    elif alike := re.fullmatch(r"(?:(\w+) )?other object of the same (colour|shape) as", phrase):
        name = alike[2]
        found = [
            item
            for item in scene.objects
            if item is not anchor and getattr(item, name) == getattr(anchor, name)
        ]
        if alike[1]:
            assert alike[1] in EXTREMES
            assert len(found) > 1
            found = [first_by(found, alike[1])]
    else:
        placed = re.fullmatch(r"(.+) (left of|right of|above|below|nearest to)", phrase)
        assert placed is not None, text
        kind = [item for item in scene.objects if item is not anchor and fits(item, placed[1].split())]
        if placed[2] == "nearest to":
            away = sorted(kind, key=lambda item: np.hypot(*np.subtract(item.centre, anchor.centre)))
            near, next_ = (np.hypot(*np.subtract(item.centre, anchor.centre)) for item in away[:2])
            assert next_ >= CLEAR * near
            found = away[:1]
        else:
            found = [item for item in kind if stands(item, placed[2], anchor)]
    assert len(found) == 1, text
    return found[0].mask


def test_every_round_is_true_of_one_mask(dialogues: Any) -> None:
    seen = set()
    for scene, rounds in dialogues:
        for place, made in enumerate(rounds):
            earlier = [before.item for before in rounds[:place]]
            assert np.array_equal(meant(scene, made.text, earlier), made.mask), made.text
            seen.add(made.kind)
    assert seen == {"none", "relational", "property", "part"}


def test_dialogues_have_two_to_six_rounds_and_no_mask_twice(dialogues: Any) -> None:
    lengths = {len(rounds) for _, rounds in dialogues}
    assert lengths == {2, 3, 4, 5, 6}
    for _, rounds in dialogues:
        assert rounds[0].kind == "none"
        assert len({made.mask.tobytes() for made in rounds}) == len(rounds)
        assert sum(made.kind == "part" for made in rounds) <= 3
        assert all(made.mask.sum() >= 40 for made in rounds)
        for place, made in enumerate(rounds):
            if made.reference is not None:
                assert made.reference <= place
                assert rounds[made.reference - 1].item is not None, "parts are referred to by no round"


def test_the_kinds_are_balanced(dialogues: Any) -> None:
    later = [made.kind for _, rounds in dialogues for made in rounds[1:]]
    shares = {kind: later.count(kind) / len(later) for kind in set(later)}
    assert all(share > 0.08 for share in shares.values()), shares


def test_files_are_read_back(pictures: list[MiniPicture], tmp_path: Any) -> None:
    made = segllm.files(pictures)
    assert list(made) == [
        "segllm/conversations_folder/all_data_mix_val/mr_refcoco_val.json",
        "segllm/annotations_folder/refcoco/instances.json",
    ]
    assert json.dumps(segllm.files(pictures)) == json.dumps(made)
    for path, content in made.items():
        write_file(tmp_path / path, content)
    data = SegLLMReader().read(tmp_path, "refcoco_val")
    assert not data.dropped.counts
    assert len(data.dialogues) > 90
    assert sum(map(len, data.dialogues)) > 300
    for rounds in data.dialogues:
        for asked in rounds:
            masks = [piece for piece in asked.turns[-1] if not isinstance(piece, str)]
            assert len(masks) == (asked.tags["reference"] != "none")


def test_turns_are_of_segllms_form(pictures: list[MiniPicture]) -> None:
    name = pictures[0].file_name
    first = next(iter(segllm.files(pictures).values()))[0]["conversations"]
    assert first[0]["value"].startswith(f"[IMAGE256:coco/train2014/{name}] Segment the ")
    answers = [turn["value"] for turn in first[1::2]]
    for number, turn in enumerate(first[2::2], 2):
        if "ind" not in turn:
            assert "ENCODE" not in turn["value"]
            continue
        id = answers[turn["ind"] - 1].split(":")[3]
        place = f"coco/train2014/{name}|refcoco|{id}]"
        assert turn["value"].startswith(f"[MASK-ENCODE:{place}[BOX-ENCODE:{place} Segment the ")
        assert answers[number - 1].split(":")[2] == id


def test_scenes_of_one_object_and_none_of_a_split(pictures: list[MiniPicture]) -> None:
    alone = next(picture for picture in pictures if len(picture.scene.objects) == 1)
    rounds = segllm.dialogue(np.random.default_rng(0), alone.scene)
    assert {made.kind for made in rounds} <= {"none", "part"}
    assert segllm.files([]) == {}
