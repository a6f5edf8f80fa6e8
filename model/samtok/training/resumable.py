"""A Trainer that goes on from a checkpoint as if it had never stopped: same weights, same log."""

import json
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback
from transformers.trainer import TRAINING_ARGS_NAME

from samtok.locate import TOKENIZER, VLM
from samtok.tokenizer import SAMTok
from samtok.training.folders import UNFINISHED, remove_older, step_of, written_whole
from samtok.training.processes import processes

_COUNTED = "log_state.json"
"""In a checkpoint: what was counted since the last line of the log, and what ended the training there."""
_SUMMARY = "train_runtime"
"""Is in the line that ends a training or stage."""


class TrainingLog:
    """log.jsonl: one JSON object per line, each on the disk before the training goes on.

    Of several processes the first one writes.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._writes = path, processes().is_main_process

    def write(self, entry: dict[str, Any]) -> None:
        """Add a line; OSError names the file."""
        if self._writes:
            self._write(self.path, "a", json.dumps(entry) + "\n")

    def rewind(self, step: int, stage: str | None = None, finished: Collection[str] = ()) -> None:
        """Drop the lines that a training resumed after this step writes again, and one that a kill has torn.

        Args:
            step: the last step that stays, in `stage`.
            stage: the stage that is resumed, where lines have one.
            finished: stages whose lines stay.
        """
        if not self._writes or not self.path.exists():
            return
        kept = []
        for line in self.path.read_text(errors="replace").splitlines(keepends=True):
            try:
                entry = json.loads(line)
                past = entry.get("stage") == stage and entry["step"] <= step and _SUMMARY not in entry
                if line.endswith("\n") and (past or entry.get("stage") in finished):
                    kept.append(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        part = self.path.with_name(f"{self.path.name}.part")
        self._write(part, "w", "".join(kept))
        part.replace(self.path)

    def _write(self, path: Path, mode: str, text: str) -> None:
        try:
            with path.open(mode) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(path)) from None


class ResumableTrainer(Trainer):
    """A Trainer whose checkpoints are whole, and hold all that the log's next lines depend on."""

    counted: dict[str, torch.Tensor]
    """Sums that a subclass keeps since the last line of the log, of this process alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.counted = {}
        self._resumed: str | None = None
        self._left = True
        self._random_restored = False
        self._uncounted = 0
        self._began = time.monotonic()
        self._writing_in: Path | None = None
        self.add_callback(_Continue(self))

    def train(self, resume_from_checkpoint: Any = None, **kwargs: Any) -> Any:
        """Train, from a checkpoint if one is given; one line on stderr says if nothing is left to train."""
        self._resumed, self._random_restored = resume_from_checkpoint, False
        self._left = True
        if (why := self._finished()) is not None:
            if self.args.process_index == 0:
                print(f"{resume_from_checkpoint}: the training is finished: {why}", file=sys.stderr)
            self._left, self.args.max_steps = False, step_of(Path(resume_from_checkpoint))
        try:
            return super().train(resume_from_checkpoint=resume_from_checkpoint, **kwargs)
        finally:
            for callback in self.callback_handler.callbacks:
                if bar := getattr(callback, "training_bar", None):
                    bar.close()  # else an error would stand in its line

    @property
    def is_finished(self) -> bool:
        """Whether the checkpoint was written after the last step."""
        return not self._left

    def _finished(self) -> str | None:
        """Why nothing is left to train after the checkpoint; None if something is."""
        if self._resumed is None:
            return None
        if (step := step_of(Path(self._resumed))) >= self.args.max_steps:
            return f"it has made {step} steps"
        counts = self._read_counts()
        reasons = (ending.still_ends(counts) for ending in self._endings())
        return next((reason for reason in reasons if reason is not None), None)

    def _endings(self) -> list["Ending"]:
        return [callback for callback in self.callback_handler.callbacks if isinstance(callback, Ending)]

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The batches of the steps that are left; a Trainer would make one step more than none."""
        nothing: Any = []
        return DataLoader(nothing) if self.is_finished else super().get_train_dataloader()

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Let the mean loss of the training be that of all its steps, not of those since the last start."""
        if "train_loss" in logs:
            logs["train_loss"] = self._total_loss_scalar / max(self.state.global_step - self._uncounted, 1)
        super().log(logs, start_time)

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._writing_in or super()._get_output_dir(trial))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Let transformers write a checkpoint aside, and then give it its name; remove older ones."""
        folder = Path(self.args.output_dir, f"checkpoint-{self.state.global_step}")
        counts = self._counts()
        with self._written_together(folder):
            self._writing_in = folder.parent / UNFINISHED
            try:
                super()._save_checkpoint(model, trial)
                if self.args.should_save:
                    (self._writing_in / folder.name / _COUNTED).write_text(json.dumps(counts))
            finally:
                self._writing_in = None
        if self.args.should_save and self.args.save_total_limit:
            remove_older(folder, keep=self.args.save_total_limit)

    @contextmanager
    def _written_together(self, folder: Path) -> Iterator[None]:
        """`written_whole` by the first process; all write in the folder aside."""
        with written_whole(folder) if self.args.should_save else nullcontext():
            self.accelerator.wait_for_everyone()
            yield
            self.accelerator.wait_for_everyone()

    def save_whole(self, folder: Path, samtok: SAMTok | None = None) -> None:
        """Write weights and processor as a folder that can be loaded, whole or not at all.

        Args:
            folder: gets its name when all is there.
            samtok: a mask tokenizer, which makes it the folder of a whole model.
        """
        with self._written_together(folder):
            aside = folder.parent / UNFINISHED / folder.name
            weights = aside / VLM if samtok else aside
            self.save_model(str(weights))
            if self.args.should_save:
                (weights / TRAINING_ARGS_NAME).unlink(missing_ok=True)  # a pickle, of no use to others
                if samtok:
                    samtok.save_pretrained(aside / TOKENIZER)

    def total(self, sums: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over all processes, on the CPU; all of them must call this."""
        return self.accelerator.reduce(sums.to(self.args.device), "sum").cpu()

    def _counts(self) -> dict[str, Any]:
        return {
            "loss": (self.total(self._tr_loss) / self.args.world_size).item(),
            "total_loss": self._total_loss_scalar,
            "last_logged": self._globalstep_last_logged,
            "seconds": self.seconds,
            "ended": [reason for ending in self._endings() for reason in ending.reasons],
            "sums": {name: self.total(sums).tolist() for name, sums in self.counted.items()},
        }

    def restore_counts(self) -> None:
        """Go on counting where the checkpoint was written."""
        self._began = time.monotonic()
        if self._resumed is None:
            return
        counts = self._read_counts()
        if not counts:
            self._uncounted = self.state.global_step
            return
        self._tr_loss.fill_(counts["loss"])
        self._total_loss_scalar = counts["total_loss"]
        self._globalstep_last_logged = counts["last_logged"]
        self._began -= counts.get("seconds", 0.0)
        for name, sums in counts["sums"].items():
            if name in self.counted and self.args.process_index == 0:
                self.counted[name].copy_(torch.tensor(sums))

    def _read_counts(self) -> dict[str, Any]:
        """Of the checkpoint; empty for one of transformers' own."""
        file = Path(self._resumed or "", _COUNTED)
        return json.loads(file.read_text()) if file.is_file() else {}

    @property
    def seconds(self) -> float:
        """How long it has trained, those before it was resumed included."""
        return time.monotonic() - self._began

    def restore_random(self) -> None:
        """Before the first step, set the random states again: the loader of the data has drawn from them."""
        if not self._random_restored:
            self._load_rng_state(self._resumed)
            self._random_restored = True


class _Continue(TrainerCallback):
    """What a Trainer forgets when it resumes."""

    def __init__(self, trainer: ResumableTrainer) -> None:
        self._trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._trainer.restore_counts()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._trainer.restore_random()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # the share of all steps, not of those since the last start
        state.epoch = state.global_step / state.max_steps


def is_due(every: int, state: Any, control: Any) -> bool:
    """Whether a step is one of every so many, or the last one, as which earlier callbacks may end it."""
    return (
        not state.global_step % every or state.global_step == state.max_steps or control.should_training_stop
    )


class Ending(TrainerCallback, ABC):
    """May end a training in order before its last step; the checkpoint that is written then says why."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        """Why it ends the training after this step; goes to the checkpoint's `ended`."""

    def end(self, control: Any, reasons: list[str]) -> None:
        """Let this step be the last one."""
        self.reasons = reasons
        control.should_training_stop = control.should_save = True

    @abstractmethod
    def still_ends(self, counts: dict[str, Any]) -> str | None:
        """Why the training of a checkpoint with these counts ends there, by the recipe of now too."""


class TimeLimit(Ending):
    """Ends a training in order after so many seconds of it: its last checkpoint is written.

    The learning rate is as far on its schedule as the time or the steps are, whichever is further.
    """

    def __init__(self, trainer: ResumableTrainer, seconds: float | None) -> None:
        super().__init__()
        self._trainer, self._seconds = trainer, seconds

    def still_ends(self, counts: dict[str, Any]) -> str | None:
        """Not with more seconds than it took."""
        over = "seconds" in counts.get("ended", ()) and self._seconds and counts["seconds"] >= self._seconds
        return "its `seconds` are over" if over else None

    def on_step_end(
        self,
        args: Any,
        state: Any,
        control: Any,
        optimizer: Any = None,
        lr_scheduler: Any = None,
        **_: Any,
    ) -> None:
        if self._seconds is None:
            return
        passed = [self._trainer.seconds / self._seconds]
        broadcast_object_list(passed)  # all processes end after the same step
        if passed[0] >= 1:
            self.end(control, ["seconds"])
        schedule = getattr(lr_scheduler, "scheduler", lr_scheduler)  # as accelerate wraps it
        if isinstance(schedule, LambdaLR):
            place = max(state.global_step, min(passed[0], 1) * state.max_steps)
            rates = [
                rate * at(place) for rate, at in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)
            ]
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate
            schedule._last_lr = rates
