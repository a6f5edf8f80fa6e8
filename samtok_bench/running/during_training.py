"""Benchmarks of a model while it is trained, as the recipes of trainings name them."""

import sys
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run
from samtok_bench.running.samples import choose, read_split
from samtok_bench.task import Protocol


class TrainingBenchmark(BaseModel):
    """A run of a task, with the options of `samtok-bench run`."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, pattern=r"^[\w.+-]+$")
    """Of its folder and its figures; by default the task and the split."""
    task: str
    data_root: Path | None = None
    split: str | None = None
    limit: PositiveInt | None = None
    protocol: Protocol = "standard"
    data: str | None = None
    options: dict[str, str] = Field(default_factory=dict)
    """Of the task."""
    batch_size: PositiveInt = 16
    constrained: bool = False

    @model_validator(mode="after")
    def _exists(self) -> Self:
        self._asked(None, None).make_task()
        return self

    @property
    def label(self) -> str:
        """Its name, or task and split."""
        if self.name:
            return self.name
        return f"{self.task}-{self.split}" if self.split else self.task

    def require_data(self) -> None:
        """Read what is asked, so that missing data end a training before it begins and not in its midst.

        Raises:
            ValueError, OSError: as `samtok_bench.running.run.run`, of the data.
        """
        options = self._asked(None, None)
        split = read_split(options.make_task(), options, lambda _: None)  # the runs say what is left out
        choose(split.read, options, _Notes())

    def run(self, model: Path, out: Path) -> dict[str, float]:
        """The values of the metrics that are defined, by id."""
        found = run(self._asked(model, out), _Notes()).summary.metrics
        return {metric.id: metric.value for metric in found if metric.value is not None}

    def _asked(self, model: Path | None, out: Path | None) -> RunOptions:
        return RunOptions(
            self.task,
            model=str(model),
            data_root=self.data_root,
            split=self.split,
            limit=self.limit,
            out=out,
            protocol=self.protocol,
            data=self.data,
            option=tuple(f"{name}={value}" for name, value in self.options.items()),
            batch_size=self.batch_size,
            constrained=self.constrained,
            ceiling=False,
        )


class _Notes:
    """A reporter of notes alone: the training shows its own progress."""

    def start(self, what: str, total: int, done: int) -> None:
        """Nothing to show."""

    def advance(self, count: int) -> None:
        """Nothing to show."""

    def stop(self) -> None:
        """Nothing to tidy."""

    def note(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
