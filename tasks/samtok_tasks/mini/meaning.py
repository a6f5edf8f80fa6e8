"""What words mean in a scene.

The evaluation knows a third answer beside yes and no: borderline. An object that is neither clearly small nor
clearly not, or neither clearly left nor clearly right, makes a phrase about it unusable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from samtok_tasks.mini.scene import REFERENCE_SIZE, SceneObject
from samtok_tasks.mini.shapes import LETTERS

PLACES = (
    "on the left",
    "on the right",
    "at the top",
    "at the bottom",
    "at the top left",
    "at the top right",
    "at the bottom left",
    "at the bottom right",
    "in the middle",
)
SIDES = ("left of", "right of", "above", "below")
RELATIONS = (*SIDES, "nearest to")
EXTREMES = ("largest", "smallest", "leftmost", "rightmost", "topmost", "bottommost")

# Shares of the image side: a centre before NEAR_SIDE is on that side, one beyond FAR_SIDE is not.
NEAR_SIDE, FAR_SIDE = 0.42, 0.54
MIDDLE, OUTSIDE_MIDDLE = 0.12, 0.22
# Pixels at REFERENCE_SIZE, and ratios, that make a comparison clear.
CLEAR_STEP = 14.0
NO_STEP = 3.0
SLANT = 0.8
"""Something is above another thing when it is this much more above than aside, at least."""
CLEAR_RATIO = 1.25


@dataclass(frozen=True)
class Noun:
    """A kind of object by its attributes; None leaves an attribute open.

    `shape` may be "letter", which stands for every letter.
    """

    shape: str | None = None
    colour: str | None = None
    pattern: str | None = None
    size: str | None = None

    def fits(self, item: SceneObject) -> bool | None:
        """Whether the object is of this kind; None where it is borderline in size."""
        if self.shape == "letter":
            if item.shape not in LETTERS:
                return False
        elif self.shape not in (None, item.shape):
            return False
        if self.colour not in (None, item.colour) or self.pattern not in (None, item.pattern):
            return False
        if self.size is None:
            return True
        return None if item.size is None else item.size == self.size

    def phrase(self, *, plural: bool = False) -> str:
        """`small red striped circle`, or `small red striped circles`."""
        noun = self.shape or "object"
        if plural:
            noun = "crosses" if noun == "cross" else noun + "s"
        return " ".join(word for word in (self.size, self.colour, self.pattern, noun) if word)


def full_name(item: SceneObject) -> str:
    """All that can be said of an object by itself: `small red striped circle`."""
    pattern = None if item.pattern == "plain" else item.pattern
    return Noun(item.shape, item.colour, pattern, item.size).phrase()


def describe(item: SceneObject) -> str:
    """The name with its article: `a small red striped circle`."""
    phrase = full_name(item)
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


Found = list[SceneObject] | None
"""The objects that words mean; None where one of the objects is borderline."""


def select(items: Sequence[SceneObject], noun: Noun) -> Found:
    """The objects of a kind."""
    return _certain(items, noun.fits)


def extreme(items: Sequence[SceneObject], word: str) -> Found:
    """The one object that is clearly first by a word of EXTREMES; none among none."""
    ranked: list[SceneObject]
    if word in ("largest", "smallest"):
        sign = -1 if word == "largest" else 1
        ranked = sorted(items, key=lambda item: sign * item.width)
        if len(ranked) > 1:
            for measure in (lambda item: item.width, lambda item: item.area):
                first = measure(ranked[0])
                for other in ranked[1:]:
                    ratio = first / measure(other) if word == "largest" else measure(other) / first
                    if ratio < CLEAR_RATIO:
                        return None
        return ranked[:1]
    axis = 0 if word in ("leftmost", "rightmost") else 1
    sign = 1 if word in ("leftmost", "topmost") else -1
    ranked = sorted(items, key=lambda item: sign * item.centre[axis])
    if len(ranked) > 1:
        first = ranked[0]
        edge = axis if sign > 0 else axis + 2
        for other in ranked[1:]:
            step = sign * (other.centre[axis] - first.centre[axis])
            if step < CLEAR_STEP * _unit(first) or sign * (other.box[edge] - first.box[edge]) < 0:
                return None
    return ranked[:1]


def located(items: Sequence[SceneObject], place: str) -> Found:
    """The objects at a place of PLACES."""

    def holds(item: SceneObject) -> bool | None:
        height, width = item.mask.shape
        x, y = item.centre[0] / width, item.centre[1] / height
        if place == "in the middle":
            off = max(abs(x - 0.5), abs(y - 0.5))
            return True if off <= MIDDLE else False if off >= OUTSIDE_MIDDLE else None
        words = place.split()
        distances = []  # 0 at the side that is named, 1 at the opposite side
        if "left" in words or "right" in words:
            distances.append(x if "left" in words else 1 - x)
        if "top" in words or "bottom" in words:
            distances.append(y if "top" in words else 1 - y)
        if max(distances) >= FAR_SIDE:
            return False
        return True if max(distances) <= NEAR_SIDE else None

    return _certain(items, holds)


def related(items: Sequence[SceneObject], relation: str, anchor: SceneObject) -> Found:
    """The objects that stand in a relation of RELATIONS to the anchor, which is never among them."""
    others = [item for item in items if item is not anchor]
    unit = _unit(anchor)
    if relation == "nearest to":
        ranked = sorted(others, key=lambda item: _distance(item, anchor))
        if len(ranked) > 1:
            first, second = (_distance(item, anchor) for item in ranked[:2])
            if second < CLEAR_RATIO * first or second - first < CLEAR_STEP * unit:
                return None
        return ranked[:1]
    axis = 0 if relation in ("left of", "right of") else 1
    sign = -1 if relation in ("left of", "above") else 1

    def holds(item: SceneObject) -> bool | None:
        along = sign * (item.centre[axis] - anchor.centre[axis])
        aside = abs(item.centre[1 - axis] - anchor.centre[1 - axis])
        if along <= NO_STEP * unit:
            return False
        return True if along >= CLEAR_STEP * unit and aside <= SLANT * along else None

    return _certain(others, holds)


def side_of(item: SceneObject, anchor: SceneObject) -> str | None:
    """On which of SIDES of the anchor an object is; None where that is not clear."""
    return next((side for side in SIDES if related([item], side, anchor)), None)


def _certain(items: Sequence[SceneObject], holds: Callable[[SceneObject], bool | None]) -> Found:
    found = []
    for item in items:
        answer = holds(item)
        if answer is None:
            return None
        if answer:
            found.append(item)
    return found


def _unit(item: SceneObject) -> float:
    return item.mask.shape[1] / REFERENCE_SIZE


def _distance(item: SceneObject, other: SceneObject) -> float:
    return float(np.hypot(item.centre[0] - other.centre[0], item.centre[1] - other.centre[1]))
