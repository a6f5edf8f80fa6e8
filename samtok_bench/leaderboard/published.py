"""Published figures (data/published.csv) and what they mean (data/schema.yaml).

Values are as the sources print them, mostly 0 to 100.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from io import StringIO
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from samtok.yaml_file import read_yaml
from samtok_bench.registry import suggestion
from samtok_bench.task import Protocol
from samtok_bench.validation import first_fault

DATA = Path(__file__).parent / "data"
PUBLISHED, SCHEMA = DATA / "published.csv", DATA / "schema.yaml"
ANY_FORMAT = "any"

Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(gt=0)]
Key: TypeAlias = tuple[str, str, str, str, str]
"""Benchmark, split, method, params, metric: identifies a published figure."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Split(_Strict):
    """A split of a benchmark, and the split of a task of ours that it is."""

    name: Name
    """As in published.csv."""
    title: str = ""
    """Its name in tables; `name` if empty."""
    task: str | None = None
    split: str | None = None
    """Of the task."""
    counts: Mapping[str, Annotated[tuple[Count, ...], Field(min_length=1)]] = {}
    """Official numbers of samples by data format, or for `any`; if there are several, each is official."""
    mean: bool = False
    """Whether it is the mean over all splits of the benchmark that are tasks of ours."""
    not_computed: str = ""
    """Why no task of ours has it."""

    @model_validator(mode="after")
    def _ours_or_a_reason(self) -> Self:
        ways = (self.task is not None) + self.mean + bool(self.not_computed)
        if (self.task is None) != (self.split is None) or ways != 1:
            raise ValueError(f"split {self.name!r} needs either task and split or mean or not_computed")
        return self

    @property
    def shown(self) -> str:
        """The name in tables."""
        return self.title or self.name

    def official(self, data_format: str | None) -> tuple[int, ...]:
        """Official numbers of samples in a format; empty if they are not known."""
        return self.counts.get(data_format or ANY_FORMAT, self.counts.get(ANY_FORMAT, ()))


class Metric(_Strict):
    """A metric of a benchmark, as sources print it."""

    name: Name
    """As in published.csv and in tables."""
    direction: Literal["higher", "lower"] = "higher"
    decimals: Annotated[int, Field(ge=0, le=4)] = 1
    range: tuple[float, float] = (0.0, 100.0)
    not_computed: str = ""
    """Why no task of ours computes it."""


class Ours(_Strict):
    """A configuration of a task whose runs stand next to published figures."""

    protocol: Protocol
    data: tuple[str, ...] = ()
    """Formats of the data; empty for a task with a single format."""
    options: Mapping[str, str] = {}
    judged: bool = False
    """Whether a judge gives the figures, in judge.json."""
    reproduces: bool = False
    """Whether the paper's figures were made this way."""
    metrics: Annotated[Mapping[str, str], Field(min_length=1)]
    """The benchmark's name of a metric -> the id of our metric."""


class Benchmark(_Strict):
    """A table of the leaderboard."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    title: Name
    table: Annotated[int, Field(gt=0)] | None = None
    """Number in the SAMTok paper."""
    primary: Name
    """The metric that ranks."""
    splits: Annotated[tuple[Split, ...], Field(min_length=1)]
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)]
    ours: tuple[Ours, ...] = ()
    notes: tuple[Name, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [metric.name for metric in self.metrics]
        _unique("metric", names)
        _unique("split", [split.name for split in self.splits])
        mapped = {name for ours in self.ours for name in ours.metrics}
        for name in {self.primary, *mapped} - set(names):
            raise ValueError(f"{self.id} has no metric {name!r}")
        if any(split.task for split in self.splits) != bool(self.ours):
            raise ValueError(f"{self.id} needs `ours` if and only if a split names a task")
        for metric in self.metrics if self.ours else ():
            if (metric.name in mapped) == bool(metric.not_computed):
                raise ValueError(f"{self.id}: metric {metric.name!r} needs either `ours` or not_computed")
        return self

    def metric(self, name: str) -> Metric:
        """A metric by name; KeyError where there is none."""
        return {metric.name: metric for metric in self.metrics}[name]

    def split(self, name: str) -> Split:
        """A split by name; KeyError where there is none."""
        return {split.name: split for split in self.splits}[name]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Our tasks, each once."""
        return tuple(dict.fromkeys(split.task for split in self.splits if split.task))


class Checkpoint(_Strict):
    """A published checkpoint: a run's `model` is its hub id."""

    hub: Annotated[str, Field(pattern=r"^[^/]+/[^/]+$")]
    params: Name
    method: str = ""
    """As in published.csv; empty where no figures are published."""
    benchmarks: tuple[str, ...] = ()
    """Benchmarks whose published rows were made with it."""
    protocol: Protocol = "released"
    """The protocol of the script that made them."""

    @property
    def name(self) -> str:
        """The name in tables."""
        return self.method or self.hub.split("/")[1]


