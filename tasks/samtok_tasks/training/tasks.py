"""What tasks ask on their own training splits, by the code that evaluates them."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from samtok_bench.running.options import RunOptions
from samtok_bench.running.samples import read_split
from samtok_bench.task import Dropped, Protocol
from samtok_tasks.dialogues import Picture, TrainingDialogue, draw_dialogue, pictures
from samtok_tasks.training.streams import Options, Part, Records, UnusableError

MOST_MASKS = 32
"""In one answer."""


class TaskShare(BaseModel):
    """How often a task is asked, and on what."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    weight: float = Field(default=1, gt=0)
    data_root: Path | None = None
    """That of the source if absent; mini if that is absent too."""
    split: str | None = None
    """That of the source if absent."""
    protocol: Protocol = "standard"
    data: str | None = None
    """The format of the data root, for tasks that read several."""
    options: dict[str, str] = Field(default_factory=dict)
    """Of the task."""


def _share(given: Any) -> Any:
    return {"weight": given} if isinstance(given, int | float) else given


class TaskOptions(Options):
    """Which tasks are asked on which splits; see `tasks`."""

    tasks: dict[str, Annotated[TaskShare, BeforeValidator(_share)]] = Field(min_length=1)
    data_root: Path | None = None
    split: str = "train"
    most_masks: int = Field(default=MOST_MASKS, gt=0)
    questions: int = Field(default=4, gt=0)

    def parts(self) -> list[Part[Any]]:
        return [
            Part(TaskRecords(self.pictures(name)[1], self.questions), share.weight)
            for name, share in self.tasks.items()
        ]

    def pictures(self, name: str) -> tuple[Path, list[Picture]]:
        """The data root and the images of a task's split; what is left out is told on stderr.

        Raises:
            ValueError, OSError: there is no such task, its data cannot be read, or nothing of it be taught.
        """
        share = self.tasks[name]
        asked = RunOptions(
            name,
            data_root=share.data_root or self.data_root,
            split=share.split or self.split,
            protocol=share.protocol,
            data=share.data,
            option=tuple(f"{key}={value}" for key, value in share.options.items()),
        )
        task, dropped = asked.make_task(), Dropped()
        read = read_split(task, asked, lambda line: print(f"{name}: {line}", file=sys.stderr))
        found = pictures(task, read.read.samples, self.most_masks, dropped)
        for line in dropped.lines():
            print(f"{name}: left out of the training data: {line}", file=sys.stderr)
        if not found:
            raise ValueError(f"{name}: nothing on the split {asked.split!r} of {read.root} can be taught")
        return read.root, found


class TaskRecords(Records[TrainingDialogue]):
    """The images of a task's split."""

    def __init__(self, shown: list[Picture], questions: int) -> None:
        super().__init__()
        self._shown, self._questions = shown, questions

    def __len__(self) -> int:
        return len(self._shown)

    def read(self, place: int, rng: np.random.Generator) -> TrainingDialogue:
        picture = self._shown[place]
        try:
            return draw_dialogue(picture, rng, self._questions)
        except (OSError, ValueError) as error:
            raise UnusableError(
                "images that cannot be read or have another size", str(picture.image), str(error)
            ) from None


def tasks(
    seed: int,
    *,
    start: int = 0,
    tasks: Mapping[str, Any],
    data_root: str | None = None,
    split: str = "train",
    questions: int = 4,
    most_masks: int = MOST_MASKS,
) -> Iterator[TrainingDialogue]:
    """Questions of tasks with the targets as answers, for ever: those of one image together.

    Args:
        seed: equal seeds give equal streams.
        start: the number in the stream of the first dialogue.
        tasks: by name the weight of each, or a mapping with the fields of `TaskShare`.
        data_root: of all tasks that name none; mini if absent.
        split: of all tasks that name none.
        questions: most questions about one image in a dialogue, each asked alone.
        most_masks: in one answer; questions with more are left out.

    Raises:
        ValueError, OSError: wrong options, or data that cannot be read.
    """
    given = {
        "tasks": tasks,
        "data_root": data_root,
        "split": split,
        "questions": questions,
        "most_masks": most_masks,
    }
    return TaskOptions.stream(seed, start, given)
