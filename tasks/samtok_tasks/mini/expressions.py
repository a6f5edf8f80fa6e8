"""Referring expressions about a scene, each true of exactly the objects it names.

Every phrase is evaluated against the scene before it is given out, see samtok_tasks.mini.meaning. One about
something borderline is never asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from samtok_tasks.mini.meaning import EXTREMES, PLACES, RELATIONS, Noun, extreme, located, related, select
from samtok_tasks.mini.scene import Scene, SceneObject, patterns_of
from samtok_tasks.mini.shapes import LETTERS, SHAPES
from samtok_tasks.mini.textures import COLOURS

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven")


@dataclass(frozen=True)
class Expression:
    """A phrase with the objects it means."""

    text: str
    """Lower case, no final point."""
    targets: tuple[int, ...]
    """Indices of the objects in the scene, ascending; empty where the phrase fits nothing."""
    kind: str
    """One of KINDS."""


# Makers: each tries once to say something true about the scene


def _attribute(rng: np.random.Generator, scene: Scene) -> Expression | None:
    noun = _noun(rng, _any(rng, scene))
    found = select(scene.objects, noun)
    if noun == Noun() or found is None or len(found) != 1:
        return None
    return _said(_the(rng, noun.phrase()), found, "attribute")


def _extreme(rng: np.random.Generator, scene: Scene) -> Expression | None:
    noun = _noun(rng, _any(rng, scene), colour=0.25, pattern=0.1, size=0.0)
    word = _choose(rng, EXTREMES)
    kind = select(scene.objects, noun)
    found = extreme(kind, word) if kind is not None and len(kind) > 1 else None
    return _said(_the(rng, f"{word} {noun.phrase()}"), found, "extreme") if found else None


def _position(rng: np.random.Generator, scene: Scene) -> Expression | None:
    noun = _noun(rng, _any(rng, scene), colour=0.4, pattern=0.15, size=0.15)
    place = _choose(rng, PLACES)
    kind = select(scene.objects, noun)
    found = located(kind, place) if kind else None
    if not found or not _can_say(noun, found):
        return None
    return _said(_the(rng, f"{noun.phrase(plural=len(found) > 1)} {place}"), found, "position")


def _relation(rng: np.random.Generator, scene: Scene) -> Expression | None:
    asked = _related_phrase(rng, scene)
    if asked is None or not asked[1] or not _can_say(*asked[:2]):
        return None
    noun, found, rest = asked
    return _said(_the(rng, f"{noun.phrase(plural=len(found) > 1)} {rest}"), found, "relation")


def _related_phrase(rng: np.random.Generator, scene: Scene) -> tuple[Noun, list[SceneObject], str] | None:
    """A kind, those of it in some relation to a unique anchor, and the words for that relation."""
    anchor = _any(rng, scene)
    landmark = _noun(rng, anchor, colour=0.75, pattern=0.1, size=0.15)
    if landmark.shape is None or select(scene.objects, landmark) != [anchor]:
        return None
    noun = _noun(rng, _any(rng, scene), colour=0.35, pattern=0.1, size=0.1)
    kind = select(scene.objects, noun)
    if kind is None or kind in ([], [anchor]):
        return None
    relation = _choose(rng, RELATIONS)
    if relation == "nearest to" and len(kind) < 2:
        return None
    found = related(kind, relation, anchor)
    return None if found is None else (noun, found, f"{relation} the {landmark.phrase()}")


def _counting(rng: np.random.Generator, scene: Scene) -> Expression | None:
    noun = _group_noun(rng, scene)
    found = select(scene.objects, noun)
    if found is None or len(found) < 2:
        return None
    return _said(f"the {NUMBERS[len(found)]} {noun.phrase(plural=True)}", found, "counting")


def _multi(rng: np.random.Generator, scene: Scene) -> Expression | None:
    if rng.random() < 0.35:
        items = [_any(rng, scene) for _ in range(2)]
        nouns = [_noun(rng, item, shape=1.0, colour=0.8, pattern=0.1, size=0.1) for item in items]
        if items[0] is items[1] or any(
            select(scene.objects, noun) != [item] for noun, item in zip(nouns, items, strict=True)
        ):
            return None
        return _said(f"the {nouns[0].phrase()} and the {nouns[1].phrase()}", items, "multi")
    noun = _group_noun(rng, scene)
    found = select(scene.objects, noun)
    if found is None or len(found) < 2:
        return None
    text = f"all {noun.phrase(plural=True)}" if rng.random() < 0.6 else f"every {noun.phrase()}"
    if len(found) == 2 and rng.random() < 0.5:
        text = f"both {noun.phrase(plural=True)}"
    return _said(text, found, "multi")


def _no_attribute(rng: np.random.Generator, scene: Scene) -> Expression | None:
    item = _any(rng, scene)
    noun = _noun(rng, item, shape=1.0, colour=1.0, pattern=0.15, size=0.15)
    noun = replace(noun, shape=item.shape)
    change = _choose(rng, ("colour", "shape", "colour", "shape", "pattern", "size"))
    if change == "colour":
        noun = replace(noun, colour=_other(rng, scene, "colour", item.colour, list(COLOURS)))
    elif change == "shape":
        noun = replace(noun, shape=_other(rng, scene, "shape", item.shape, list(SHAPES)))
    elif change == "pattern":
        possible = [name for name in patterns_of(item.shape, item.size) if name != item.pattern]
        if not possible:
            return None
        noun = replace(noun, pattern=_choose(rng, possible))
    elif item.size is not None:
        noun = replace(noun, size="small" if item.size == "large" else "large")
    if select(scene.objects, noun) != []:
        return None
    all_of_them = noun.shape not in LETTERS and rng.random() < 0.15
    text = f"all {noun.phrase(plural=True)}" if all_of_them else _the(rng, noun.phrase())
    return _said(text, [], "no-target-attribute")


def _no_position(rng: np.random.Generator, scene: Scene) -> Expression | None:
    noun = _noun(rng, _any(rng, scene), shape=1.0, colour=0.5, pattern=0.1, size=0.1)
    place = _choose(rng, PLACES)
    kind = select(scene.objects, noun)
    if not kind or located(kind, place) != []:
        return None
    return _said(_the(rng, f"{noun.phrase()} {place}"), [], "no-target-position")


def _no_relation(rng: np.random.Generator, scene: Scene) -> Expression | None:
    asked = _related_phrase(rng, scene)
    if asked is None or asked[1]:
        return None
    return _said(_the(rng, f"{asked[0].phrase()} {asked[2]}"), [], "no-target-relation")


def _no_counting(rng: np.random.Generator, scene: Scene) -> Expression | None:
    noun = _group_noun(rng, scene)
    found = select(scene.objects, noun)
    if not found or len(found) > 4:
        return None
    # always more than there are: "the two stars" among three would only be unclear
    number = len(found) + int(rng.integers(1, 3))
    word = "both" if number == 2 and rng.random() < 0.4 else f"the {NUMBERS[number]}"
    return _said(f"{word} {noun.phrase(plural=True)}", [], "no-target-counting")


Maker = Callable[[np.random.Generator, Scene], Expression | None]
_MAKERS: dict[str, Maker] = {
    "attribute": _attribute,
    "extreme": _extreme,
    "position": _position,
    "relation": _relation,
    "counting": _counting,
    "multi": _multi,
    "no-target-attribute": _no_attribute,
    "no-target-position": _no_position,
    "no-target-relation": _no_relation,
    "no-target-counting": _no_counting,
}
KINDS: dict[str, float] = {
    "attribute": 0.20,
    "extreme": 0.12,
    "position": 0.10,
    "relation": 0.10,
    "counting": 0.08,
    "multi": 0.10,
    "no-target-attribute": 0.13,
    "no-target-position": 0.05,
    "no-target-relation": 0.05,
    "no-target-counting": 0.05,
}
"""The kinds of expressions, with the weights by which they are drawn.