class Absent(_Strict):
    """Something that the leaderboard has no published figures of."""

    title: Name
    task: str | None = None
    """The task of ours, if there is one."""
    counts: Mapping[str, Annotated[tuple[Count, ...], Field(min_length=1)]] = {}
    """Official numbers of samples by the task's split, as far as they are known."""
    reason: Name


class Schema(_Strict):
    """schema.yaml."""

    paper: Name
    checkpoints: tuple[Checkpoint, ...]
    benchmarks: Annotated[tuple[Benchmark, ...], Field(min_length=1)]
    without_figures: tuple[Absent, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [benchmark.id for benchmark in self.benchmarks]
        _unique("benchmark", ids)
        _unique("table", [str(benchmark.table) for benchmark in self.benchmarks if benchmark.table])
        _unique("checkpoint", [checkpoint.hub for checkpoint in self.checkpoints])
        for checkpoint in self.checkpoints:
            for unknown in set(checkpoint.benchmarks) - set(ids):
                raise ValueError(f"the checkpoint {checkpoint.hub} has an unknown benchmark {unknown!r}")
            if bool(checkpoint.method) != bool(checkpoint.benchmarks):
                needs = "needs both method and benchmarks, or neither"
                raise ValueError(f"the checkpoint {checkpoint.hub} {needs}")
        return self

    @cached_property
    def by_id(self) -> Mapping[str, Benchmark]:
        """Benchmarks by id."""
        return {benchmark.id: benchmark for benchmark in self.benchmarks}

    def official(self, task: str, split: str, data_format: str | None) -> tuple[int, ...]:
        """Official numbers of samples of a task's split in a format; empty if they are not known."""
        counts = [
            own.official(data_format)
            for benchmark in self.benchmarks
            for own in benchmark.splits
            if (own.task, own.split) == (task, split)
        ]
        counts += [own.counts.get(split, ()) for own in self.without_figures if own.task == task]
        return tuple(dict.fromkeys(count for some in counts for count in some))

    def checkpoint(self, model: str) -> Checkpoint | None:
        """The published checkpoint that a run's `model` names, if it names one."""
        return next((checkpoint for checkpoint in self.checkpoints if checkpoint.hub == model), None)

    def chosen(self, task: str | None, benchmark: str | None) -> tuple[Benchmark, ...]:
        """The benchmarks of a task or with an id, all if both are None; ValueError for an unknown id."""
        found = self.benchmarks
        if benchmark is not None:
            if benchmark not in self.by_id:
                raise ValueError(f"unknown benchmark {benchmark!r}{suggestion(benchmark, list(self.by_id))}")
            found = (self.by_id[benchmark],)
        return tuple(benchmark for benchmark in found if task is None or task in benchmark.tasks)


class Published(_Strict):
    """A line of published.csv."""

    benchmark: Name
    split: Name
    method: Name
    params: str
    """Such as "7B"; empty if the source does not say."""
    metric: Name
    value: Annotated[float, Field(allow_inf_nan=False)]
    source: Name

    @property
    def key(self) -> Key:
        """What identifies it."""
        return self.benchmark, self.split, self.method, self.params, self.metric


def read_schema(path: Path = SCHEMA) -> Schema:
    """schema.yaml; ValueError says what is wrong and where."""
    content = read_yaml(path)
    try:
        return Schema.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path}: {first_fault(error)}") from None


def read_published(schema: Schema, path: Path = PUBLISHED) -> list[Published]:
    """published.csv, each line checked against the schema; ValueError names the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from None
    reader = csv.DictReader(StringIO(text, newline=""))
    found: dict[Key, Published] = {}
    try:
        if reader.fieldnames != list(Published.model_fields):
            raise ValueError(f"the columns must be {', '.join(Published.model_fields)}")
        for record in reader:
            row = Published.model_validate(record)
            _fits(row, schema)
            if row.key in found:
                raise ValueError(f"{' '.join(row.key)} appears twice")
            found[row.key] = row
    except ValidationError as error:
        raise ValueError(f"{path}, line {reader.line_num}: {first_fault(error)}") from None
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}") from None
    return list(found.values())


@cache  # YAML takes most of the time of a table
def shipped() -> tuple[Schema, list[Published]]:
    """Both files as they come with the package."""
    schema = read_schema()
    return schema, read_published(schema)


def _fits(row: Published, schema: Schema) -> None:
    if any(text != " ".join(text.split()) for text in (*row.key, row.source)):
        raise ValueError("needless spaces")
    if row.benchmark not in schema.by_id:
        raise ValueError(
            f"unknown benchmark {row.benchmark!r}{suggestion(row.benchmark, list(schema.by_id))}"
        )
    benchmark = schema.by_id[row.benchmark]
    try:
        benchmark.split(row.split)
        metric = benchmark.metric(row.metric)
    except KeyError as error:
        raise ValueError(f"{row.benchmark} has no split or metric {error}") from None
    low, high = metric.range
    if not low <= row.value <= high:
        raise ValueError(f"{row.metric} {row.value:g} is not in {low:g} to {high:g}")


def _unique(what: str, names: Sequence[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"the {what} {name!r} appears {count} times")
