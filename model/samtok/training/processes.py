"""The processes of a training: this one alone, or those that `accelerate launch` has started."""

import math
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple, TypeVar

import torch
from accelerate import PartialState

Item = TypeVar("Item")
_LOCAL = "LOCAL_RANK"
"""Set by what starts several processes on a machine: the number of this one there."""


def processes() -> PartialState:
    """Join the other processes of this training, if there are any."""
    # they wait for the first one's benchmarks; NCCL's own limit is ten minutes
    return PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(hours=12))


def own_gpu() -> torch.device | None:
    """The GPU of this process, or of the one that it draws data for; None without GPUs."""
    return torch.device("cuda", int(os.environ.get(_LOCAL, 0))) if torch.cuda.is_available() else None


class Share(NamedTuple):
    """What a process does of each step: so many passes, each over an equal part of the step's images."""

    process: int = 0
    processes: int = 1
    passes: int = 1
    """Forward and backward passes of each process, whose gradients are added up."""

    @classmethod
    def of_steps(cls, images: Sequence[int], most: int | None, planned: int | None = None) -> "Share":
        """This process's share of steps of so many images, in the fewest passes of at most `most` images.

        Args:
            images: of each step, on all processes together.
            most: None for all at once.
            planned: the share of the first of so many processes, instead of those of this training.

        Raises:
            ValueError: the images of all steps cannot be divided among the processes.
        """
        if planned is None:
            number, count = processes().process_index, processes().num_processes
        else:
            number, count = 0, planned
        each = math.gcd(*images)
        steps = f"steps of {', '.join(map(str, images))} images"
        if each % count:
            raise ValueError(f"{steps} cannot be divided among {count} processes")
        each //= count
        fewest = math.ceil(max(images) / count / most) if most else 1
        passes = next((passes for passes in range(fewest, each + 1) if each % passes == 0), None)
        if passes is None:
            raise ValueError(
                f"{steps} on {count} processes have no passes of at most {most} images: "
                f"only {each} passes or fewer divide them all"
            )
        return cls(number, count, passes)

    def parts(self, items: Sequence[Item]) -> list[Sequence[Item]]:
        """The items of a step that this process sees, pass by pass."""
        size = len(items) // (self.processes * self.passes)
        first = self.process * self.passes
        return [items[size * part : size * (part + 1)] for part in range(first, first + self.passes)]


ALONE = Share()