What a scene does not allow is drawn again, and something absent is nearly always allowed: about 30 %
of what comes out has no target.
"""


def make_expression(
    rng: np.random.Generator, scene: Scene, kind: str, *, tries: int = 30
) -> Expression | None:
    """An expression of one of KINDS about the scene, None where none was found in so many tries."""
    maker = _MAKERS[kind]
    for _ in range(tries):
        made = maker(rng, scene)
        if made is not None:
            return made
    return None


def make_expressions(
    rng: np.random.Generator, scene: Scene, count: int, kinds: Mapping[str, float] = KINDS
) -> list[Expression]:
    """Up to `count` expressions with different texts, drawn by the weights of their kinds.

    A kind that the scene does not allow is replaced by another draw; a scene that allows too little
    gives fewer.
    """
    names = list(kinds)
    weights = np.array([kinds[name] for name in names], dtype=np.float64)
    weights /= weights.sum()
    made: dict[str, Expression] = {}
    for _ in range(8 * count):
        if len(made) == count:
            break
        expression = make_expression(rng, scene, names[rng.choice(len(names), p=weights)])
        if expression is not None:
            made.setdefault(expression.text, expression)
    return list(made.values())


# Choosing words


def _noun(
    rng: np.random.Generator,
    item: SceneObject,
    *,
    shape: float = 0.88,
    colour: float = 0.65,
    pattern: float = 0.2,
    size: float = 0.25,
) -> Noun:
    """A kind that this object is of; the numbers are the chances that an attribute is named."""
    chance = rng.random(5)
    if item.pattern == "plain":  # people rarely say it
        pattern /= 3
    name: str | None = item.shape if chance[0] < shape else None
    if name in LETTERS and chance[4] < 0.15:
        name = "letter"
    return Noun(
        shape=name,
        colour=item.colour if chance[1] < colour else None,
        pattern=item.pattern if chance[2] < pattern else None,
        size=item.size if chance[3] < size else None,
    )


def _group_noun(rng: np.random.Generator, scene: Scene) -> Noun:
    """A kind that often has several members and has a plural."""
    item = _any(rng, scene)
    noun = _noun(rng, item, shape=0.6, colour=0.4, pattern=0.2, size=0.15)
    if noun == Noun() and rng.random() < 0.8:  # "all objects" is asked, but not often
        noun = Noun(colour=item.colour)
    return replace(noun, shape="letter") if noun.shape in LETTERS else noun


def _can_say(noun: Noun, found: Sequence[SceneObject]) -> bool:
    """One letter has no plural: "letter as" reads badly."""
    return len(found) == 1 or noun.shape not in LETTERS


def _other(rng: np.random.Generator, scene: Scene, attribute: str, value: str, every: Sequence[str]) -> str:
    """Another value of an attribute, mostly one that is present in the scene."""
    present = sorted({getattr(item, attribute) for item in scene.objects} - {value})
    choices = present if present and rng.random() < 0.7 else [name for name in every if name != value]
    return _choose(rng, choices)


def _any(rng: np.random.Generator, scene: Scene) -> SceneObject:
    return scene.objects[rng.integers(len(scene.objects))]


def _choose(rng: np.random.Generator, words: Sequence[str]) -> str:
    return words[int(rng.integers(len(words)))]


def _the(rng: np.random.Generator, phrase: str) -> str:
    return f"the {phrase}" if rng.random() < 0.3 else phrase


def _said(text: str, found: Sequence[SceneObject], kind: str) -> Expression:
    return Expression(text, tuple(sorted(item.index for item in found)), kind)
