"""Endless streams of fresh scenes for training, named in recipes as `module:attribute`."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from samtok_tasks.mini.scene import Mask, Scene, SceneObject, draw_scene

TRAINING_SEEDS = 1 << 40
"""Training scenes have seeds from here on; the frozen splits of mini stay far below."""

REGION_KINDS: dict[str, float] = {"object": 0.75, "group": 0.12, "part": 0.08, "background": 0.05}
MIN_PART_PIXELS = 40


def regions(
    seed: int,
    *,
    size: int = 192,
    objects: tuple[int, int] = (1, 7),
    masks: int = 6,
    kinds: Mapping[str, float] | None = None,
) -> Iterator[tuple[NDArray[np.uint8], Mask]]:
    """Images with masks to encode, for ever.

    Args:
        seed: equal seeds give equal streams.
        size: height and width of the images in pixels.
        objects: least and greatest number of objects in a scene.
        masks: masks per image, N.
        kinds: weights of "object" (one object), "group" (the union of several), "part" (half of an
            object) and "background"; REGION_KINDS by default. They need not add up to one.

    Yields:
        image (size, size, 3) uint8 and masks (N, size, size) bool. Objects come in random order, each
        once before any comes again. A kind that the scene cannot give (a group of one, the half of a
        tiny object) becomes an object.

    Raises:
        ValueError: for an unknown kind or fewer than one mask.
    """
    weights = REGION_KINDS if kinds is None else dict(kinds)
    unknown = sorted(set(weights) - set(REGION_KINDS))
    if unknown or not sum(weights.values()) > 0:
        raise ValueError(
            f"kinds: expected positive weights of {', '.join(REGION_KINDS)}; got {dict(weights)}"
        )
    if masks < 1:
        raise ValueError(f"masks must be at least 1, got {masks}")
    names = list(weights)
    shares = np.array([weights[name] for name in names], dtype=np.float64)
    shares /= shares.sum()
    for scene, rng in _scenes(seed, size, objects):
        order = rng.permutation(len(scene.objects))
        batch = np.empty((masks, size, size), dtype=bool)
        for place in range(masks):
            item = scene.objects[order[place % len(order)]]
            batch[place] = _region(rng, scene, item, names[rng.choice(len(names), p=shares)])
        yield scene.image, batch


def _scenes(seed: int, size: int, objects: tuple[int, int]) -> Iterator[tuple[Scene, np.random.Generator]]:
    """Scenes with the generator that chooses among what they hold."""
    rng = np.random.default_rng((seed, 0x5CE4E))
    while True:
        yield draw_scene(int(rng.integers(TRAINING_SEEDS, 1 << 62)), size=size, objects=objects), rng


def _region(rng: np.random.Generator, scene: Scene, item: SceneObject, kind: str) -> Mask:
    if kind == "group":
        return np.logical_or.reduce([one.mask for one in _group(rng, scene, item)])
    if kind == "part":
        part = _half(rng, item)
        return part if part.sum() >= MIN_PART_PIXELS else item.mask
    if kind == "background":
        return ~np.logical_or.reduce([one.mask for one in scene.objects])
    return item.mask


def _group(rng: np.random.Generator, scene: Scene, item: SceneObject) -> list[SceneObject]:
    """Objects that share a property with this one, or a few others at random."""
    share = ("colour", "shape", "pattern", None)[rng.integers(4)]
    if share is not None:
        return [one for one in scene.objects if getattr(one, share) == getattr(item, share)]
    others = [one for one in scene.objects if one is not item]
    chosen = rng.permutation(len(others))[: rng.integers(1, 4)]
    return [item, *(others[index] for index in chosen)]


def _half(rng: np.random.Generator, item: SceneObject) -> Mask:
    """The left, right, upper or lower half of what is visible of an object."""
    x, y = (int(value) for value in item.centre)
    part = np.zeros_like(item.mask)
    side = rng.integers(4)
    window = (
        (slice(None), slice(None, x)),
        (slice(None), slice(x, None)),
        (slice(None, y), slice(None)),
        (slice(y, None), slice(None)),
    )[side]
    part[window] = item.mask[window]
    return part
