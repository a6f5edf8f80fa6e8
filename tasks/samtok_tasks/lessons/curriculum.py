"""Training dialogues made of tasks: mini's official files of training scenes, read by the tasks themselves.

What a task asks is what it teaches: prompt, regions and answer come from its samples, so each has one place.
Only the scenes differ from those of mini's splits. Each dialogue has a fresh one: a model that meets the same
few thousand again and again learns their answers by heart.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from samtok_bench import registry
from samtok_bench.running.options import task_options
from samtok_bench.task import Dropped, Task
from samtok_tasks.dialogues import Exchange, TrainingDialogue, draw_dialogue, pictures
from samtok_tasks.lessons.regions import REGION_QUESTIONS
from samtok_tasks.mini.contents import benchmarks
from samtok_tasks.mini.expressions import make_expressions
from samtok_tasks.mini.picture import IMAGE_FOLDER, MiniPicture
from samtok_tasks.mini.scene import Scene
from samtok_tasks.mini.training import TRAINING_SEEDS, Asking, dialogues
from samtok_tasks.mini.writer import SplitPlan, pictures_of, write_files

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
EXPRESSIONS = 3
"""Of each scene."""
MOST_MASKS = 10
"""In one answer; a longer one would make all others of its batch as long."""
_WRITTEN_BY = {"refcocog_caption": "referring"}
"""Tasks that read the files of another one."""


def curriculum(
    seed: int,
    *,
    lessons: float = 0.3,
    tasks: Mapping[str, float] = TASKS,
    questions: int = 4,
    **options: Any,
) -> Iterator[TrainingDialogue]:
    """Dialogues of `samtok_tasks.mini.training`, a share of them replaced by questions of tasks.

    Args:
        seed: equal seeds give equal streams.
        lessons: that share, 0 to 1.
        tasks: how often each is asked, by name; options may follow it, "scene_graph prompt=given".
        questions: most questions of a task about one image; they are longer than expressions.
        options: of `samtok_tasks.mini.training.dialogues`, whose `kinds` are also REGION_QUESTIONS and
            tasks by name: so one pass over an image serves several tasks.
    """
    rng = np.random.default_rng((seed, 0x1E550))
    asked = task_dialogues(rng, tasks, questions)
    kinds = options.get("kinds") or {}
    more = {name: _asking(name) for name in kinds if name.split()[0] in registry.names("task")}
    streams = dialogues(seed, more={**REGION_QUESTIONS, **more}, **options), asked
    while True:
        yield next(streams[int(rng.random() < lessons)])


def task_dialogues(
    rng: np.random.Generator, tasks: Mapping[str, float], questions: int
) -> Iterator[TrainingDialogue]:
    """A task's questions about a fresh scene, each a dialogue of its own; or one dialogue of many rounds."""
    made = [_task(name) for name in tasks]
    shares = np.array(list(tasks.values())) / sum(tasks.values())
    while True:
        yield _taught(made[rng.choice(len(made), p=shares)], rng, questions)


def _task(name: str) -> Task:
    """The task of a name with its options, `scene_graph prompt=given`."""
    name, *options = name.split()
    return registry.task_class(name)(options=task_options(options))


def _taught(task: Task, rng: np.random.Generator, questions: int) -> TrainingDialogue:
    """What a task asks about a fresh training scene.

    Raises:
        ValueError: hundred scenes in a row gave it nothing to ask.
    """
    for _ in range(100):
        plan = SplitPlan(int(rng.integers(TRAINING_SEEDS, 1 << 62)), images=1, expressions=EXPRESSIONS)
        (picture,) = pictures_of("val", {"val": plan})
        if dialogue := _asked(task, picture, rng, questions):
            return dialogue
    raise ValueError(f"{task.name}: no question about any of 100 training scenes")


def _asking(name: str) -> Asking:
    """A task as a kind of question about a scene; it has none that another's dialogue would go on with."""
    task = _task(name)

    def ask(rng: np.random.Generator, scene: Scene) -> Exchange | None:
        picture = MiniPicture(1, "val", scene, make_expressions(rng, scene, EXPRESSIONS))
        dialogue = _asked(task, picture, rng, 1)
        return dialogue["turns"][0] if dialogue and dialogue["apart"] else None

    return ask


def _asked(
    task: Task, picture: MiniPicture, rng: np.random.Generator, questions: int
) -> TrainingDialogue | None:
    """What a task asks about a picture, as its files show it; None where that is nothing."""
    folder = type(task).__module__.split(".")[1]
    benchmark = benchmarks()[_WRITTEN_BY.get(folder, folder)]
    with TemporaryDirectory() as name:
        root = Path(name)
        shown = {f"{IMAGE_FOLDER}/{picture.file_name}": picture.scene.image}
        write_files(root, benchmark.files([picture]) | shown)
        try:
            samples = task.samples(root, task.default_split(root)).samples
        except (ValueError, OSError):  # the task finds no file, or none of its questions in it
            return None
        for found in pictures(task, samples, MOST_MASKS, Dropped()):
            return draw_dialogue(found, rng, questions)
    return None
