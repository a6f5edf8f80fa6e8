import itertools

import numpy as np
import pytest

from samtok_tasks.mini.scene import Scene, draw_scene
from samtok_tasks.mini.training import (
    LIST_QUESTION,
    NO_TARGET_ANSWER,
    POINT_CELLS,
    TRAINING_SEEDS,
    _clear_cells,
    dialogues,
    regions,
)
from samtok_tasks.mini.writer import SPLITS


def take(stream, count):  # type: ignore[no-untyped-def]
    return list(itertools.islice(stream, count))


def masks_of(parts) -> list[np.ndarray]:  # type: ignore[no-untyped-def]
    return [part for part in parts if not isinstance(part, str)]


def text_of(parts) -> str:  # type: ignore[no-untyped-def]
    return "".join(part if isinstance(part, str) else "@" for part in parts)


def same_stream(one, other) -> bool:  # type: ignore[no-untyped-def]
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_regions_have_the_promised_shapes() -> None:
    for image, masks in take(regions(0, size=96, masks=9), 30):
        assert image.shape == (96, 96, 3)
        assert image.dtype == np.uint8
        assert masks.shape == (9, 96, 96)
        assert masks.dtype == bool
        assert masks.any(axis=(1, 2)).all(), "no mask is empty"


def test_regions_are_set_by_their_seed() -> None:
    one, same, other = (take(regions(seed, masks=2), 3) for seed in (1, 1, 2))
    assert all(same_stream(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0][0], other[0][0])


def test_objects_come_once_before_any_comes_again() -> None:
    for _, masks in take(regions(3, masks=7, objects=(3, 7), kinds={"object": 1}), 10):
        different = {mask.tobytes() for mask in masks}
        first = masks[: len(different)]
        assert len({mask.tobytes() for mask in first}) == len(different)
        assert first.sum(axis=0).max() == 1


def test_kinds_of_regions() -> None:
    def both(kind: str):  # type: ignore[no-untyped-def]
        """The same scenes as single objects, and by this kind."""
        objects = take(regions(4, masks=7, objects=(2, 7), kinds={"object": 1}), 30)
        others = take(regions(4, masks=7, objects=(2, 7), kinds={kind: 1}), 30)
        assert np.array_equal(objects[0][0], others[0][0])
        return objects[0][1], others[0][1]

    objects, backgrounds = both("background")
    assert np.array_equal(backgrounds[0], ~objects.any(axis=0))
    objects, parts = both("part")
    for whole, part in zip(objects, parts, strict=True):
        assert not (part & ~whole).any()
        assert 0.2 * whole.sum() <= part.sum() < whole.sum()
    objects, groups = both("group")
    for whole, group in zip(objects, groups, strict=True):
        assert (group & whole).sum() == whole.sum(), "a group contains its object"
        rest = group & ~np.logical_or.reduce([mask for mask in objects if (mask & ~group).sum() == 0])
        assert not rest.any(), "and is made of whole objects"


def test_training_never_draws_an_evaluation_scene() -> None:
    highest = max(plan.first_seed for plan in SPLITS.values()) + 1_000_000
    assert highest < TRAINING_SEEDS


@pytest.mark.parametrize(
    "options",
    [{"masks": 0}, {"kinds": {"objects": 1}}, {"kinds": {"object": 0}}, {"kinds": {"object": 1, "part": -1}}],
    ids=["none", "unknown", "weightless", "negative"],
)
def test_impossible_regions(options) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"masks|kinds"):
        next(regions(0, **options))


def test_dialogues_hold_alternating_parts() -> None:
    answers = []
    for dialogue in take(dialogues(0, size=96), 40):
        assert dialogue["image"].shape == (96, 96, 3)
        assert 1 <= len(dialogue["turns"]) <= 6
        questions = []
        for question, answer in dialogue["turns"]:
            for mask in masks_of(question + answer):
                assert mask.shape == (96, 96)
                assert mask.dtype == bool
                assert mask.any()
            questions.append((text_of(question), *(mask.tobytes() for mask in masks_of(question))))
            answers.append(text_of(answer))
        assert len(set(questions)) == len(questions), "no question comes twice"
    assert NO_TARGET_ANSWER in answers
    assert any(answer.startswith("@, @") for answer in answers)


def test_dialogues_are_set_by_their_seed() -> None:
    def said(seed: int) -> list[str]:
        return [text_of(part) for talk in take(dialogues(seed), 3) for turn in talk["turns"] for part in turn]

    assert said(5) == said(5) != said(6)


def test_several_targets_go_from_left_to_right() -> None:
    for dialogue in take(dialogues(1, objects=(4, 7), kinds={"multi": 1, "counting": 1}), 30):
        for question, answer in dialogue["turns"]:
            assert text_of(question).startswith("Please segment ")
            masks = masks_of(answer)
            assert text_of(answer) == ", ".join("@" * len(masks))
            assert len(masks) >= 2
            columns = [np.flatnonzero(mask.any(axis=0)) for mask in masks]
            centres = [(column[0] + column[-1]) / 2 for column in columns]
            assert centres == sorted(centres)


def test_list_names_every_object_row_by_row() -> None:
    for dialogue in take(dialogues(2, objects=(2, 7), turns=1, kinds={"list": 1}), 20):
        ((question, answer),) = dialogue["turns"]
        assert question == [LIST_QUESTION]
        assert text_of(answer).count("@") == text_of(answer).count(",") + 1
        rows = [np.flatnonzero(mask.any(axis=1)) for mask in masks_of(answer)]
        bands = [int((row[0] + row[-1] + 1) / 2 // 48) for row in rows]
        assert bands == sorted(bands)


def test_describe_asks_for_a_region() -> None:
    for dialogue in take(dialogues(3, objects=(1, 1), turns=3, kinds={"describe": 1}), 10):
        ((question, answer),) = dialogue["turns"]  # one object allows one question
        assert text_of(question) == "What is @?"
        assert text_of(answer).startswith(("a ", "an "))
        assert text_of(answer).endswith(".")


def test_points_lie_in_the_object_that_is_named() -> None:
    cell = 192 // POINT_CELLS
    asked = 0
    for dialogue in take(dialogues(4, kinds={"point": 1}), 30):
        for question, answer in dialogue["turns"]:
            column, row = (int(word) for word in text_of(question)[len("What is at ") : -1].split(", "))
            (mask,) = masks_of(answer)
            inside = mask[(row - 1) * cell : row * cell, (column - 1) * cell : column * cell].sum()
            assert inside >= 0.5 * cell**2 or inside >= 0.5 * mask.sum()
            asked += 1
    assert asked > 30


def test_clear_cells_by_hand() -> None:
    scene = draw_scene(0, objects=(1, 1))
    item = scene.objects[0]
    item.mask[:] = False
    item.mask[32:64, 64:96] = True  # all of row 1, column 2
    full = type(item)(**{**vars(item), "area": 1024})
    assert _clear_cells(Scene(0, scene.image, (full,), "noise")) == [(2, 1, full)]


def test_a_curriculum_starts_with_one_object() -> None:
    for dialogue in take(dialogues(5, objects=(1, 1), turns=2, kinds={"attribute": 1}), 10):
        for _, answer in dialogue["turns"]:
            assert len(answer) == 1
            assert not isinstance(answer[0], str)


@pytest.mark.parametrize(
    "options",
    [{"turns": 0}, {"prompt": "Segment it."}, {"kinds": {"refer": 1}}],
    ids=["turns", "prompt", "kinds"],
)
def test_impossible_dialogues(options) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=next(iter(options))):
        next(dialogues(0, **options))
