"""Expressions against a second reading: the text is parsed and looked up in the masks, without margins."""

import re

import numpy as np
import pytest

from samtok_tasks.mini.expressions import KINDS, NUMBERS, Expression, make_expression, make_expressions
from samtok_tasks.mini.meaning import (
    PLACES,
    RELATIONS,
    Noun,
    describe,
    extreme,
    located,
    related,
    select,
)
from samtok_tasks.mini.scene import Scene, SceneObject, draw_scene
from samtok_tasks.mini.shapes import SHAPES
from samtok_tasks.mini.textures import COLOURS, PATTERNS

SIDE = 192
SCENES = [draw_scene(seed) for seed in range(500, 620)]
PAIRS = [
    (scene, expression)
    for scene in SCENES
    for expression in make_expressions(np.random.default_rng(scene.seed), scene, 12)
]


def mean_of_edges(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return (columns.min() + columns.max() + 1) / 2, (rows.min() + rows.max() + 1) / 2


def of_kind(scene: Scene, phrase: str) -> list[SceneObject]:
    """The objects that a noun phrase names, by its words alone."""
    left = phrase
    wanted: dict[str, str] = {}
    for name, words in (("size", ("small", "large")), ("colour", tuple(COLOURS)), ("pattern", PATTERNS)):
        for word in words:
            if left.startswith(word + " "):
                wanted[name] = word
                left = left[len(word) + 1 :]
    nouns = {form: name for name in (*SHAPES, "letter", "object") for form in (name, name + "s")}
    noun = (nouns | {"crosses": "cross"})[left]
    found = []
    for item in scene.objects:
        shape_fits = noun == "object" or item.shape.startswith(noun)
        size = "small" if item.width < 40 else "large" if item.width > 55 else "neither"
        actual = {"size": size, "colour": item.colour, "pattern": item.pattern}
        if shape_fits and all(actual[name] == word for name, word in wanted.items()):
            found.append(item)
    return found


def at(item: SceneObject, place: str) -> bool:
    x, y = mean_of_edges(item.mask)
    if place == "in the middle":
        return max(abs(x - SIDE / 2), abs(y - SIDE / 2)) < 0.17 * SIDE
    return all(
        {"left": x < SIDE / 2, "right": x > SIDE / 2, "top": y < SIDE / 2, "bottom": y > SIDE / 2}[word]
        for word in place.split()
        if word in ("left", "right", "top", "bottom")
    )


def standing(item: SceneObject, relation: str, anchor: SceneObject) -> bool:
    (x, y), (to_x, to_y) = mean_of_edges(item.mask), mean_of_edges(anchor.mask)
    step = {"left of": to_x - x, "right of": x - to_x, "above": to_y - y, "below": y - to_y}[relation]
    return step > 4


def first_of(items: list[SceneObject], word: str) -> SceneObject:
    measures = {
        "largest": lambda item: -item.mask.sum(),
        "smallest": lambda item: item.mask.sum(),
        "leftmost": lambda item: mean_of_edges(item.mask)[0],
        "rightmost": lambda item: -mean_of_edges(item.mask)[0],
        "topmost": lambda item: mean_of_edges(item.mask)[1],
        "bottommost": lambda item: -mean_of_edges(item.mask)[1],
    }
    return min(items, key=measures[word])


def understood(scene: Scene, text: str) -> list[SceneObject]:
    """What the text means in the scene."""
    if match := re.fullmatch(r"the (.+) and the (.+)", text):
        both = [of_kind(scene, phrase) for phrase in match.groups()]
        assert [len(found) for found in both] == [1, 1], "each half must be unique"
        return [item for found in both for item in found]
    if match := re.fullmatch(rf"(?:the ({'|'.join(NUMBERS)})|(both)) (.+)", text):
        number = NUMBERS.index(match[1]) if match[1] else 2
        found = of_kind(scene, match[3])
        return found if len(found) == number else []
    if match := re.fullmatch(r"(?:all|every) (.+)", text):
        return of_kind(scene, match[1])
    text = text.removeprefix("the ")
    if match := re.fullmatch(r"(largest|smallest|\w+most) (.+)", text):
        return [first_of(of_kind(scene, match[2]), match[1])]
    if match := re.fullmatch(rf"(.+?) ({'|'.join(PLACES)})", text):
        return [item for item in of_kind(scene, match[1]) if at(item, match[2])]
    if match := re.fullmatch(rf"(.+?) ({'|'.join(RELATIONS)}) the (.+)", text):
        (anchor,) = of_kind(scene, match[3])
        others = [item for item in of_kind(scene, match[1]) if item is not anchor]
        if match[2] == "nearest to":
            centre = np.array(mean_of_edges(anchor.mask))
            return [min(others, key=lambda item: np.hypot(*(mean_of_edges(item.mask) - centre)))]
        return [item for item in others if standing(item, match[2], anchor)]
    return of_kind(scene, text)


def test_every_expression_means_its_targets() -> None:
    assert len(PAIRS) > 1000
    for scene, expression in PAIRS:
        indices = sorted(item.index for item in understood(scene, expression.text))
        assert indices == list(expression.targets), f"seed {scene.seed}: {expression}"


def test_singular_phrases_mean_one_object_at_most() -> None:
    plural = re.compile(r"s\b|\ball\b|\bevery\b|\band\b")
    for scene, expression in PAIRS:
        if not plural.search(expression.text.replace("cross ", " ").replace("cross", " ")):
            assert len(expression.targets) <= 1, f"seed {scene.seed}: {expression}"


def test_texts_are_bare_lower_case_phrases() -> None:
    for _, expression in PAIRS:
        assert re.fullmatch(r"[a-z]+( [a-z]+)*", expression.text)
    for scene in SCENES:
        texts = [expression.text for other, expression in PAIRS if other is scene]
        assert len(set(texts)) == len(texts)


def test_every_kind_comes_with_the_targets_that_it_promises() -> None:
    assert {expression.kind for _, expression in PAIRS} == set(KINDS)
    for _, expression in PAIRS:
        assert (not expression.targets) == expression.kind.startswith("no-target")
        if expression.kind in ("attribute", "extreme"):
            assert len(expression.targets) == 1
        if expression.kind in ("counting", "multi"):
            assert len(expression.targets) >= 2
    share = sum(not expression.targets for _, expression in PAIRS) / len(PAIRS)
    assert 0.25 < share < 0.4


def test_absent_things_are_plausible() -> None:
    """The shape or the colour, or the pattern or the size, of what is missing is there."""
    for scene, expression in PAIRS:
        if expression.kind == "no-target-attribute":
            present = {
                word
                for item in scene.objects
                for word in (item.shape, item.colour, item.pattern, item.size)
                if word
            }
            assert any(word in expression.text for word in present), f"seed {scene.seed}: {expression}"


def test_kinds_can_be_chosen() -> None:
    rng = np.random.default_rng(0)
    only = [
        expression
        for scene in SCENES[:20]
        for expression in make_expressions(rng, scene, 3, {"extreme": 1.0})
    ]
    assert {expression.kind for expression in only} == {"extreme"}
    single = draw_scene(0, objects=(1, 1))
    assert make_expression(rng, single, "multi") is None


def thing(index: int, x: int, y: int, width: int = 30, **words: str) -> SceneObject:
    """A filled square around a centre; `width` gives its size word as the scene's ranges do."""
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    half = width // 2
    mask[y - half : y + half, x - half : x + half] = True
    size = "small" if width <= 36 else "large" if width >= 58 else None
    return SceneObject(
        index=index,
        shape=words.get("shape", "square"),
        colour=words.get("colour", "red"),
        pattern=words.get("pattern", "plain"),
        size=size,
        width=float(width),
        mask=mask,
        box=(x - half, y - half, x + half, y + half),
        centre=(float(x), float(y)),
        area=int(mask.sum()),
    )


def test_borderline_sizes_are_never_asked() -> None:
    small, middle, blue = thing(0, 40, 40), thing(1, 120, 40, width=46), thing(2, 40, 120, colour="blue")
    assert select([small, middle, blue], Noun(colour="blue", size="small")) == [blue]
    assert select([small, middle, blue], Noun(colour="red", size="small")) is None
    assert select([small, middle, blue], Noun(colour="red")) == [small, middle]


def test_extremes_need_a_clear_lead() -> None:
    one, other, large = thing(0, 40, 40, 30), thing(1, 50, 120, 34), thing(2, 140, 90, 60)
    assert extreme([one, other, large], "largest") == [large]
    assert extreme([one, other, large], "smallest") is None
    assert extreme([one, other, large], "leftmost") is None  # 10 px apart
    assert extreme([one, other, large], "topmost") == [one]
    assert extreme([], "largest") == []


@pytest.mark.parametrize(
    ("x", "expected"), [(70, "here"), (90, "borderline"), (110, "elsewhere")], ids=lambda value: str(value)
)
def test_places_leave_out_the_middle_line(x: int, expected: str) -> None:
    item = thing(0, x, 40)
    answers = {"here": [item], "borderline": None, "elsewhere": []}
    assert located([item], "on the left") == answers[expected]


def test_relations_by_hand() -> None:
    anchor = thing(0, 96, 96)
    left, slanted, level = thing(1, 40, 100), thing(2, 70, 20), thing(3, 94, 150)
    assert related([anchor, left, level], "left of", anchor) == [left]
    assert related([anchor, slanted], "left of", anchor) is None  # more above than left
    assert related([anchor, slanted, level], "above", anchor) == [slanted]
    assert related([anchor, level], "above", anchor) == []
    assert related([anchor, left, level], "nearest to", anchor) is None  # 56.1 and 54.0 px
    assert related([anchor, left, thing(4, 96, 180)], "nearest to", anchor) == [left]


def test_phrases() -> None:
    noun = Noun("cross", "red", "striped", "small")
    assert noun.phrase() == "small red striped cross"
    assert noun.phrase(plural=True) == "small red striped crosses"
    assert Noun().phrase() == "object"
    assert describe(thing(0, 40, 40, colour="orange", width=46)) == "an orange square"
    assert describe(thing(0, 40, 40, pattern="dotted", width=60)) == "a large red dotted square"


def test_make_expression_is_deterministic() -> None:
    def made() -> list[Expression]:
        return make_expressions(np.random.default_rng(5), SCENES[3], 6)

    assert made() == made()
