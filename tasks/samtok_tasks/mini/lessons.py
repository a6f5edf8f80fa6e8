"""Training dialogues made of tasks: mini's official files of training scenes, read by the tasks themselves.

What a task asks is what it teaches: prompt, regions and answer come from its samples, so each has one place.
Only the scenes differ from those of mini's splits.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from samtok_bench import registry, rle
from samtok_bench.images import open_image
from samtok_bench.sample import ImagePart, Region, Sample, Text
from samtok_tasks.mini.cache import ensure_written, mini_cache
from samtok_tasks.mini.training import (
    NO_TARGET_ANSWER,
    TRAINING_SEEDS,
    Exchange,
    TextOrMask,
    TrainingDialogue,
    dialogues,
    joined,
)
from samtok_tasks.mini.writer import SplitPlan

TASKS: Mapping[str, float] = {
    "grounding-suite": 1,
    "reasonseg": 1,
    "gcg": 1,
    "refcocog-caption": 2,
    "gar-bench": 1,
    "multi_round": 2,
    "scene_graph": 3,
}
"""How often each is asked."""
MOST_MASKS = 10
"""In one answer; a longer one would make all others of its batch as long."""


def curriculum(
    seed: int,
    *,
    lessons: float = 0.3,
    scenes: int = 2000,
    tasks: Mapping[str, float] = TASKS,
    questions: int = 4,
    **options: Any,
) -> Iterator[TrainingDialogue]:
    """Dialogues of `samtok_tasks.mini.training`, a share of them replaced by questions of tasks.

    Args:
        seed: equal seeds give equal streams.
        lessons: that share, 0 to 1.
        scenes: how many training scenes have the tasks' files; written to the cache at the first call.
        tasks: how often each is asked, by name.
        questions: most questions of a task about one image; they are longer than expressions.
        options: of `samtok_tasks.mini.training.dialogues`.
    """
    rng = np.random.default_rng((seed, 0x1E550))
    asked = task_dialogues(rng, scenes, tasks, questions)
    streams = dialogues(seed, **options), asked
    while True:
        yield next(streams[int(rng.random() < lessons)])


def task_dialogues(
    rng: np.random.Generator, scenes: int, tasks: Mapping[str, float], questions: int
) -> Iterator[TrainingDialogue]:
    """Questions of one task about one image, each a dialogue of its own; or one dialogue of many rounds."""
    asked = _samples(scenes, tuple(tasks))
    shares = np.array([tasks[name] for name in asked]) / sum(tasks.values())
    names = list(asked)
    while True:
        pictures = asked[names[rng.choice(len(names), p=shares)]]
        image, samples = pictures[rng.integers(len(pictures))]
        longest = max(samples, key=lambda sample: len(sample.turns))
        if len(longest.turns) > 1:
            yield _dialogue(image, [*_rounds(longest)], apart=False)
            continue
        chosen = [samples[k] for k in rng.permutation(len(samples))[:questions]]
        yield _dialogue(image, [exchange for sample in chosen for exchange in _rounds(sample)], apart=True)


def _dialogue(image: Path, said: list[Exchange], apart: bool) -> TrainingDialogue:
    return {"image": np.asarray(open_image(image)), "turns": said, "regions": [], "apart": apart}


def _rounds(sample: Sample) -> Iterator[Exchange]:
    """The turns of a sample with its answer, as pairs of question and answer."""
    spoken = [
        [_text_or_mask(part) for part in turn.parts if not isinstance(part, ImagePart)]
        for turn in sample.turns
    ]
    spoken.append(_answer(sample))
    yield from zip(spoken[::2], spoken[1::2], strict=True)


def _text_or_mask(part: Text | Region) -> TextOrMask:
    return part.text if isinstance(part, Text) else rle.decode(part.rle)


def _answer(sample: Sample) -> list[TextOrMask]:
    """The target as it should be said: text with its masks in their places, or masks from left to right."""
    masks, pieces = sample.target.masks, sample.target.pieces
    if masks and pieces:
        parts: list[TextOrMask] = [pieces[0]]
        for mask, piece in zip(masks, pieces[1:], strict=True):
            parts += [rle.decode(mask), piece]
        return [part for part in parts if not isinstance(part, str) or part]
    if masks:
        return joined([rle.decode(mask) for mask in sorted(masks, key=lambda mask: rle.box(mask))])
    return [sample.target.text or NO_TARGET_ANSWER]


@lru_cache(maxsize=1)
def _samples(scenes: int, tasks: tuple[str, ...]) -> dict[str, list[tuple[Path, list[Sample]]]]:
    """What each task asks about each image, images in order of their names."""
    root = _root(scenes)
    asked = {}
    for name in tasks:
        task = registry.task_class(name)()
        found: dict[Path, list[Sample]] = {}
        for sample in task.samples(root, task.default_split(root)).samples:
            parts = [part for turn in sample.turns for part in turn.parts]
            views = [part for part in parts if isinstance(part, ImagePart)]
            if len(views) == 1 and len(sample.target.masks) <= MOST_MASKS:
                found.setdefault(sample.image, []).append(sample)
        asked[name] = [(image, found[image]) for image in sorted(found)]
    return asked


def _root(scenes: int) -> Path:
    """The folder with the official files of so many training scenes, written if needed."""
    mini = mini_cache()
    folder = mini.with_name(f"{mini.name}-lessons-{scenes}")
    ensure_written(folder, {"val": SplitPlan(TRAINING_SEEDS, images=scenes, expressions=2 * scenes)})
    return folder
