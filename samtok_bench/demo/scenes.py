"""Pictures to begin with: scenes of mini, each with questions that the benchmarks ask about it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from samtok_bench import registry
from samtok_bench.sample import Region, Sample, Text

COUNT = 6
"""Scenes."""
CHOSEN = "[#]"
"""In a question: the region that is looked at."""
TASKS = ("gres", "gcg", "refcocog-caption", "multi_round")
"""Whose questions nano has learned: objects, a description, a region, and what follows from an answer."""


@dataclass(frozen=True)
class Scene:
    """A picture with what can be asked about it."""

    picture: Path
    questions: tuple[str, ...]
    """Those with CHOSEN need a region."""


def mini_scenes() -> list[Scene]:
    """The first COUNT scenes of mini's val that every task of TASKS asks about; written at the first call.

    Raises:
        OSError: mini cannot be written into the cache.
    """
    found: dict[str, dict[str, Scene]] = {}
    for name in TASKS:
        for sample in _samples(name):
            known = found.setdefault(sample.image.name, {})
            questions = known[name].questions if name in known else ()
            known[name] = Scene(sample.image, (*questions, _question(sample)))
    return [_together(tasks) for _, tasks in sorted(found.items()) if len(tasks) == len(TASKS)][:COUNT]


def common_questions(scenes: Sequence[Scene]) -> tuple[str, ...]:
    """What is asked about every scene, and so can be asked about any picture."""
    first, *others = scenes
    return tuple(text for text in first.questions if all(text in scene.questions for scene in others))


def _samples(name: str) -> Iterator[Sample]:
    task = registry.task_class(name)()
    root = task.default_root()
    yield from task.samples(root, task.default_split(root)).samples


def _together(tasks: dict[str, Scene]) -> Scene:
    """One question of each task; of a dialogue the second one, which needs the first one's answer."""
    later = [question for question in tasks["multi_round"].questions if CHOSEN in question]
    picked = [tasks[name].questions[0] for name in TASKS if name != "multi_round"] + later[:1]
    return Scene(tasks[TASKS[0]].picture, tuple(dict.fromkeys(picked)))


def _question(sample: Sample) -> str:
    """The last turn as one types it."""
    shown = (
        part.text if isinstance(part, Text) else CHOSEN if isinstance(part, Region) else ""
        for part in sample.turns[-1].parts
    )
    return "".join(shown).strip()
