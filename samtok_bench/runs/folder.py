"""The results folder: run.json, the journal samples.jsonl, summary.json.

run.json states the settings that decide the results and, for each start of the command, where and with what
it ran. The journal gets one line a sample and is synced to disk at every batch, so a killed run loses at
most the batch at work. summary.json holds no times: equal runs have equal summaries.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError, model_validator
from typing_extensions import TypedDict

from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Task
from samtok_bench.validation import first_fault

SCHEMA = 2
RUN, JOURNAL, SUMMARY, CEILING, OVERLAYS = (
    "run.json",
    "samples.jsonl",
    "summary.json",
    "ceiling.jsonl",
    "overlays.png",
)


class Session(BaseModel):
    """One start of the command on a folder."""

    command: list[str]
    started: str
    """UTC, ISO 8601."""
    git_commit: str | None
    git_dirty: bool | None
    packages: dict[str, str]
    machine: str
    threads: int | None
    answered: int | None = None
    """Samples that this session added. None while it is at work, or killed: the lines of the journal less
    the sum of the sessions before, which the next session writes here."""
    seconds: float | None = None
    """Wall time of the predictions that this session added; None while at work, or killed."""


class RunRecord(BaseModel):
    """run.json."""

    schema_version: int = SCHEMA
    status: Literal["running", "complete"]
    settings: dict[str, Any]
    """All that decides the results; a folder holds one configuration."""
    data_root: str | None
    """None for the task's own data, which may lie elsewhere on another machine."""
    samples: int
    sessions: list[Session]

    @property
    def partial(self) -> bool:
        """Whether only some samples were asked for, by --limit or --sample."""
        return self.settings.get("limit") is not None or bool(self.settings.get("sample"))

    def root(self, task: Task) -> Path:
        """Where the task's data is here."""
        return task.default_root() if self.data_root is None else Path(self.data_root)


class MetricValue(BaseModel):
    """A metric of a run; shares are 0 to 1, other numbers have a unit, None is undefined."""

    id: str
    version: int
    display: str
    unit: str
    direction: Literal["higher", "lower", "none"]
    value: float | None
    low: float | None
    high: float | None
    floor: float | None
    """The better of the constant answers."""
    floor_by: str | None
    """Which constant answer that is."""
    ceiling: float | None
    """Target masks through the model's own mask words."""


class Group(BaseModel):
    """The samples with one value of a tag, maybe none; None is undefined."""

    samples: int
    metrics: dict[str, float | None]
    """By id."""
    low: float | None
    """Bounds of the primary metric."""
    high: float | None


class IntervalInfo(BaseModel):
    """How low and high came about."""

    method: str
    level: float
    resamples: int
    seed: int


class Summary(BaseModel):
    """summary.json."""

    schema_version: int = SCHEMA
    task: str
    protocol: str
    split: str
    model: str
    samples: int
    clusters: int
    outcomes: dict[str, int]
    """Counts by outcome; they add up to samples."""
    dropped: dict[str, int]
    """What the reader of the data left out."""
    primary: str
    metrics: list[MetricValue]
    interval: IntervalInfo
    breakdown: dict[str, dict[str, Group]]
    """tag -> value of the tag -> its samples."""

    @model_validator(mode="after")
    def _has_its_primary(self) -> "Summary":
        if all(metric.id != self.primary for metric in self.metrics):
            raise ValueError(f"there is no metric {self.primary!r}, which should be the primary one")
        for tag, groups in self.breakdown.items():
            for value, group in groups.items():
                if self.primary not in group.metrics:
                    raise ValueError(f"the samples with {tag} {value!r} have no {self.primary!r}")
        return self

    def metric(self, id: str) -> MetricValue:
        """A metric by id; KeyError where there is none."""
        for metric in self.metrics:
            if metric.id == id:
                return metric
        raise KeyError(id)


@dataclass(frozen=True)
class Line:
    """One line of the journal."""

    id: str
    cluster: str
    """With the tags, what a comparison of runs needs of the sample: it then works without the data."""
    tags: Mapping[str, str]
    prediction: Prediction
    scores: Scores


class _Own(TypedDict):
    """What a line has beside the prediction."""

    id: str
    cluster: str
    tags: dict[str, str]
    scores: dict[str, float]


_OWN = TypeAdapter(_Own)
_TAIL = 1 << 16
_PREDICTION = TypeAdapter(Prediction)
Model = TypeVar("Model", bound=BaseModel)


