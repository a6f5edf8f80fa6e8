"""What goes wrong in reinforcement learning, in figures: refusals, repeats, groups without spread."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import model_validator

from samtok.training.recipe import RecipePart
from samtok.training.rewards import spoken, well_formed
from samtok.words import parse_words

Figure = Literal[
    "refusals_targeted",
    "refusals_no_target",
    "t_acc",
    "masks_per_answer",
    "repeats",
    "malformed",
    "entropy",
    "frac_reward_zero_std",
    "completions/mean_length",
    "completions/clipped_ratio",
    "reward",
    "reward_std",
    "kl",
    "grad_norm",
]
"""Figures of the log that can be watched; see `figures` for ours, the others are TRL's."""


def figures(answers: Sequence[str], truths: Sequence[str]) -> dict[str, float]:
    """What sampled answers are like; of masks in thoughts only `malformed` knows.

    Args:
        answers: N texts, N >= 1.
        truths: the texts that are wanted; one without a mask has no target.

    Returns:
        refusals_targeted, refusals_no_target: share of answers without a mask where there is a target and
            where there is none, 0..1; the second is N-acc of the sampled answers. Absent where no prompt is
            of the kind.
        t_acc: 1 - refusals_targeted.
        masks_per_answer: mean number of masks.
        repeats: share of answers with a mask more than once, 0..1.
        malformed: share of answers with marks that make no mask, 0..1.
    """
    said = [parse_words(spoken(answer)).codes for answer in answers]
    refused = [not codes for codes in said]
    targeted = [bool(parse_words(spoken(truth)).words) for truth in truths]
    found = {
        "masks_per_answer": _mean([len(codes) for codes in said]),
        "repeats": _mean([len(set(codes)) < len(codes) for codes in said]),
        "malformed": _mean([1 - well_formed(answer) for answer in answers]),
    }
    for name, kind in (("refusals_targeted", True), ("refusals_no_target", False)):
        if kind in targeted:
            found[name] = _mean([no for no, has in zip(refused, targeted, strict=True) if has is kind])
    if "refusals_targeted" in found:
        found["t_acc"] = 1 - found["refusals_targeted"]
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


class Watch(RecipePart):
    """A threshold of a figure."""

    figure: Figure
    above: float | None = None
    """Warn above this value."""
    below: float | None = None
    """Warn below this value."""
    stop: bool = False
    """End the training in order instead of only warning: last checkpoint and final weights are written."""

    @model_validator(mode="after")
    def _one_bound(self) -> "Watch":
        if (self.above is None) == (self.below is None):
            raise ValueError("give either above or below")
        return self

    def crossed(self, value: float) -> bool:
        """Whether a value is beyond the threshold."""
        return value > self.above if self.above is not None else value < (self.below or 0.0)

    def __str__(self) -> str:
        bound = f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"
        return f"{self.figure} {bound}"


class Watches:
    """Says once when a figure crosses its threshold, and again when it does so after it was back."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches
        self._beyond: set[str] = set()

    def look(self, step: int, logged: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Look at one line of the log.

        Returns:
            the warnings of this line, new or not, and those of them for which the training has to stop.
        """
        warnings, stops = [], []
        for watch in self._watches:
            value = logged.get(watch.figure)
            if value is None:
                continue
            name = str(watch)
            if not watch.crossed(value):
                self._beyond.discard(name)
                continue
            warnings.append(name)
            stops += [name] if watch.stop else []
            if name not in self._beyond:
                ends = ": the training stops here" if watch.stop else ""
                print(f"warning: step {step}: {watch.figure} is {value:.3g}, {name}{ends}", file=sys.stderr)
                self._beyond.add(name)
        return warnings, stops


DEFAULT_WATCHES = [
    Watch(figure="refusals_targeted", above=0.5),
    Watch(figure="frac_reward_zero_std", above=0.9),
    Watch(figure="repeats", above=0.2),
    Watch(figure="malformed", above=0.2),
    Watch(figure="completions/clipped_ratio", above=0.2),
    Watch(figure="entropy", below=0.01),
]
