"""What was exported: enough to ask the samples and to score an answer to one of them."""

from pydantic import BaseModel, ConfigDict

from samtok_bench import registry
from samtok_bench.task import Protocol, Task


class ExportSettings(BaseModel):
    """Of one split. Each exported line holds them: lmms-eval hands on nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    protocol: Protocol
    data_format: str | None
    options: dict[str, str]
    """Of the task."""
    split: str
    data_root: str | None
    """None for the task's own data, which may lie elsewhere on another machine."""
    elsewhere: dict[str, str]
    """How questions are put and answers read, by the names in `PredictorOptions`."""

    def make_task(self) -> Task:
        """The task; ValueError where it is unknown, or lacks the protocol, format or option."""
        return registry.task_class(self.task)(self.protocol, self.data_format, self.options)
