"""What judges said of a run, in two files of its folder.

judge.jsonl has a line for each judged sample with all that was said, synced as it comes. judge.json has the
metrics of each judge, computed from the replies.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ValidationError, model_validator

from samtok_bench.runs.folder import JUDGES, read_versioned, write_json
from samtok_bench.runs.journal import whole_lines
from samtok_bench.runs.reading import NotComparable
from samtok_bench.runs.summary import SCHEMA, MetricValue
from samtok_bench.validation import first_fault

TRANSCRIPT, SUMMARY = "judge.jsonl", JUDGES
READING = "reading"
"""The setting that names how replies are read; the official reading has none."""


class Exchange(BaseModel):
    """One question to the judge."""

    messages: list[dict[str, Any]]
    """As sent, with the hash of each picture in its place."""
    reply: str
    model: str = ""
    """What the server says that replied, as `gpt-4o-2024-08-06` where `gpt-4o` was asked; empty where it says
    nothing.
    """
    system_fingerprint: str = ""
    """Of the server, in its words; the same."""


class Judgement(BaseModel):
    """One line of judge.jsonl: a sample, judged."""

    sample: str
    judge: str
    """Hash of the judge's identity."""
    url: str
    model: str
    settings: dict[str, Any]
    prompt_hash: str
    """sha256 over all messages as sent."""
    asked: str
    """UTC, ISO 8601."""
    exchanges: list[Exchange]
    scores: dict[str, float]
    """Read from the replies when they came; judge.json is computed from the replies anew."""


class Unread(BaseModel):
    """Replies that the official script cannot read; the task says what it makes of them."""

    count: int
    replies: int
    """Of which they are."""
    sample: str
    """Of the first one."""
    first: str
    """The beginning of the first one."""
    mended: int
    """How many of them the reading of this judge understands."""


class Served(BaseModel):
    """A model that replied, as the server states it."""

    model: str
    system_fingerprint: str
    replies: int
    """How many of them it gave."""

    @property
    def name(self) -> str:
        """Both in short."""
        named = self.model or "no name"
        return f"{named} ({self.system_fingerprint})" if self.system_fingerprint else named


def served(exchanges: Iterable[Exchange]) -> list[Served]:
    """Which models replied, by name; none where the server states nothing in any reply."""
    stated = Counter((exchange.model, exchange.system_fingerprint) for exchange in exchanges)
    if set(stated) == {("", "")}:
        return []
    return [
        Served(model=model, system_fingerprint=fingerprint, replies=count)
        for (model, fingerprint), count in sorted(stated.items())
    ]


class JudgeSummary(BaseModel):
    """The metrics of one judge over all samples of a run."""

    url: str
    model: str
    settings: dict[str, Any]
    judge: str
    """Hash of the three."""
    prompts: str
    """sha256 over the prompt hashes of all samples: equal for equal answers and questions."""
    first_asked: str
    last_asked: str
    samples: int
    primary: str
    metrics: list[MetricValue]
    unread: Unread | None = None
    """None where the official script reads all replies, and in files that do not count them."""

    served: list[Served] = []
    """The models that replied: several where the server changed meanwhile, none where it states nothing."""

    @model_validator(mode="after")
    def _has_its_primary(self) -> Self:
        if all(metric.id != self.primary for metric in self.metrics):
            raise ValueError(f"there is no metric {self.primary!r}, which should be the primary one")
        return self

    @property
    def name(self) -> str:
        """The model, with the reading of its replies if that is not the official one."""
        reading = self.settings.get(READING)
        return f"{self.model} ({reading})" if reading else self.model

    @property
    def headline(self) -> MetricValue:
        """The primary metric."""
        return next(metric for metric in self.metrics if metric.id == self.primary)


class JudgeFile(BaseModel):
    """judge.json."""

    schema_version: int = SCHEMA
    task: str
    protocol: str
    judges: list[JudgeSummary]


def read_judges(folder: Path) -> list[JudgeSummary]:
    """What judges said of a run, as far as they came; none where it was not judged.

    Raises:
        NotComparable: judge.json is malformed, or of another version.
    """
    path = folder / SUMMARY
    try:
        return read_versioned(path, JudgeFile).judges if path.is_file() else []
    except ValueError as error:
        raise NotComparable(str(error)) from None


def read_transcript(folder: Path) -> list[Judgement]:
    """All whole lines of a run's transcript; a torn last line, which a kill leaves, is none.

    Raises:
        NotComparable: a malformed line elsewhere; names it.
    """
    path, judgements = folder / TRANSCRIPT, []
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            judgements.append(Judgement.model_validate_json(line))
        except ValidationError as error:
            raise NotComparable(f"{path}: line {number} is malformed ({first_fault(error)})") from None
    return judgements


def store(folder: Path, task: str, protocol: str, summary: JudgeSummary) -> None:
    """Add a judge to judge.json, in place of what it said before."""
    others = [other for other in read_judges(folder) if other.judge != summary.judge]
    content = JudgeFile(task=task, protocol=protocol, judges=[*others, summary])
    write_json(folder / SUMMARY, content)
