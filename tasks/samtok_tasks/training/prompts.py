"""Prompts of reinforcement learning: what sources yield, and what tasks ask on their training splits.

A source yields mappings, one for each question, with `id`, `image`, `problem`, `answer` and `source` as in
samtok.training.prompts.Prompt, but for `problem` and `answer`, which are lists of texts and of masks as RLE.
`words` are those of these masks, in order, where the data have them, and `tokenizer` says whose they are.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import numpy as np
from PIL import Image

from samtok_bench.images import image_size, open_image
from samtok_bench.sample import Sample
from samtok_tasks.dialogues import Picture, Stated, stated_exchanges
from samtok_tasks.training.streams import Part, Records, UnusableError, require_shape
from samtok_tasks.training.tasks import MOST_MASKS, TaskOptions


class PromptRecord(TypedDict):
    """One question with its truth."""

    id: str
    image: Path | Callable[[], Image.Image]
    problem: list[Stated]
    answer: list[Stated]
    source: str
    words: NotRequired[list[str]]
    tokenizer: NotRequired[str]


class TaskPrompts(Records[PromptRecord]):
    """The questions of a task that stand alone."""

    def __init__(self, task: str, shown: list[Picture]) -> None:
        super().__init__()
        self._task = task
        self._asked: list[tuple[Picture, Sample]] = []
        for picture in shown:
            for sample in picture.samples:
                if len(sample.turns) == 1:
                    self._asked.append((picture, sample))
                else:
                    self.left_out.add("dialogues of several rounds", f"{task}: sample {sample.id}")

    def __len__(self) -> int:
        return len(self._asked)

    def read(self, place: int, rng: np.random.Generator) -> PromptRecord:
        picture, sample = self._asked[place]
        try:
            size = image_size(picture.image, picture.upright)
        except ValueError as error:
            raise UnusableError("images that cannot be read", str(picture.image), str(error)) from None
        if size != sample.size:
            details = f"it is {size} pixels (height, width), its annotation says {sample.size}"
            raise UnusableError("images of another size", str(picture.image), details)
        require_shape(size, str(picture.image))
        [(problem, answer)] = stated_exchanges(sample)
        turned = partial(open_image, picture.image, upright=True)
        return {
            "id": sample.id,
            "image": turned if picture.upright else picture.image,
            "problem": problem,
            "answer": answer,
            "source": self._task,
        }


class TaskPromptOptions(TaskOptions):
    """See `task_prompts`."""

    def parts(self) -> list[Part[Any]]:
        return [
            Part(TaskPrompts(name, self.pictures(name)[1]), share.weight)
            for name, share in self.tasks.items()
        ]


def task_prompts(
    seed: int,
    *,
    start: int = 0,
    tasks: Mapping[str, Any],
    data_root: str | None = None,
    split: str = "train",
    most_masks: int = MOST_MASKS,
) -> Iterator[PromptRecord]:
    """Questions of tasks with their targets, one at a time, for ever.

    Args:
        seed: equal seeds give equal streams.
        start: the number in the stream of the first question.
        tasks, data_root, split, most_masks: see `samtok_tasks.training.tasks`.

    Raises:
        ValueError, OSError: wrong options, or data that cannot be read.
    """
    given = {"tasks": tasks, "data_root": data_root, "split": split, "most_masks": most_masks}
    return TaskPromptOptions.stream(seed, start, given)
