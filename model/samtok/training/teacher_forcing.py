"""Evaluation on the way: losses on fixed dialogues whose right answers are given token by token."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from pydantic import PositiveInt
from transformers import TrainerCallback

from samtok.training.dialogues import Collator, draw
from samtok.training.recipe import DataSource, RecipePart, Seed
from samtok.training.resumable import is_due
from samtok.training.token_losses import TokenLosses

Batches: TypeAlias = Sequence[Mapping[str, Any]]
"""As the collator makes them."""


class TeacherForced(RecipePart):
    """Teacher-forced accuracy on fixed dialogues, for each named set of options of the data source."""

    seed: Seed
    images: PositiveInt
    """Images, and so dialogues, per set."""
    every: PositiveInt
    """Steps between two evaluations."""
    sets: dict[str, dict[str, Any]]

    def batches(self, data: DataSource, collator: Collator, most: int | None) -> dict[str, Batches]:
        """The dialogues of each set, at most so many in a batch; None for all at once."""
        most = most or self.images
        batches = dict[str, Batches]()
        for name, options in self.sets.items():
            drawn = draw(data, self.seed, range(self.images), options)
            batches[name] = [collator(drawn[first : first + most]) for first in range(0, len(drawn), most)]
        return batches


class EvaluateTeacherForced(TrainerCallback):
    """Logs for each set the losses, and how often the greedy choice is right.

    Args:
        trainer: a SupervisedTrainer.
        every: so many steps, and at the end.
        sets: encoded once, so that every evaluation sees the same dialogues.
    """

    def __init__(self, trainer: Any, every: int, sets: Mapping[str, Batches]) -> None:
        self._trainer, self._every = trainer, every
        self._sets = {name: list(map(trainer.filled, batches)) for name, batches in sets.items()}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not is_due(self._every, state, control):
            return
        model = self._trainer.model_wrapped
        model.eval()
        logs: dict[str, float] = {}
        with torch.no_grad():
            for name, batches in self._sets.items():
                answers = self._answers(model, batches, args.device)
                for part, chosen in self._trainer.parts(answers.targets).items():
                    if chosen.any():
                        logs[f"eval_{name}_{part}"] = round(answers.right[chosen].float().mean().item(), 4)
                        logs[f"eval_{name}_{part}_loss"] = round(answers.losses[chosen].mean().item(), 4)
        model.train()
        should_log = control.should_log
        self._trainer.log(logs)
        control.should_log = should_log  # which logging clears

    def _answers(self, model: Any, batches: Batches, device: torch.device) -> TokenLosses:
        found = []
        for batch in batches:
            on_device = {key: value.to(device) for key, value in batch.items() if key != "cut"}
            answers, _image = model(**on_device)
            found.append(answers)
        return TokenLosses(*map(torch.cat, zip(*found, strict=True)))
