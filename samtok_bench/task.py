"""What a task is: one benchmark, with its samples, its metrics and how an answer is scored."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from samtok_bench import metric, rle
from samtok_bench.metric import MetricInfo, Scored
from samtok_bench.reading import STANDARD, Reading
from samtok_bench.sample import Prediction, Sample, Scores
from samtok_bench.shown import Shown

Protocol = Literal["standard", "released", "released-rl"]
PROTOCOLS: tuple[Protocol, ...] = ("standard", "released")
CONSTANT_ANSWERS = ("refuse", "whole")
"""What never looks at the image: no mask at all, or one mask of the whole image."""


@dataclass(frozen=True)
class Generation:
    """What a task asks of the predictor's decoding."""

    max_new_tokens: int
    reading: Reading = STANDARD
    """How mask words are read from an answer."""
    special_tokens: bool = False
    """Whether a model's special tokens stay in its text, such as those around phrases."""


def constant_answer(name: str, sample: Sample) -> Prediction:
    """One of CONSTANT_ANSWERS to a sample."""
    if name == "refuse":
        return Prediction(text="No target.", stop_reason="stop")
    return Prediction(masks=(rle.full(*sample.size),), stop_reason="stop")


class Dropped:
    """What a reader left out, or kept although something is wrong with it: counted, with the first places."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """By reason, what was left out."""
        self.lost: Counter[str] = Counter()
        """By reason, what of that a file would bring back that is missing or cannot be read."""
        self.kept: Counter[str] = Counter()
        """By what is wrong, what was kept as the benchmark keeps it."""
        self.first: dict[str, str] = {}
        """The first of a reason: file, record and what is wrong."""

    def add(self, reason: str, where: str = "", details: str = "", count: int = 1) -> None:
        """Count what is left out; `where` is the file and the record, `details` what is wrong there."""
        if count:
            self.counts[reason] += count
            if where:
                self.first.setdefault(reason, f"{where}: {details}" if details else where)

    def lose(self, reason: str, where: str, details: str = "") -> None:
        """Count what is left out for want of a file: it is missing, or cannot be read."""
        self.add(reason, where, details)
        self.lost[reason] += 1

    def keep(self, what: str, where: str) -> None:
        """Count what is kept although something is wrong with it."""
        self.kept[what] += 1
        self.first.setdefault(what, where)

    def at(self, where: str) -> Callable[[str, str], None]:
        """What adds a reason with its details at one place."""
        return lambda reason, details: self.add(reason, where, details)

    def update(self, other: "Dropped") -> None:
        """Add what another reader counted."""
        self.counts.update(other.counts)
        self.lost.update(other.lost)
        self.kept.update(other.kept)
        self.first = other.first | self.first

    def lines(self) -> list[str]:
        """One line per reason for what was left out."""
        return self._lines(self.counts)

    def kept_lines(self) -> list[str]:
        """The same for what was kept."""
        return self._lines(self.kept)

    def _lines(self, counts: Counter[str]) -> list[str]:
        return [
            f"{count} {reason}" + (f", the first: {self.first[reason]}" if reason in self.first else "")
            for reason, count in counts.items()
        ]


@dataclass(frozen=True)
class SampleSet:
    """A split as a task reads it."""

    samples: list[Sample]
    """In the file's order."""
    dropped: Dropped = field(default_factory=Dropped)
    """What the reader left out; runs report it."""
    shared: Any = None
    """What the task's `corpus` needs of the whole split beside the samples that are run."""

    checked: bool = field(default=False, repr=False)
    """Whether the masks were looked at; the set itself sees to it."""

    def __post_init__(self) -> None:
        """ValueError for a mask that is malformed, or not canonical: a task may have it from a file unread.

        The readers of this project refuse it with its record; this is for all others.
        """
        if self.checked:
            return
        sound: set[int] = set()  # samples share masks
        for sample in self.samples:
            for mask in sample.masks:
                if id(mask) not in sound:
                    _check(mask, sample)
                    sound.add(id(mask))
        object.__setattr__(self, "checked", True)


def _check(mask: Any, sample: Sample) -> None:
    try:
        if rle.validate(mask) is not mask:
            raise ValueError("a mask is not in the form that samtok_bench.rle.validate gives it")
    except ValueError as error:
        raise ValueError(f"sample {sample.id} on {sample.image}: {error}") from None


@dataclass(frozen=True)
class DataStatus:
    """Whether a task's data is there, as far as a glance tells."""

    ready: bool
    """A run can start: the data is there, or the run writes it."""
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
    revision: str | None = None
    """The commit to take, 40 hex digits: later ones may be other data. None where none was chosen."""


