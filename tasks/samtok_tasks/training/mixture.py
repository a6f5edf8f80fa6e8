"""Several sources as one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from samtok_tasks.training.llava import LlavaOptions
from samtok_tasks.training.messages import MessageOptions
from samtok_tasks.training.parquet import ParquetOptions
from samtok_tasks.training.prompts import TaskPromptOptions
from samtok_tasks.training.regions import RegionOptions
from samtok_tasks.training.shards import ShardOptions
from samtok_tasks.training.streams import Options, Part
from samtok_tasks.training.tasks import TaskOptions

SOURCES: Mapping[str, type[Options]] = {
    "llava": LlavaOptions,
    "messages": MessageOptions,
    "parquet": ParquetOptions,
    "regions": RegionOptions,
    "shards": ShardOptions,
    "task-prompts": TaskPromptOptions,
    "tasks": TaskOptions,
}
"""What can be mixed, by the name that recipes use."""


class _Mixed(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    source: str
    weight: float = Field(default=1, gt=0)
    options: dict[str, Any] = Field(default_factory=dict)

    def opened(self) -> list[Part[Any]]:
        if self.source not in SOURCES:
            raise ValueError(f"{self.source!r} cannot be mixed; there are {', '.join(SOURCES)}")
        try:
            parts = SOURCES[self.source].checked(self.options).parts()
        except ValueError as error:
            raise ValueError(f"{self.source}: {error}") from None
        whole = sum(part.weight for part in parts)
        return [Part(part.records, self.weight * part.weight / whole) for part in parts]


class MixtureOptions(Options):
    """See `mixture`."""

    sources: list[_Mixed] = Field(min_length=1)

    def parts(self) -> list[Part[Any]]:
        return [part for mixed in self.sources for part in mixed.opened()]


def mixture(seed: int, *, start: int = 0, sources: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """What several sources of one kind yield, for ever.

    Args:
        seed: equal seeds give equal streams.
        start: the number in the stream of what comes first.
        sources: `source`, one of SOURCES, its `weight` and its `options` for each. A weight is the share of
            the draws, whatever the size of the data.

    Raises:
        ValueError, OSError: wrong options, or data that cannot be read.
    """
    return MixtureOptions.stream(seed, start, {"sources": sources})
