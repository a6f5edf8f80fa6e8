"""Training dialogues made of tasks: mini's official files of training scenes, read by the tasks themselves.

What a task asks is what it teaches: prompt, regions and answer come from its samples, so each has one place.
Only the scenes differ from those of mini's splits.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from samtok_bench import registry
from samtok_bench.task import Dropped
from samtok_tasks.dialogues import Picture, TrainingDialogue, draw_dialogue, pictures
from samtok_tasks.mini.cache import ensure_written, mini_cache
from samtok_tasks.mini.training import TRAINING_SEEDS, dialogues
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
    asked = _pictures(scenes, tuple(tasks))
    shares = np.array([tasks[name] for name in asked]) / sum(tasks.values())
    names = list(asked)
    while True:
        shown = asked[names[rng.choice(len(names), p=shares)]]
        yield draw_dialogue(shown[rng.integers(len(shown))], rng, questions)


@lru_cache(maxsize=1)
def _pictures(scenes: int, tasks: tuple[str, ...]) -> dict[str, list[Picture]]:
    """What each task asks about each image."""
    root = _root(scenes)
    asked = {}
    for name in tasks:
        task = registry.task_class(name)()
        samples = task.samples(root, task.default_split(root)).samples
        asked[name] = pictures(task, samples, MOST_MASKS, Dropped())
    return asked


def _root(scenes: int) -> Path:
    """The folder with the official files of so many training scenes, written if needed."""
    mini = mini_cache()
    folder = mini.with_name(f"{mini.name}-lessons-{scenes}")
    ensure_written(folder, {"val": SplitPlan(TRAINING_SEEDS, images=scenes, expressions=2 * scenes)})
    return folder
