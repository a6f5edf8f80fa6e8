"""Training questions about regions: what GAR-Bench asks, without choices or with a few, and what is nearest.

A letter of four choices asks for two things at once: what the region is like, and which choice says so. The
questions here ask for the first alone, for the second alone, and for both with two choices or three.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from samtok_tasks.dialogues import Exchange, TextOrMask
from samtok_tasks.gar_bench.mini import CHOICES, Fact, facts
from samtok_tasks.gar_bench.reader import PLACE
from samtok_tasks.mini.meaning import Noun, related
from samtok_tasks.mini.scene import Scene, SceneObject
from samtok_tasks.mini.training import Asking
from samtok_tasks.multiple_choice import LETTERS, choice_prompt


def open_question(rng: np.random.Generator, scene: Scene) -> Exchange:
    """`What is the color of MASK?` `Red.`"""
    _, asked, question, right, _ = _fact(rng, scene)
    return _with_masks(question, asked), _with_masks(right, asked)


def choice_question(rng: np.random.Generator, scene: Scene) -> Exchange:
    """The same in GAR-Bench's words, with two to four choices; the answer is a letter."""
    _, asked, question, right, others = _fact(rng, scene)
    choices, letter = _choices(rng, right, others)
    return _with_masks(choice_prompt(question, choices), asked), [letter]


def lookup_question(rng: np.random.Generator, scene: Scene) -> Exchange | None:
    """`Which option says red?` with two to four choices, as GAR-Bench has them: their letters alone."""
    return _lookup(rng, scene, regions=1)


def relation_lookup_question(rng: np.random.Generator, scene: Scene) -> Exchange | None:
    """`Which option says MASK is left of MASK?`, whose choices are sentences; None where no side is clear."""
    return _lookup(rng, scene, regions=2)


def neighbour_question(rng: np.random.Generator, scene: Scene) -> Exchange | None:
    """`Which object is nearest to MASK?` `Red circle MASK.`; None where that is not clear."""
    item = scene.objects[rng.integers(len(scene.objects))]
    found = related(scene.objects, "nearest to", item)
    if not found:
        return None
    phrase = Noun(found[0].shape, found[0].colour).phrase()
    return ["Which object is nearest to ", item.mask, "?"], [f"{phrase} ", found[0].mask, "."]


REGION_QUESTIONS: Mapping[str, Asking] = {
    "region": open_question,
    "choice": choice_question,
    "lookup": lookup_question,
    "lookup-relation": relation_lookup_question,
    "neighbour": neighbour_question,
}
"""By kind of training question."""


def _lookup(rng: np.random.Generator, scene: Scene, regions: int) -> Exchange | None:
    known = [fact for fact in _facts(rng, scene) if len(fact[1]) == regions]
    if not known:
        return None
    _, asked, _, right, others = known[rng.integers(len(known))]
    choices, letter = _choices(rng, right, others)
    said = right[:1].lower() + right[1:].rstrip(".")
    return _with_masks(choice_prompt(f"Which option says {said}?", choices), asked), [letter]


def _fact(rng: np.random.Generator, scene: Scene) -> Fact:
    known = _facts(rng, scene)
    return known[rng.integers(len(known))]


def _facts(rng: np.random.Generator, scene: Scene) -> list[Fact]:
    return list(facts([scene.objects[k] for k in rng.permutation(len(scene.objects))]))


def _choices(rng: np.random.Generator, right: str, others: Sequence[str]) -> tuple[list[str], str]:
    """Two to four choices in any order, and the letter of the right one."""
    shown = [right, *(str(other) for other in rng.permutation(others)[: rng.integers(1, CHOICES)])]
    order = rng.permutation(len(shown))
    choices = [f"{letter}. {shown[k]}" for letter, k in zip(LETTERS, order, strict=False)]
    return choices, LETTERS[order.tolist().index(0)]


def _with_masks(text: str, asked: Sequence[SceneObject]) -> list[TextOrMask]:
    """A text with the masks of `<Prompt0>` and so on in their places."""
    pieces = PLACE.split(text)  # text, number, text, ...
    parts: list[TextOrMask] = [asked[int(piece)].mask if k % 2 else piece for k, piece in enumerate(pieces)]
    return [part for part in parts if not isinstance(part, str) or part]
