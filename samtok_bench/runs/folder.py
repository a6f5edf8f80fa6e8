"""The results folder: run.json, the journal samples.jsonl, summary.json.

run.json states the settings that decide the results and, for each start of the command, where and with what
it ran. The journal gets one line per sample and is synced to disk at every batch, so a killed run loses at
most the batch at work. summary.json holds no times: equal runs have equal summaries. A run is complete once
all of them are there: that is written last.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError

from samtok_bench.files import is_aside, write_whole
from samtok_bench.runs.journal import Journal
from samtok_bench.runs.settings import RunSettings, changes
from samtok_bench.runs.summary import SCHEMA, Summary
from samtok_bench.strict_json import parse_json
from samtok_bench.task import Task
from samtok_bench.validation import first_fault

RUN, JOURNAL, SUMMARY, CEILING = "run.json", "samples.jsonl", "summary.json", "ceiling.jsonl"
JUDGES = "judge.json"
MOST_BYTES = 64 << 20
"""Of run.json, summary.json or judge.json."""
Model = TypeVar("Model", bound=BaseModel)


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
    kept: int | None = None
    """Samples that were answered when it began, without those that it asks again; None in older files."""
    answered: int | None = None
    """Samples that this session added. None while it is at work, or killed: the lines of the journal less
    those that were kept, which the next session writes here."""
    seconds: float | None = None
    """Wall time of the predictions that this session added; None while at work, or killed."""


class RunRecord(BaseModel):
    """run.json."""

    schema_version: int = SCHEMA
    status: Literal["running", "complete"]
    settings: RunSettings
    data_root: str | None
    """None for the task's own data, which may lie elsewhere on another machine."""
    samples: int
    sessions: list[Session]

    def root(self, task: Task) -> Path:
        """Where the task's data is here."""
        return task.default_root() if self.data_root is None else Path(self.data_root)


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
            differing = changes(stored.settings, record.settings)
            if differing:
                raise ValueError(
                    f"{self.path} holds a run of another configuration: {'; '.join(differing)}."
                    " Choose another --out or remove the folder"
                )
            sessions = self._settled(stored.sessions) + record.sessions
            record = record.model_copy(update={"settings": stored.settings, "sessions": sessions})
            record.sessions[-1].kept = self.journal.count()
        elif self.path.is_dir() and not all(is_aside(path.name) for path in self.path.iterdir()):
            raise FileExistsError(f"{self.path} holds other files; choose an empty folder for --out")
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_record(record)
        return record

    def _settled(self, sessions: list[Session]) -> list[Session]:
        """Sessions of which the last one has ended, by a kill if it did not say so."""
        if not sessions or sessions[-1].answered is not None:
            return sessions
        before = sessions[-1].kept
        if before is None:
            before = sum(session.answered or 0 for session in sessions[:-1])
        answered = max(0, self.journal.count() - before)  # a journal may have lost lines since
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
        return read_versioned(self.path / RUN, RunRecord)

    def write_record(self, record: RunRecord) -> None:
        """Write run.json."""
        write_json(self.path / RUN, record)

    def summary(self) -> Summary:
        """summary.json; errors as `record`."""
        return read_versioned(self.path / SUMMARY, Summary)

    def forget_judges(self) -> bool:
        """Remove the metrics of judges, who have seen other answers; whether there were any.

        What they said stays, so that only what is new is asked again.
        """
        judges = self.path / JUDGES
        there = judges.exists()
        judges.unlink(missing_ok=True)
        return there

    def write_summary(self, summary: Summary) -> None:
        """Write summary.json."""
        write_json(self.path / SUMMARY, summary)


def find_runs(folders: Iterable[Path]) -> list[Path]:
    """All results folders in and below some folders, by name; folders that do not exist have none.

    Links are followed; a folder that can be reached in two ways comes once. Hidden folders below are left
    out, and what is being written or never became whole.
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
            inner[:] = [name for name in inner if not (name.startswith(".") or is_aside(name))]
    return sorted(found)


def read_versioned(path: Path, model: type[Model]) -> Model:
    """A file of a results folder.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is malformed, or of another version; says what to do.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(f"{path.parent} is not a results folder: it has no {path.name}") from None
    try:
        if len(raw) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES} bytes")
        content = parse_json(raw)
        version = content.get("schema_version") if isinstance(content, dict) else None
        if not isinstance(version, int):
            raise ValueError("it has no schema_version")
    except ValueError as error:
        raise ValueError(f"{path} is malformed: {error}") from None
    if version != SCHEMA:
        raise ValueError(
            f"{path} is of schema version {version}, this samtok-bench reads version {SCHEMA}: run "
            "the command of the run again, or read it with the samtok-bench that made it"
        )
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path} is malformed: {first_fault(error)}") from None


def write_json(path: Path, content: BaseModel) -> None:
    """Exchange a file of a results folder; readers see the old or the new one."""
    write_whole(path, content.model_dump_json(indent=1).encode() + b"\n")
