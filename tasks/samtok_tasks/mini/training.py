"""Endless streams of fresh scenes for training, named in recipes as `module:attribute`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from samtok_tasks.dialogues import NO_TARGET_ANSWER, Exchange, TextOrMask, TrainingDialogue, joined
from samtok_tasks.mini.expressions import KINDS, make_expression
from samtok_tasks.mini.meaning import Noun, describe, full_name
from samtok_tasks.mini.scene import Mask, Scene, SceneObject, draw_scene
from samtok_tasks.mini.scene_masks import HALVES, MIN_PART_PIXELS, background, group, half, union
from samtok_tasks.prompts import REFERRING_PROMPT

TRAINING_SEEDS = 1 << 40
"""Training scenes have seeds from here on; the frozen splits of mini stay far below."""

LIST_QUESTION = "List every object with its mask."
ROW_QUESTION = "List every object from left to right."
POINT_CELLS = 6
"""Cells along each side of the grid of "point" questions."""

REGION_KINDS: dict[str, float] = {"object": 0.75, "group": 0.12, "part": 0.08, "background": 0.05}


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
        ValueError: for an unknown kind, a negative weight or fewer than one mask.
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


Asking: TypeAlias = Callable[[np.random.Generator, Scene], Exchange | None]
"""A question about a scene; None where the scene has none of its kind."""


DIALOGUE_KINDS: dict[str, float] = {
    **{name: 0.7 * weight for name, weight in KINDS.items()},
    "list": 0.1,
    "describe": 0.1,
    "point": 0.1,
    "row": 0.0,
}


def dialogues(
    seed: int,
    *,
    size: int = 192,
    objects: tuple[int, int] = (1, 7),
    turns: int = 6,
    kinds: Mapping[str, float] | None = None,
    prompt: str = REFERRING_PROMPT,
    more: Mapping[str, Asking] = MappingProxyType({}),
    apart: bool = True,
) -> Iterator[TrainingDialogue]:
    """Dialogues for supervised fine-tuning, for ever.

    Args:
        seed: equal seeds give equal streams.
        size: height and width of the images in pixels.
        objects: least and greatest number of objects in a scene.
        turns: most turns in a dialogue. No question comes twice in one; a scene that allows too few
            gives a shorter dialogue, one that allows none is left out.
        kinds: weights of the kinds of turns, DIALOGUE_KINDS by default: the kinds of referring
            expressions, "list" (all objects in reading order), "row" (from left to right), "describe"
            (a region's attributes), "point" (the object at a grid cell, column and row counted from 1)
            and those of `more`.
        prompt: the question of referring expressions, with `{phrase}`.
        more: further kinds of turns.
        apart: see TrainingDialogue. A model that reads earlier answers while it learns copies their mask
            words, and misses them when a single question is asked.

    Yields:
        "image" (size, size, 3) uint8, "turns" [(question parts, answer parts), ...] where a part is text or
        a mask (size, size), "regions" [(name, mask), ...], all objects of the scene, and "apart".

    Raises:
        ValueError: for an unknown kind, fewer than one turn or a prompt without `{phrase}`.
    """
    names, shares = _weights(kinds, DIALOGUE_KINDS | dict.fromkeys(more, 0.0))
    if turns < 1:
        raise ValueError(f"turns must be at least 1, got {turns}")
    if "{phrase}" not in prompt:
        raise ValueError(f"prompt must contain {{phrase}}, got {prompt!r}")
    for scene, rng in _scenes(seed, size, objects):
        said: list[Exchange] = []
        asked: set[object] = set()
        for _ in range(4 * turns):
            if len(said) == turns:
                break
            made = _exchange(rng, scene, names[rng.choice(len(names), p=shares)], prompt, more)
            if made is not None and made[0] not in asked:
                asked.add(made[0])
                said.append(made[1])
        if said:
            regions = [(full_name(item), item.mask) for item in scene.objects]
            yield {"image": scene.image, "turns": said, "regions": regions, "apart": apart}


def reading_order(scene: Scene) -> list[SceneObject]:
    """Objects row by row, four rows in a picture, each from left to right."""
    row_height = scene.image.shape[0] / 4
    return sorted(scene.objects, key=lambda item: (item.centre[1] // row_height, item.centre))


def _exchange(
    rng: np.random.Generator, scene: Scene, kind: str, prompt: str, more: Mapping[str, Asking]
) -> tuple[object, Exchange] | None:
    """What makes a question different from others, and the question with its answer; None where the scene has
    none of this kind.
    """
    if kind == "list":
        return kind, ([LIST_QUESTION], _named(reading_order(scene)))
    if kind == "row":
        return kind, ([ROW_QUESTION], _named(sorted(scene.objects, key=lambda item: item.box)))
    if kind in more:
        exchange = more[kind](rng, scene)
        return exchange and (_key(exchange[0]), exchange)
    if kind == "describe":
        item = scene.objects[rng.integers(len(scene.objects))]
        return (kind, item.index), (["What is ", item.mask, "?"], [f"{describe(item)}."])
    if kind == "point":
        cells = _clear_cells(scene)
        if not cells:
            return None
        column, row, item = cells[rng.integers(len(cells))]
        question = f"What is at {column + 1}, {row + 1}?"
        return question, ([question], _named([item]))
    expression = make_expression(rng, scene, kind, tries=6)
    if expression is None:
        return None
    targets = sorted((scene.objects[index] for index in expression.targets), key=lambda item: item.centre)
    answer = joined([item.mask for item in targets]) or [NO_TARGET_ANSWER]
    return expression.text, ([prompt.format(phrase=expression.text)], answer)


def _key(parts: Sequence[TextOrMask]) -> tuple[str | bytes, ...]:
    """Equal for equal questions."""
    return tuple(part if isinstance(part, str) else part.tobytes() for part in parts)


def _named(items: Sequence[SceneObject]) -> list[TextOrMask]:
    """`red circle MASK, blue star MASK.`"""
    parts: list[TextOrMask] = []
    for item in items:
        phrase = Noun(item.shape, item.colour).phrase()
        parts += [f"{', ' if parts else ''}{phrase} ", item.mask]
    return [*parts, "."]


def _clear_cells(scene: Scene) -> list[tuple[int, int, SceneObject]]:
    """Grid cells that belong to one object beyond doubt: (column, row, object), counted from 0.

    It covers half of the cell, or half of it lies in the cell; all others cover a tenth at most.
    """
    height, width = scene.image.shape[:2]
    rows = np.arange(POINT_CELLS) * height // POINT_CELLS
    columns = np.arange(POINT_CELLS) * width // POINT_CELLS
    masks = np.stack([item.mask for item in scene.objects]).astype(np.int32)  # (N, H, W)
    pixels = np.add.reduceat(np.add.reduceat(masks, rows, axis=1), columns, axis=2)  # (N, 6, 6)
    cell = height * width / POINT_CELLS**2
    areas = np.array([item.area for item in scene.objects])[:, None, None]
    holds = (pixels >= 0.5 * cell) | (pixels >= 0.5 * areas)
    alone = pixels.sum(axis=0) - pixels <= 0.1 * cell
    return [
        (int(column), int(row), scene.objects[index]) for index, row, column in np.argwhere(holds & alone)
    ]


def _weights(
    kinds: Mapping[str, float] | None, known: Mapping[str, float]
) -> tuple[list[str], NDArray[np.float64]]:
    """Names and probabilities of kinds."""
    weights = dict(known if kinds is None else kinds)
    unknown = sorted(set(weights) - set(known))
    if unknown:
        raise ValueError(f"kinds: {', '.join(unknown)} unknown; there are {', '.join(known)}")
    shares = np.array(list(weights.values()), dtype=np.float64)
    if not shares.sum() > 0 or (shares < 0).any():
        raise ValueError(f"kinds: weights must be positive, got {weights}")
    return list(weights), shares / shares.sum()


def _scenes(seed: int, size: int, objects: tuple[int, int]) -> Iterator[tuple[Scene, np.random.Generator]]:
    """Scenes with the generator that chooses among what they hold."""
    rng = np.random.default_rng((seed, 0x5CE4E))
    while True:
        yield draw_scene(int(rng.integers(TRAINING_SEEDS, 1 << 62)), size=size, objects=objects), rng


def _region(rng: np.random.Generator, scene: Scene, item: SceneObject, kind: str) -> Mask:
    if kind == "group":
        return union(group(rng, scene, item))
    if kind == "part":
        part = half(item, HALVES[rng.integers(len(HALVES))])
        return part if part.sum() >= MIN_PART_PIXELS else item.mask
    if kind == "background":
        return background(scene)
    return item.mask
