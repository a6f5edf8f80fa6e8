"""What an engine is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from samtok_bench.sample import Prediction, Sample


@dataclass(frozen=True)
class Answered:
    """Samples with their answers."""

    samples: Sequence[Sample]
    predictions: Sequence[Prediction]


Keep = Callable[[Sequence[Answered]], None]
"""Scores and writes answers, in the thread of the caller."""


class Engine(ABC):
    """Answers batches, wherever that happens. The caller alone scores and writes.

    Used in a `with` statement, which ends what the engine started.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what was started; what is at work is given up."""
        return None

    @abstractmethod
    def prepare(self) -> None:
        """Load the model; raises what a user can act on."""

    @abstractmethod
    def answer(self, batches: Sequence[Sequence[Sample]], keep: Keep) -> None:
        """Answer all batches.

        Args:
            batches: in the order in which they are begun.
            keep: called in order of completion; what is there at once comes together.

        Raises:
            Unavailable: the model cannot be reached any more. What was not kept is not answered.
        """