class Task(ABC):
    """One benchmark. A new one defines four class attributes, `metrics`, `generation`, `samples` and `score`.

    Args:
        protocol: `standard` is the benchmark's own definition, `released` reproduces SAMTok's scripts, and
            `released-rl` those for its models trained by reinforcement.
        data: one of `data_formats`; the first by default.
        options: values of `option_values` by name, the first of each by default, and of `option_texts`.

    Raises:
        ValueError: an unknown protocol, data format, option or value.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    """One line for `samtok-bench tasks`."""
    primary: ClassVar[str]
    """Id of the metric that ranks models."""
    source: ClassVar[str] = ""
    """Paper or official script that defines the metrics, as far as a metric names no other."""
    splits: ClassVar[tuple[str, ...]]
    group: ClassVar[str] = ""
    """The name by which `--task` runs this benchmark together with others, if there is one."""
    protocols: ClassVar[tuple[Protocol, ...]] = PROTOCOLS
    data_formats: ClassVar[tuple[str, ...]] = ()
    """What --data may name, the default first; empty where the benchmark has one file format only."""
    option_values: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """What --option may set: for each name its values, the default first."""
    option_texts: ClassVar[Mapping[str, str]] = {}
    """What --option may set to any text: for each name the default."""
    hub: ClassVar[Mapping[str | None, HubSource]] = {}
    """By data format, or None for a task of one format: what `samtok-bench data fetch` downloads."""
    answered_by: ClassVar[Literal["model", "codec"]] = "model"
    """A codec's task asks for nothing but the target masks back: `--model nano` is then nano's tokenizer."""
    answer_form: ClassVar[Literal["masks", "text", "letter", "grounded caption", "scene graph"]] = "masks"
    """What an answer is: masks, none where nothing is to be found; or a text, where masks may have places."""
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
            raise ValueError(self._unknown_format(data))
        self.protocol = protocol
        self.data = data or next(iter(self.data_formats), None)
        self.options = self._chosen(options or {})

    def _unknown_format(self, data: str) -> str:
        for option, values in self.option_values.items():
            if data in values:
                return f"{data!r} is no data format of the task {self.name!r}: use --option {option}={data}"
        known = ", ".join(self.data_formats) or "none: its data has one format"
        return f"unknown data format {data!r} of the task {self.name!r}; there are {known}"

    @property
    def default_options(self) -> dict[str, str]:
        """The options when none is set."""
        return {name: values[0] for name, values in self.option_values.items()} | dict(self.option_texts)

    def _chosen(self, options: Mapping[str, str]) -> dict[str, str]:
        """A value for each option."""
        default = self.default_options
        for name, value in options.items():
            if name not in default:
                known = ", ".join(default) or "none"
                raise ValueError(f"the task {self.name!r} has no option {name!r}; there are {known}")
            if name in self.option_values and value not in self.option_values[name]:
                known = ", ".join(self.option_values[name])
                raise ValueError(f"the option {name} of the task {self.name!r} is {known}, not {value!r}")
        return default | dict(options)

    # ---- what a benchmark defines -------------------------------------------------------------------------

    @property
    @abstractmethod
    def metrics(self) -> tuple[MetricInfo, ...]:
        """May depend on the protocol; a class attribute where it does not."""

    @property
    @abstractmethod
    def generation(self) -> Generation:
        """Token limit and reading of mask words; a class attribute where the protocol does not matter."""

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

    # ---- what it may define -------------------------------------------------------------------------------

    def default_root(self) -> Path:
        """The data folder when none is named; it may write generated data first.

        Raises:
            ValueError: there is no such data.
        """
        raise ValueError(f"the task {self.name!r} needs a --data-root: there is no generated data for it")

    def own_data(self) -> DataStatus:
        """Whether there is data when no folder is named."""
        if type(self).default_root is not Task.default_root:
            return DataStatus(True, "found or written by the first run")
        return DataStatus(False, "needs a --data-root: there is no generated data for it")

    def default_split(self, root: Path) -> str:
        """The split when none is named."""
        return self.splits[0]

    def locate(self, root: Path) -> str:
        """Where the data is below a root, in a few words; a glance, no annotation is read.

        Raises:
            OSError: it is not there; one line says what is missing.
        """
        if not root.is_dir():
            raise FileNotFoundError(f"no folder {root}")
        return str(root)

    def data_status(self, root: Path | None) -> DataStatus:
        """A glance at the data below `root`, or at the data when no folder is named."""
        if root is None:
            return self.own_data()
        try:
            return DataStatus(True, self.locate(root))
        except OSError as error:
            return DataStatus(False, str(error))

    def with_history(self, sample: Sample, earlier: Sequence[Prediction]) -> Sample:
        """The sample as it is asked once the samples of its `after` are answered; only the turns may differ.

        Those answers are `earlier`, in order, of any outcome.
        """
        return sample

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """Answers by name that never look at the image: the floor under every score."""
        return {name: constant_answer(name, sample) for name in CONSTANT_ANSWERS}

    def shown(self, sample: Sample, prediction: Prediction) -> Shown | None:
        """How pages show the answer, of any outcome, beside the target; None for text and masks alone."""
        return None

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction], shared: Any
    ) -> Mapping[str, float | None]:
        """The metrics of the aggregate `Corpus` by id, from the samples that were run and their predictions.

        What these need of the whole split is `shared`, see `SampleSet`.
        """
        return {}

    # ---- what follows from it -----------------------------------------------------------------------------

    def summarize(self, scores: Scored, clusters: Sequence[str]) -> dict[str, float | None]:
        """The metrics by id; None where one is undefined, and for those of `corpus`."""
        return metric.values(self.metrics, scores, clusters)
