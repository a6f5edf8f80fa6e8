"""Training questions about regions."""

import numpy as np

from samtok_tasks.lessons.regions import (
    choice_question,
    lookup_question,
    neighbour_question,
    open_question,
    relation_lookup_question,
)
from samtok_tasks.mini.meaning import related, side_of
from samtok_tasks.mini.scene import draw_scene

SCENES = [draw_scene(seed, objects=(2, 6)) for seed in range(25)]


def asked_objects(scene, parts):
    """The objects of the masks in a question or answer."""
    masks = [part for part in parts if not isinstance(part, str)]
    return [next(item for item in scene.objects if item.mask is mask) for mask in masks]


def truth(question, scene, items):
    """What a region question asks, worked out from the scene."""
    if "relationship" in question:
        return side_of(*items[:2])
    return next(
        getattr(items[0], name)
        for name, word in (("colour", "color"), ("shape", "shape"), ("pattern", "pattern"))
        if f"the {word} of" in question
    )


def test_open_questions_are_answered_by_the_scene():
    kinds = set()
    for seed, scene in enumerate(SCENES):
        question, answer = open_question(np.random.default_rng(seed), scene)
        items = asked_objects(scene, question)
        right = truth(question[0], scene, items)
        said = "".join(part for part in answer if isinstance(part, str))
        assert right in said.lower()
        kinds.add(question[0])
    assert len(kinds) == 4


def test_choices_hold_one_right_answer_behind_its_letter():
    letters, counts = set(), set()
    for seed in range(60):
        scene = SCENES[seed % len(SCENES)]
        question, (letter,) = choice_question(np.random.default_rng(seed), scene)
        text = "".join(part if isinstance(part, str) else "#" for part in question)
        options = text.partition("Options:\n")[2].splitlines()[:-1]
        right = truth(question[0], scene, asked_objects(scene, question))
        assert [option[0] for option in options if right in option.lower().split(". ", 1)[1]] == [letter]
        letters.add(letter)
        counts.add(len(options))
    assert letters == set("ABCD")
    assert counts == {2, 3, 4}


def test_lookups_ask_for_the_letter_of_a_word():
    for seed in range(20):
        (question,), (letter,) = lookup_question(np.random.default_rng(seed), SCENES[seed])
        word = question.partition("says ")[2].partition("?")[0]
        options = question.partition("Options:\n")[2].splitlines()[:-1]
        assert [option[0] for option in options if option[3:].lower() == f"{word}."] == [letter]


def test_lookups_of_relations_ask_for_the_letter_of_a_sentence():
    letters = set()
    for seed in range(40):
        exchange = relation_lookup_question(np.random.default_rng(seed), SCENES[seed % len(SCENES)])
        if exchange:
            question, (letter,) = exchange
            first, second = (part for part in question[:4] if not isinstance(part, str))
            text = "".join("#" if part is first else "@" if part is second else part for part in question)
            sentence = text.partition("says ")[2].partition("?")[0]
            options = text.partition("Options:\n")[2].splitlines()[:-1]
            assert sentence.startswith("#")
            assert sentence.endswith("@")
            assert [option[0] for option in options if option[3:] == f"{sentence}."] == [letter]
            letters.add(letter)
    assert letters == set("ABCD")


def test_neighbours_are_the_nearest():
    found = [neighbour_question(np.random.default_rng(1), scene) for scene in SCENES]
    for scene, exchange in zip(SCENES, found, strict=True):
        if exchange:
            (item,), (near,) = (asked_objects(scene, parts) for parts in exchange)
            assert related(scene.objects, "nearest to", item) == [near]
    assert sum(exchange is not None for exchange in found) > 10
