"""The provenance of runs as text: what ran, where, and with which settings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from samtok_bench.runs.folder import Session
from samtok_bench.runs.reading import LoadedRun
from samtok_bench.runs.summary import Summary
from samtok_bench.sample import Outcome
from samtok_bench.showing.tables import counted, minute

HASH_DIGITS = 12


@dataclass(frozen=True)
class Fact:
    """A property and its value in each run."""

    label: str
    values: list[str]
    """One per run, or a single value if it is the same in all runs."""
    code: bool = False
    """Whether the values are set in monospace."""


def provenance(runs: Sequence[LoadedRun]) -> list[Fact]:
    """What readers want to know first, apart from task, split, protocol and model."""
    rows = [
        ("weights", [_weights(run) for run in runs], True),
        ("data", [_short(run.settings.data) for run in runs], True),
        ("scored against", [_short(run.settings.truth or "") for run in runs], True),
        ("outcomes", [counted(run.summary.outcomes) for run in runs], False),
        ("left out by the reader", [counted(run.summary.dropped) or "nothing" for run in runs], False),
        ("kept by the reader", [counted(run.summary.kept) for run in runs], False),
        ("outcomes of the ceiling", [_ceiling(run.summary) for run in runs], False),
        ("commit", [_each(map(_commit, run.record.sessions)) for run in runs], True),
        ("started (UTC)", [_each(minute(s.started) for s in run.record.sessions) for run in runs], False),
        ("folder", [str(run.path) for run in runs], True),
        ("machine", [_each(s.machine for s in run.record.sessions) for run in runs], False),
        ("command", [_each(" ".join(s.command) for s in run.record.sessions) for run in runs], True),
    ]
    return [_fact(*row) for row in rows if any(row[1])]


def _ceiling(summary: Summary) -> str:
    """Counts, where any answer that the ceiling is of is not as it should be."""
    outcomes = summary.ceiling_outcomes or {}
    return counted(outcomes) if any(n for name, n in outcomes.items() if name != Outcome.OK) else ""


def packages(runs: Sequence[LoadedRun]) -> list[Fact]:
    """The versions of all packages."""
    sessions = [session for run in runs for session in run.record.sessions]
    names = dict.fromkeys(name for session in sessions for name in session.packages)
    return [
        _fact(name, [_each(s.packages.get(name, "none") for s in run.record.sessions) for run in runs], True)
        for name in names
    ]


def settings(runs: Sequence[LoadedRun]) -> list[Fact]:
    """Everything that decides the results, by dotted name."""
    flat = [dict(_flat(run.settings.model_dump())) for run in runs]
    names = dict.fromkeys(name for values in flat for name in values)
    return [_fact(name, [values.get(name, "none") for values in flat], True) for name in names]


def _fact(label: str, values: list[str], code: bool) -> Fact:
    shared = len(set(values)) == 1
    return Fact(label, values[:1] if shared else values, code)


def _each(values: Iterable[str]) -> str:
    """The values of a run's sessions, without repetitions."""
    return ", ".join(dict.fromkeys(filter(None, values)))


def _commit(session: Session) -> str:
    if session.git_commit is None:
        return "unknown"
    state = {True: "with uncommitted changes", False: "clean", None: "state unknown"}[session.git_dirty]
    return f"{_short(session.git_commit)} ({state})"


def _weights(run: LoadedRun) -> str:
    found = [text for name, text in _flat(run.settings.predictor) if name.endswith("weights")]
    return ", ".join(map(_short, found)) or "none"


def _short(text: str) -> str:
    return text[:HASH_DIGITS]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, "none" if value is None else str(value)
