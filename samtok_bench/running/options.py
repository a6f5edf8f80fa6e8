"""What a user asks of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from samtok_bench import registry
from samtok_bench.task import Protocol, Task


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for."""

    task: str
    model: str = "nano"
    data_root: Path | None = None
    split: str | None = None
    limit: int | None = None
    sample: tuple[str, ...] = ()
    """Ids, or unique beginnings of ids."""
    out: Path | None = None
    protocol: Protocol = "standard"
    data: str | None = None
    """Format of the data, for tasks that read several."""
    option: tuple[str, ...] = ()
    """NAME=VALUE, for tasks that have options."""
    batch_size: int = 16
    constrained: bool = False
    seed: int = 0
    threads: int | None = None
    device: str = "auto"
    workers: int = 1
    """Processes, each with the model for itself."""
    ray: str | None = None
    """Address of the Ray cluster whose actors are the workers, or `local`."""
    ceiling: bool | None = None
    """None computes it where it is cheap."""
    command: tuple[str, ...] = ()
    """For the record."""

    def make_task(self) -> Task:
        """The task that is asked for; ValueError where there is none such."""
        return registry.task_class(self.task)(self.protocol, self.data, task_options(self.option))


def task_options(given: Sequence[str]) -> dict[str, str]:
    """The options of a task by name, from NAME=VALUE.

    Raises:
        ValueError: one is not of this form, or a name comes twice.
    """
    options: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ValueError(f"--option takes NAME=VALUE, got {text!r}")
        if name in options:
            raise ValueError(f"--option sets {name} twice")
        options[name] = value
    return options
