"""What a user asks of a run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samtok_bench import registry
from samtok_bench.task import Protocol, Task

MAX_FAILURES = 3


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for."""

    task: str
    model: str = "nano"
    data_root: Path | None = None
    split: str | None = None
    limit: int | None = None
    shuffle: int | None = None
    """With `limit`: the seed that draws the samples, instead of the first ones."""
    stratify: str | None = None
    """With `limit`: the tag of whose values each keeps its share of the split."""
    sample: tuple[str, ...] = ()
    """Ids, or unique beginnings of ids."""
    out: Path | None = None
    protocol: Protocol = "standard"
    data: str | None = None
    """Format of the data, for tasks that read several."""
    option: tuple[str, ...] = ()
    """NAME=VALUE, for tasks that have options."""
    max_new_tokens: int | None = None
    """None for the task's own limit."""
    batch_size: int = 16
    constrained: bool = False
    seed: int = 0
    threads: int | None = None
    device: str = "auto"
    workers: int = 1
    """Processes, each with the model for itself."""
    ray: str | None = None
    """Address of the Ray cluster whose actors are the workers, or `local`."""
    elsewhere: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What is given of the options that not every model has, by their names in PredictorOptions."""
    ceiling: bool | None = None
    """None computes it where it is cheap."""
    retry_errors: bool = False
    """Ask again for the samples of a kept run that ended as model_error or skipped."""
    max_failures: int = MAX_FAILURES
    """The run stops when so many batches, the first ones, all fail; 0 for never."""
    command: tuple[str, ...] = ()
    """For the record."""

    def make_task(self) -> Task:
        """The task that is asked for; ValueError where there is none such."""
        return registry.task_class(self.task)(self.protocol, self.data, task_options(self.option))


def task_options(given: Sequence[str]) -> dict[str, str]:
    """The options of a task by name, from NAME=VALUE; ValueError for another form, or a name that repeats."""
    return _pairs(given, "--option", "VALUE")


def request_fields(given: Sequence[str]) -> dict[str, Any]:
    """Fields of a request by name, from NAME=JSON; errors as `task_options`."""
    fields = {}
    for name, value in _pairs(given, "--request-field", "JSON").items():
        try:
            fields[name] = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"--request-field {name}: {value!r} is not JSON: {error}") from None
    return fields


def _pairs(given: Sequence[str], option: str, kind: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"{option} takes NAME={kind}, got {text!r}")
        if name in pairs:
            raise ValueError(f"{option} sets {name} twice")
        pairs[name] = value
    return pairs