class Journal:
    """An append-only file of lines by sample id."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Line]:
        """All whole lines by sample id; a torn last line, which a kill leaves, is none.

        Raises:
            ValueError: a malformed line elsewhere, or an id twice; names the line.
        """
        lines: dict[str, Line] = {}
        for number, text in enumerate(whole_lines(self.path), start=1):
            line = self._parse(text, number)
            if line.id in lines:
                raise ValueError(f"{self.path}: line {number} repeats the sample {line.id}")
            lines[line.id] = line
        return lines

    def append(self, lines: Iterable[Line]) -> None:
        """Add lines, in place of a torn last one, and sync them to disk."""
        append_lines(self.path, map(_journal_text, lines))

    def replace(self, lines: Iterable[Line]) -> None:
        """Exchange the whole content; readers see the old or the new one."""
        _write(self.path, b"".join(_journal_text(line) for line in lines))

    def _parse(self, text: bytes, number: int) -> Line:
        try:
            record = json.loads(text)
            own = _OWN.validate_python({name: record.pop(name) for name in _Own.__annotations__})
            return Line(prediction=_PREDICTION.validate_python(record), **own)
        except (ValueError, KeyError, AttributeError) as error:
            reason = first_fault(error) if isinstance(error, ValidationError) else str(error)
            raise ValueError(f"{self.path}: line {number} is malformed ({reason})") from None


class RunFolder:
    """A results folder by its path; `create_or_resume` it before use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(path / JOURNAL)
        self.ceiling = Journal(path / CEILING)

    def exists(self) -> bool:
        """Whether a run was started here."""
        return (self.path / RUN).is_file()

    def create_or_resume(self, record: RunRecord) -> RunRecord:
        """Start a run here, or continue the one that is here.

        Args:
            record: of the run that is about to start, with one session.

        Returns:
            the record as it is now in the folder, with the new session last.

        Raises:
            ValueError: the folder holds another configuration; names what differs.
            OSError: it cannot be written, or holds other files.
        """
        if self.exists():
            stored = self.record()
            differing = differences(stored.settings, record.settings)
            if differing:
                raise ValueError(
                    f"{self.path} holds a run of another configuration: {'; '.join(differing)}."
                    " Choose another --out or remove the folder"
                )
            record = record.model_copy(update={"sessions": self._settled(stored.sessions) + record.sessions})
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise FileExistsError(f"{self.path} holds other files; choose an empty folder for --out")
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_record(record)
        return record

    def _settled(self, sessions: list[Session]) -> list[Session]:
        """Sessions of which the last one has ended, by a kill if it did not say so."""
        if not sessions or sessions[-1].answered is not None:
            return sessions
        before = sum(session.answered or 0 for session in sessions[:-1])
        answered = max(0, len(self.journal.read()) - before)  # a journal may have lost lines since
        return [*sessions[:-1], sessions[-1].model_copy(update={"answered": answered})]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing here; OSError when one already does."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BlockingIOError(f"another run is writing to {self.path}") from None
            yield
        finally:
            os.close(handle)

    def record(self) -> RunRecord:
        """run.json; OSError where there is none, ValueError for a malformed one."""
        return _read(self.path / RUN, RunRecord)

    def write_record(self, record: RunRecord) -> None:
        """Write run.json."""
        _write_json(self.path / RUN, record)

    def summary(self) -> Summary:
        """summary.json; errors as `record`."""
        return _read(self.path / SUMMARY, Summary)

    def write_summary(self, summary: Summary) -> None:
        """Write summary.json."""
        _write_json(self.path / SUMMARY, summary)


def find_runs(folders: Iterable[Path]) -> list[Path]:
    """All results folders in and below some folders, by name; folders that do not exist have none.

    Links are followed; a folder that can be reached in two ways comes once.
    """
    seen: set[str] = set()
    found = []
    for folder in folders:
        for path, inner, files in os.walk(folder, followlinks=True):
            real = os.path.realpath(path)
            if real in seen:
                inner.clear()
            elif RUN in files:
                found.append(Path(path))
            seen.add(real)
    return sorted(found)


def model_name(model: str) -> str:
    """What is told of a model in few words: the last part of a folder or hub id."""
    return model.rstrip("/").rsplit("/", 1)[-1]


def settings_hash(settings: dict[str, Any]) -> str:
    """Eight hex digits that name a configuration."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def summary_json(summary: Summary) -> str:
    """A summary as it stands in the file."""
    return summary.model_dump_json(indent=1)


def differences(stored: Any, asked: Any, name: str = "") -> list[str]:
    """What differs between two settings, by dotted name, as `batch_size 4 there, 8 now`."""
    if isinstance(stored, dict) and isinstance(asked, dict):
        keys = list(dict.fromkeys([*stored, *asked]))
        found = [differences(stored.get(k), asked.get(k), f"{name}.{k}" if name else k) for k in keys]
        return [line for lines in found for line in lines]
    return [] if stored == asked else [f"{name} {_short(stored)} there, {_short(asked)} now"]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def whole_lines(path: Path) -> list[bytes]:
    """The lines of a file but for a torn last one, which a kill leaves; none where there is no file."""
    if not path.exists():
        return []
    raw = path.read_bytes()
    return raw[: raw.rfind(b"\n") + 1].splitlines()


def append_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Add lines, each with its end, in place of a torn last one, and sync them to disk."""
    with path.open("ab+") as file:
        file.truncate(_whole(file))
        file.write(b"".join(lines))
        file.flush()
        os.fsync(file.fileno())


def _whole(file: BinaryIO) -> int:
    """The length of a file up to the end of its last whole line."""
    at = file.seek(0, os.SEEK_END)
    while at:
        start = max(0, at - _TAIL)
        file.seek(start)
        end = file.read(at - start).rfind(b"\n")
        if end >= 0:
            return start + end + 1
        at = start
    return 0


def _journal_text(line: Line) -> bytes:
    own = {"id": line.id, "cluster": line.cluster, "tags": dict(line.tags)}
    record = {**own, **asdict(line.prediction), "scores": line.scores}
    return (
        json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
        + b"\n"
    )


def _read(path: Path, model: type[Model]) -> Model:
    try:
        raw = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{path.parent} is not a results folder: it has no {path.name}") from None
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        raise ValueError(f"{path} is malformed: {first_fault(error)}") from None


def _write_json(path: Path, content: BaseModel) -> None:
    _write(path, content.model_dump_json(indent=1).encode() + b"\n")


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
