"""What a task is: four methods and the description of its metrics."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from samtok_bench import metric, statistics
from samtok_bench.constant_answers import CONSTANT_ANSWERS, constant_answer
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Prediction, Sample, Scores

Protocol = Literal["standard", "released", "released-rl"]
PROTOCOLS: tuple[Protocol, ...] = ("standard", "released")


@dataclass(frozen=True)
class Generation:
    """What a task asks of the predictor's decoding."""

    max_new_tokens: int
    policy: str = "standard"
    """How mask words are read from an answer, by the name that `samtok.parse_words` knows."""
    special_tokens: bool = False
    """Whether a model's special tokens stay in its text, such as those around phrases."""


@dataclass(frozen=True)
class SampleSet:
    """A split as a task reads it."""

    samples: list[Sample]
    """In the file's order."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """What the reader left out, by reason; runs report it."""
    first: Mapping[str, str] = field(default_factory=dict)
    """For a reason, the first that was left out: file, record and what is wrong."""


@dataclass(frozen=True)
class DataStatus:
    """Whether a task's data is there, as far as a glance tells."""

    ready: bool
    """A run can start without writing or fetching anything."""
    detail: str
    """One line: where it is, or what is missing."""


@dataclass(frozen=True)
class HubSource:
    """What of a task's official files is a data set on the Hugging Face hub."""

    id: str
    """OWNER/NAME of the data set."""
    patterns: tuple[str, ...]
    """The files to take, as the hub's globs."""
    folder: str = "."
    """Where they belong below the data root."""
    rest: str = ""
    """What the data set lacks, with where it is from and where it belongs; empty if nothing."""


class Task(ABC):
    """A benchmark task. A new one defines the class attributes and four methods.

    Args:
        protocol: `standard` is the benchmark's own definition, `released` reproduces SAMTok's scripts, and
            `released-rl` those for its models trained by reinforcement.
        data: one of `data_formats`; the first by default.
        options: values of `option_values` by name; the first of each by default.

    Raises:
        ValueError: an unknown protocol, data format, option or value.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for `samtok-bench tasks`."""
    primary: ClassVar[str]
    """Id of the metric that ranks models."""
    splits: ClassVar[tuple[str, ...]]
    protocols: ClassVar[tuple[Protocol, ...]] = PROTOCOLS
    data_formats: ClassVar[tuple[str, ...]] = ()
    """What --data may name, the default first; empty where a task has one format only."""
    hub: ClassVar[Mapping[str | None, HubSource]] = {}
    """By data format, or None for a task of one format: what `samtok-bench data fetch` downloads."""
    option_values: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What --option may set: for each name its values, the default first."""
    answered_by: ClassVar[Literal["model", "codec"]] = "model"
    """A codec's task asks for nothing but the target masks back: `--model nano` is then nano's tokenizer."""
    tag_values: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Values of tags in the order of tables, which show them also where no sample has them."""

    def __init__(
        self,
        protocol: Protocol = "standard",
        data: str | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        if protocol not in self.protocols:
            raise ValueError(f"unknown protocol {protocol!r}; there are {', '.join(self.protocols)}")
        if data is not None and data not in self.data_formats:
            known = ", ".join(self.data_formats) or "none: its data has one format"
            raise ValueError(f"unknown data format {data!r} of the task {self.name!r}; there are {known}")
        self.protocol = protocol
        self.data = data or next(iter(self.data_formats), None)
        self.options = self._chosen(options or {})

    def _chosen(self, options: Mapping[str, str]) -> dict[str, str]:
        """A value for each option."""
        for name, value in options.items():
            if name not in self.option_values:
                known = ", ".join(self.option_values) or "none"
                raise ValueError(f"the task {self.name!r} has no option {name!r}; there are {known}")
            if value not in self.option_values[name]:
                known = ", ".join(self.option_values[name])
                raise ValueError(f"the option {name} of the task {self.name!r} is {known}, not {value!r}")
        return {name: options.get(name, values[0]) for name, values in self.option_values.items()}

    @property
    @abstractmethod
    def metrics(self) -> tuple[MetricInfo, ...]:
        """May depend on the protocol; a class attribute where it does not."""

    @property
    @abstractmethod
    def generation(self) -> Generation:
        """Token limit and reading of mask words."""

    @abstractmethod
    def default_root(self) -> Path:
        """The data folder when none is named; it may write generated data first."""

    def default_split(self, root: Path) -> str:
        """The split when none is named."""
        return self.splits[0]

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

    def with_history(self, sample: Sample, earlier: Sequence[Prediction]) -> Sample:
        """The sample as it is asked once the samples of its `after` are answered; only the turns may differ.

        Args:
            sample: one with `after`.
            earlier: the answers to those, in order, of any outcome.
        """
        return sample

    @abstractmethod
    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        """What one sample adds to the metrics; any outcome scores, none raises."""

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """Constant answers by name, which never look at the image: the floor under every score.

        By default no mask at all, and one mask of the whole image.
        """
        return {name: constant_answer(name, sample) for name in CONSTANT_ANSWERS}

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction]
    ) -> Mapping[str, float | None]:
        """The metrics that are no sum over samples (aggregate "corpus"), by id."""
        return {}

    def summarize(self, scores: Sequence[Scores], clusters: Sequence[str]) -> dict[str, float | None]:
        """The metrics by id; None where a metric is undefined.

        Args:
            scores: of `score`, one a sample.
            clusters: the cluster of each.
        """
        rows, count = statistics.numbered(clusters)
        return {info.id: metric.value(info, scores, rows, count) for info in self.metrics}
