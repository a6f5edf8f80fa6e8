"""What a task is: four methods and the description of its metrics."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from samtok_bench.sample import Prediction, Sample, Scores

Protocol = Literal["standard", "released"]
PROTOCOLS: tuple[Protocol, ...] = ("standard", "released")


@dataclass(frozen=True)
class MetricInfo:
    """A metric: the sum of one per-sample value over the sum of another.

    Values are 0 to 1 in files and 0 to 100 in tables. A denominator of 0 makes the metric undefined
    (None in files, n/a in tables).
    """

    id: str
    version: int
    display: str
    direction: Literal["higher", "lower", "none"]
    """Which way is better; `none` for a property of the data."""
    numerator: str
    """Key of the per-sample scores."""
    denominator: str | None
    """Key of the per-sample scores; None counts every sample."""
    source: str
    """Paper or official script."""
    description: str
    epsilon: float = 0.0
    """Added to the denominator's sum, where the source does so."""


@dataclass(frozen=True)
class Generation:
    """What a task asks of the predictor's decoding."""

    max_new_tokens: int
    policy: str = "standard"
    """How mask words are read from an answer, by the name that `samtok.parse_words` knows."""


@dataclass(frozen=True)
class SampleSet:
    """A split as a task reads it."""

    samples: list[Sample]
    """In the file's order."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """What the reader left out, by reason; runs report it."""


@dataclass(frozen=True)
class DataStatus:
    """Whether a task's data is there, as far as a glance tells."""

    ready: bool
    """A run can start without writing or fetching anything."""
    detail: str
    """One line: where it is, or what is missing."""


class Task(ABC):
    """A benchmark task. A new one defines the class attributes and four methods.

    Args:
        protocol: `standard` is the benchmark's own definition, `released` reproduces SAMTok's scripts.

    Raises:
        ValueError: an unknown protocol.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for `samtok-bench tasks`."""
    metrics: tuple[MetricInfo, ...]
    """May depend on the protocol."""
    primary: ClassVar[str]
    """Id of the metric that ranks models."""
    splits: ClassVar[tuple[str, ...]]

    def __init__(self, protocol: Protocol = "standard") -> None:
        if protocol not in PROTOCOLS:
            raise ValueError(f"unknown protocol {protocol!r}; there are {' and '.join(PROTOCOLS)}")
        self.protocol = protocol

    @property
    @abstractmethod
    def generation(self) -> Generation:
        """Token limit and reading of mask words."""

    @abstractmethod
    def default_root(self) -> Path:
        """The data folder when none is named; it may write generated data first."""

    def data_status(self, root: Path | None) -> DataStatus:
        """A glance at the data below `root`, or at the default data; it reads no annotations.

        Tasks that can tell more than whether there is a folder override it.
        """
        if root is None:
            return DataStatus(True, "found or written by the first run")
        there = root.is_dir()
        return DataStatus(there, str(root) if there else f"no folder at {root}")

    @abstractmethod
    def samples(self, root: Path, split: str) -> SampleSet:
        """All samples of a split.

        Raises:
            ValueError: a malformed record; names the file and the record.
            OSError: a missing file; names it and the expected layout.
        """

    @abstractmethod
    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        """What one sample adds to the metrics; any outcome scores, none raises."""

    def summarize(self, scores: Sequence[Scores]) -> dict[str, float | None]:
        """The metrics by id, 0 to 1; None where a metric is undefined."""
        values = {}
        for info in self.metrics:
            below = len(scores) if info.denominator is None else sum(s[info.denominator] for s in scores)
            below += info.epsilon
            values[info.id] = sum(s[info.numerator] for s in scores) / below if below else None
        return values
