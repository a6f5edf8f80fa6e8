"""What decides the results of a run."""

import hashlib
import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from samtok_bench import registry
from samtok_bench.images import DEFAULT_MAX_PIXELS
from samtok_bench.task import Protocol, Task

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]


class RunSettings(BaseModel):
    """All that decides the results of a run; a results folder holds one configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    """By name."""
    task_in_file: bool = False
    """Whether a Python file defined it, whose code only a user can let run."""
    protocol: Protocol
    data_format: str | None
    split: str
    limit: Count | None
    shuffle: Natural | None = None
    """The seed that drew so many samples; None for the first ones."""
    stratify: str | None = None
    """The tag of whose values each keeps its share."""
    sample: tuple[str, ...]
    """Ids that were asked for, or beginnings of ids."""
    options: dict[str, str]
    """Of the task."""
    model: str
    """As the user wrote it."""
    revision: str | None = None
    """Of a model on the hub, as the user wrote it; the weights' hash tells what it was."""
    predictor: dict[str, Any]
    """See `Predictor.identity`."""
    max_new_tokens: int
    reading: str
    """How mask words are read, see `Reading.name`."""
    batch_size: Count
    constrained: bool
    seed: Natural
    max_image_pixels: int = DEFAULT_MAX_PIXELS
    """Images with more were skipped."""
    data: str
    """sha256 of the samples and their images."""
    truth: str | None = None
    """sha256 of what answers are scored against; None in older files, and for a task that has none."""
    code: str
    """sha256 of the sources that made the run."""

    @property
    def partial(self) -> bool:
        """Whether only some samples were asked for, by --limit or --sample."""
        return self.limit is not None or bool(self.sample)

    @property
    def label(self) -> str:
        """The model as tables call it."""
        return str(self.predictor.get("name", self.model))

    @property
    def hash(self) -> str:
        """Eight hex digits that name the configuration."""
        older = {"truth"} if self.truth is None else None
        text = json.dumps(self.model_dump(exclude=older), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def make_task(self) -> Task:
        """The task of the run; ValueError where it is unknown, or lacks the protocol, format or option."""
        return registry.task_class(self.task, self.task_in_file)(
            self.protocol, self.data_format, self.options
        )


def short_name(model: str) -> str:
    """A model in few words: the last part of a folder or hub id."""
    return model.rstrip("/").rsplit("/", 1)[-1]


def data_hashes(first: RunSettings, second: RunSettings) -> tuple[str, str]:
    """What tells the data of two runs apart: equal hashes are the same data, as far as both know."""
    if first.data == second.data and first.truth and second.truth:
        return first.truth, second.truth
    return first.data, second.data


def changes(stored: RunSettings, asked: RunSettings) -> list[str]:
    """The `differences` of two runs' settings, the data compared by `data_hashes`."""
    before, now = (settings.model_dump(exclude={"truth"}) for settings in (stored, asked))
    before["data"], now["data"] = data_hashes(stored, asked)
    return differences(before, now)


def differences(stored: Any, asked: Any, name: str = "") -> list[str]:
    """What differs between two settings, by dotted name, as `batch_size 4 there, 8 now`."""
    if isinstance(stored, dict) and isinstance(asked, dict):
        keys = list(dict.fromkeys([*stored, *asked]))
        found = [
            differences(stored.get(key), asked.get(key), f"{name}.{key}" if name else key) for key in keys
        ]
        return [line for lines in found for line in lines]
    return [] if stored == asked else [f"{name} {_short(stored)} there, {_short(asked)} now"]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:12]}..."
