"""Endless streams of real data that may start anywhere: each record once, then again in another order."""

import sys
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, count
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from samtok_bench.predictors.samtok import template_mark
from samtok_bench.task import Dropped
from samtok_bench.validation import first_fault

T_co = TypeVar("T_co", covariant=True)
MOST_TRIES = 200
"""Unusable records in a row after which the data set is taken for the wrong one."""
MOST_ELONGATED = 200
"""Largest ratio of an image's sides that QwenVL's processor takes."""
_BLOCK = 1000
"""Draws in which each part of a mixture has its share."""
_GOLDEN = (5**0.5 - 1) / 2


class UnusableError(ValueError):
    """A record that cannot be used."""

    def __init__(self, reason: str, where: str, details: str = "") -> None:
        super().__init__(f"{where}: {details or reason}")
        self.reason, self.where = reason, where
        self.details = details.removeprefix(f"{where}: ")


def require_trainable(record: Any, where: str) -> None:
    """UnusableError for a dialogue or a prompt that a processor would refuse in the middle of a training."""
    if not isinstance(record, dict):
        return
    exchanges = [(record["problem"], record["answer"])] if "problem" in record else record["turns"]
    for text in (part for exchange in exchanges for parts in exchange for part in parts):
        if isinstance(text, str) and (mark := template_mark(text)):
            raise UnusableError("texts with marks of chat templates", where, f"a text holds {mark}")
    if isinstance(record["image"], np.ndarray):
        require_shape(record["image"].shape[:2], where)


def require_shape(size: tuple[int, ...], where: str) -> None:
    """UnusableError for an image (height, width) that QwenVL's processor refuses."""
    if max(size) > MOST_ELONGATED * min(size):
        details = (
            f"the image has {size[1]} x {size[0]} pixels, one side over {MOST_ELONGATED} times the other"
        )
        raise UnusableError("images that are too narrow", where, details)


class LeftOut(Dropped):
    """What this process left out so far; a line on stderr tells the first of a reason, the tenth, ..."""

    def add(self, reason: str, where: str = "", details: str = "", count: int = 1) -> None:
        """See `Dropped.add`."""
        before = self.counts[reason]
        super().add(reason, where, details, count)
        if len(str(self.counts[reason])) > len(str(before)) or not before:
            told = next(line for line in self.lines() if line.startswith(f"{self.counts[reason]} {reason}"))
            print(f"left out of the training data so far: {told}", file=sys.stderr)


class Records(ABC, Generic[T_co]):
    """A data set by places, read when asked for."""

    def __init__(self) -> None:
        self.left_out = LeftOut()

    @abstractmethod
    def __len__(self) -> int: ...

    def where(self, place: int) -> str:
        """A record's place, for messages."""
        return f"record {place}"

    @abstractmethod
    def read(self, place: int, rng: np.random.Generator) -> T_co:
        """What is trained on, of a record; UnusableError if nothing is. Choices are the generator's."""


class Joined:
    """Places in several files, one after the other.

    Args:
        lengths: how many each has.
    """

    def __init__(self, lengths: Iterable[int]) -> None:
        self._starts = [0, *accumulate(lengths)]

    def __len__(self) -> int:
        return self._starts[-1]

    def find(self, place: int) -> tuple[int, int]:
        """Which file has a place, and its number there."""
        which = bisect_right(self._starts, place) - 1
        return which, place - self._starts[which]


@dataclass(frozen=True)
class Part(Generic[T_co]):
    """Records with their weight in a mixture."""

    records: Records[T_co]
    weight: float = 1.0


class Options(BaseModel, ABC):
    """The options of a source, as a recipe gives them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @abstractmethod
    def parts(self) -> list[Part[Any]]:
        """Open the data.

        Raises:
            ValueError, OSError: it cannot be used at all, in one line.
        """

    @classmethod
    def stream(cls, seed: int, start: int, given: dict[str, Any]) -> Iterator[Any]:
        """What a source yields; files are opened once a process. ValueError for wrong options too."""
        return stream(_opened(cls, cls.checked(given).model_dump_json()), seed, start)

    @classmethod
    def checked(cls, given: dict[str, Any]) -> Self:
        """The options; ValueError, in one line, if they are wrong."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise ValueError(first_fault(error)) from None


@lru_cache(maxsize=32)
def _opened(options: type[Options], given: str) -> list[Part[Any]]:
    return options.model_validate_json(given).parts()


def stream(parts: Sequence[Part[T_co]], seed: int, start: int) -> Iterator[T_co]:
    """What is at the places `start`, `start` + 1, ... of a stream; a place is known without those before.

    A record that cannot be used is counted, and another one comes in its place.

    Raises:
        ValueError: MOST_TRIES records in a row, or a part without any, cannot be used.
    """
    weights = tuple(part.weight for part in parts)
    for index in count(start):
        which, number = share(weights, index)
        records = parts[which].records
        rng = np.random.default_rng((seed, index, 0xDA7A))
        place = at((seed, which), number, len(records))
        for _ in range(MOST_TRIES):
            try:
                found = records.read(place, rng)
                require_trainable(found, records.where(place))
                break
            except UnusableError as error:
                records.left_out.add(error.reason, error.where, error.details)
                place = int(rng.integers(len(records)))
        else:
            raise ValueError(
                f"{MOST_TRIES} records in a row cannot be used: {'; '.join(records.left_out.lines())}"
            )
        yield found


def at(seed: tuple[int, ...], number: int, size: int) -> int:
    """Which of `size` records comes as this one: each once, then each again in a new order."""
    if not size:
        raise ValueError("there is no record to train on")
    epoch, place = divmod(number, size)
    return int(_order(seed, epoch, size)[place])


@lru_cache(maxsize=16)
def _order(seed: tuple[int, ...], epoch: int, size: int) -> NDArray[np.int64]:
    return np.random.default_rng((*seed, epoch, 0x0DE5)).permutation(size)


def share(weights: tuple[float, ...], index: int) -> tuple[int, int]:
    """Which part of a mixture draw `index` is of, and how many draws before were.

    Args:
        weights: positive.
        index: from 0.
    """
    block = _block(weights)
    whole, place = divmod(index, _BLOCK)
    part = int(block[place])
    return part, whole * int((block == part).sum()) + int((block[:place] == part).sum())


@lru_cache(maxsize=32)
def _block(weights: tuple[float, ...]) -> NDArray[np.int64]:
    """Which part each of _BLOCK draws is of, evenly spread."""
    edges = np.cumsum(weights) / sum(weights)
    block = np.searchsorted(edges[:-1], np.arange(_BLOCK) * _GOLDEN % 1, side="right")
    missing = set(range(len(weights))) - set(block.tolist())
    if missing:
        small = ", ".join(f"{weights[part]:g}" for part in sorted(missing))
        raise ValueError(f"weights must each be 1/{_BLOCK} of all at least, got {small} of {sum(weights):g}")
    return block
