"""Benchmarks of a model while it is trained, by a harness that offers itself: the model knows of none."""

import shutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Protocol, Self

import torch
from pydantic import Field, PlainValidator, PositiveInt, model_validator
from transformers import Trainer, TrainerCallback

from samtok.training.processes import processes
from samtok.training.recipe import RecipePart
from samtok.training.resumable import is_due

GROUP = "samtok.benchmarks"
"""The entry point by which an installed package offers a `Benchmark`, a pydantic model."""


class Benchmark(Protocol):
    """What to ask of a model; the fields are the harness's."""

    label: str
    """Tells it from others, in file names and in the log."""

    def require_data(self) -> None:
        """ValueError or OSError, in one line, where the data are missing or cannot be read."""

    def run(self, model: Path, out: Path) -> dict[str, float]:
        """The metrics of the model in this folder; the answers go to the folder `out`."""


def _offered(options: Any) -> Benchmark:
    offers = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)
    if not offers:
        raise ValueError(f"no installed package offers to run benchmarks (entry point {GROUP})")
    return offers[0].load().model_validate(options)


class Benchmarks(RecipePart):
    """Which benchmarks run, and when: also after the last step."""

    every: PositiveInt
    """Steps between two times."""
    runs: list[Annotated[Any, PlainValidator(_offered)]] = Field(min_length=1)
    """Options of each; those of the harness are `task`, `data_root`, `split`, `limit` and others."""

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        labels = [benchmark.label for benchmark in self.runs]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"runs: two are called {label}; give each a `name`")
        return self

    def require_data(self) -> None:
        """ValueError or OSError where a run would end for want of its data; the first process runs them."""
        if processes().is_main_process:
            for benchmark in self.runs:
                benchmark.require_data()


class RunBenchmarks(TrainerCallback):
    """Writes the model as a whole one, has it benchmarked by the first process, and logs the values."""

    def __init__(self, trainer: Any, benchmarks: Benchmarks, out: Path) -> None:
        self._trainer, self._benchmarks, self._out = trainer, benchmarks, out / "benchmarks"
        self._looked_at = True
        """Whether the weights of the last step are benchmarked; there is none yet."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._looked_at = is_due(self._benchmarks.every, state, control)
        if self._looked_at:
            self._look(state, control)

    def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """What looks at the log may end the training; its last checkpoint is not written yet."""
        if control.should_training_stop and not self._looked_at:
            self._looked_at = True
            self._look(state, control)

    def _look(self, state: Any, control: Any) -> None:
        model = self._out / "model"
        with torch.random.fork_rng():  # a training does not depend on whether it is looked at
            self._trainer.save_loadable(model)
            if processes().is_main_process:
                values = self._run(model, self._out / f"step-{state.global_step}")
                should_log = control.should_log
                Trainer.log(self._trainer, values)  # TRL's own would end its step's means
                control.should_log = should_log  # which logging clears
        processes().wait_for_everyone()

    def _run(self, model: Path, out: Path) -> dict[str, float]:
        logs: dict[str, float] = {}
        for benchmark in self._benchmarks.runs:
            shutil.rmtree(out / benchmark.label, ignore_errors=True)  # of a training that was killed after it
            values = benchmark.run(model, out / benchmark.label)
            logs |= {f"{benchmark.label}_{metric}": round(value, 4) for metric, value in values.items()}
        shutil.rmtree(model)
        return logs
