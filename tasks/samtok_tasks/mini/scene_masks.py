"""Masks of a scene: objects, groups, parts, the background, and arbitrary blobs."""

from collections.abc import Sequence

import numpy as np

from samtok_tasks.mini.scene import Mask, Scene, SceneObject
from samtok_tasks.mini.shapes import fill

KINDS = ("object", "group", "part", "background", "arbitrary")
OBJECTS = 3
"""Objects of a scene that are asked for by themselves, at most."""
MIN_PART_PIXELS = 40
HALVES = ("left", "right", "upper", "lower")
"""The halves of an object."""
_CORNERS = (6, 14)
"""Of a blob."""


def masks_of_all_kinds(rng: np.random.Generator, scene: Scene) -> list[tuple[str, Mask]]:
    """What a scene gives to encode, each with its kind: some objects and one mask of each other kind.

    No mask comes twice; a scene that has no group or no part big enough gives fewer.
    """
    order = rng.permutation(len(scene.objects))
    chosen = [scene.objects[index] for index in order]
    found = [("object", item.mask) for item in chosen[:OBJECTS]]
    found.append(("group", union(group(rng, scene, chosen[0]))))
    found.append(("part", half(chosen[-1], HALVES[rng.integers(len(HALVES))])))
    found.append(("background", background(scene)))
    found.append(("arbitrary", blob(rng, *scene.image.shape[:2])))
    kept: dict[bytes, tuple[str, Mask]] = {}
    for kind, mask in found:
        if mask.sum() >= MIN_PART_PIXELS:
            kept.setdefault(mask.tobytes(), (kind, mask))
    return list(kept.values())


def union(items: Sequence[SceneObject]) -> Mask:
    """All pixels of some objects."""
    return np.logical_or.reduce([item.mask for item in items])


def background(scene: Scene) -> Mask:
    """What no object covers."""
    return ~union(scene.objects)


def group(rng: np.random.Generator, scene: Scene, item: SceneObject) -> list[SceneObject]:
    """Objects that share a property with this one, or a few others at random."""
    share = ("colour", "shape", "pattern", None)[rng.integers(4)]
    if share is not None:
        return [other for other in scene.objects if getattr(other, share) == getattr(item, share)]
    others = [other for other in scene.objects if other is not item]
    chosen = rng.permutation(len(others))[: rng.integers(1, 4)]
    return [item, *(others[index] for index in chosen)]


def half(item: SceneObject, side: str) -> Mask:
    """What is visible of an object in one of HALVES, up to the middle of its box."""
    x, y = (int(value) for value in item.centre)
    window = {
        "left": np.s_[:, :x],
        "right": np.s_[:, x:],
        "upper": np.s_[:y, :],
        "lower": np.s_[y:, :],
    }[side]
    part = np.zeros_like(item.mask)
    part[window] = item.mask[window]
    return part


def blob(rng: np.random.Generator, height: int, width: int) -> Mask:
    """An outline that follows nothing in the image; sometimes the border cuts it."""
    corners = int(rng.integers(*_CORNERS))
    angles = np.sort(rng.random(corners)) * 2 * np.pi
    reach = min(height, width) * rng.uniform(0.08, 0.35) * rng.uniform(0.4, 1, corners)
    centre = np.array([width, height]) * rng.uniform(0.1, 0.9, 2)
    outline = centre + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    # sixty-fourths of a pixel, as for all that is drawn
    return fill([np.round(outline * 64) / 64], height, width) >= 0.5
