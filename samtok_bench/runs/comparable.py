"""Whether two runs compare: the one place that decides it.

What differs is fatal, grave or worth a note. Runs that differ fatally are never compared. Runs that differ
gravely compare only for a user who insists: their answers differ for another reason than the one looked at.
`compare`, `gate`, `report` and `leaderboard add` all ask `comparability`, and say what it says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from samtok_bench.runs.folder import RUN, RunRecord
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import NotComparable
from samtok_bench.runs.settings import RunSettings, differences
from samtok_bench.runs.summary import Summary


class Role(StrEnum):
    """What it means that two runs differ in a setting."""

    QUESTION = "question"
    """They were asked different things: fatal."""
    DATA = "data"
    """They may share samples, which is seen by the samples' ids: grave, or fatal where they share none."""
    ARITHMETIC = "arithmetic"
    """It changes the answers of a model and is not what one compares: grave."""
    SUBJECT = "subject"
    """It is what one compares."""
    NOTE = "note"
    """It may matter."""


ROLES: Mapping[str, Role] = {
    "task": Role.QUESTION,
    "protocol": Role.QUESTION,
    "data_format": Role.QUESTION,
    "split": Role.QUESTION,
    "options": Role.QUESTION,
    "limit": Role.DATA,
    "sample": Role.DATA,
    "data": Role.DATA,
    "max_new_tokens": Role.ARITHMETIC,
    "reading": Role.ARITHMETIC,
    "batch_size": Role.ARITHMETIC,
    "model": Role.SUBJECT,
    "predictor": Role.SUBJECT,
    "constrained": Role.NOTE,
    "seed": Role.NOTE,
    "code": Role.NOTE,
}
"""Of each setting of a run."""
PREDICTOR_ROLES: Mapping[str, Role] = {
    "backend": Role.ARITHMETIC,
    "device": Role.ARITHMETIC,
    "dtype": Role.ARITHMETIC,
    "decoding": Role.NOTE,
}
"""Of what a predictor, or the codec that it uses, states of itself; the rest is the subject."""


class ComparedRun(Protocol):
    """A run as far as its files are there."""

    @property
    def path(self) -> Path:
        """The results folder, or summary.json."""

    @property
    def summary(self) -> Summary:
        """Always there."""

    @property
    def record(self) -> RunRecord | None:
        """None for a summary that stands alone."""

    @property
    def lines(self) -> Mapping[str, Line] | None:
        """None where there are no answers of single samples."""

    @property
    def judge(self) -> str | None:
        """Who scored the answers; None for the run's own metrics."""


@dataclass(frozen=True)
class Finding:
    """Something that differs."""

    setting: str
    """Its name, as in RunSettings."""
    text: str
    """As `batch_size 4 there, 8 now`: there is the first run, now the second."""


@dataclass(frozen=True)
class Comparability:
    """What differs between two runs."""

    where: str
    """Names the runs, for messages."""
    fatal: Sequence[Finding]
    grave: Sequence[Finding]
    notes: Sequence[Finding]

    def require(self, insist: bool = False, option: str = "--force") -> None:
        """NotComparable unless the runs compare.

        Args:
            insist: compare in spite of what is grave.
            option: by which a user insists; "" where that cannot be done.
        """
        if self.fatal:
            raise NotComparable(f"{self.where}: {joined(self.fatal)}")
        if self.grave and not insist:
            hint = f" ({option} compares them anyway)" if option else ""
            raise NotComparable(f"{self.where}: {joined(self.grave)}{hint}")


def joined(findings: Sequence[Finding]) -> str:
    """Findings in one line."""
    return "; ".join(finding.text for finding in findings)


def comparability(first: ComparedRun, second: ComparedRun) -> Comparability:
    """What differs between two runs, and how much that matters."""
    fatal = _questions(first, second)
    grave: list[Finding] = []
    if not fatal:
        data_is_fatal, data = _data(first, second)
        (fatal if data_is_fatal else grave).extend(data)
    grave += _arithmetic(first, second)
    return Comparability(
        f"{second.path} does not compare with {first.path}", fatal, grave, _notes(first, second)
    )


def _questions(first: ComparedRun, second: ComparedRun) -> list[Finding]:
    if first.path.resolve() == second.path.resolve():
        return [Finding("path", "they are the same run")]
    both = bool(first.record and second.record)
    return _findings(_asked(first, both), _asked(second, both))


def _asked(run: ComparedRun, with_settings: bool) -> dict[str, Any]:
    """What must be equal, as far as it is known."""
    summary = run.summary
    asked: dict[str, Any] = {name: getattr(summary, name) for name in ("task", "protocol", "split")}
    asked["level of intervals"] = summary.interval.level
    asked["judge"] = run.judge
    if run.record and with_settings:
        asked |= _of_role(run.record.settings, Role.QUESTION)
    return asked


def _data(first: ComparedRun, second: ComparedRun) -> tuple[bool, list[Finding]]:
    """Whether other data is fatal, and how it differs."""
    differing = _findings(
        *(_which_data(run, bool(first.record and second.record)) for run in (first, second))
    )
    if first.lines is None or second.lines is None:
        return True, [
            Finding("data", f"{joined(differing)}, and which samples is not known")
        ] if differing else []
    ours, theirs = first.lines.keys(), second.lines.keys()
    if ours == theirs and not differing:
        return False, []
    common = len(ours & theirs)
    if not differing:  # one set of samples by its hash, another by its ids
        return True, [Finding("data", f"samples differ, {common} in common, although the data are the same")]
    if not common:
        return True, [Finding("data", f"{joined(differing)}, and no sample in common")]
    return False, [Finding("data", f"{joined(differing)}, {common} samples in common")]


def _which_data(run: ComparedRun, with_settings: bool) -> dict[str, Any]:
    if run.record and with_settings:
        return {"data": run.record.settings.data}
    return {"samples": run.summary.samples, "clusters": run.summary.clusters}


def _arithmetic(first: ComparedRun, second: ComparedRun) -> list[Finding]:
    """Nothing where a run is of no model: a constant answer is the same on any device."""
    if not (first.record and second.record):
        return []
    here, there = first.record.settings, second.record.settings
    stated = [_stated(settings) for settings in (here, there)]
    if not all("weights" in predictor for predictor in stated):
        return []
    both = stated[0].keys() & stated[1].keys()
    names = [name for name, role in PREDICTOR_ROLES.items() if role is Role.ARITHMETIC and name in both]
    return _findings(
        *(
            {**{name: predictor[name] for name in names}, **_of_role(settings, Role.ARITHMETIC)}
            for predictor, settings in zip(stated, (here, there), strict=True)
        )
    )


def _notes(first: ComparedRun, second: ComparedRun) -> list[Finding]:
    unknown = f"comes without {RUN}: it is not known whether data, options and device are the same"
    bare = [Finding("record", f"{run.path} {unknown}") for run in (first, second) if run.record is None]
    if bare or not (first.record and second.record):
        return bare
    pair = []
    for record in (first.record, second.record):
        packages = record.sessions[-1].packages if record.sessions else {}
        pair.append({**_of_role(record.settings, Role.NOTE), "packages": packages})
    decodings = [_stated(record.settings).get("decoding") for record in (first.record, second.record)]
    if None not in decodings:  # a constant answer decodes nothing
        pair[0]["decoding"], pair[1]["decoding"] = decodings
    return _findings(*pair)


def _of_role(settings: RunSettings, role: Role) -> dict[str, Any]:
    content = settings.model_dump()
    return {name: content[name] for name, its_role in ROLES.items() if its_role is role}


def _stated(settings: RunSettings) -> dict[str, Any]:
    """The identity of a predictor, and of the codec that it sends masks through."""
    codec = settings.predictor.get("codec")
    return {**(codec if isinstance(codec, dict) else {}), **settings.predictor}


def _findings(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Finding]:
    return [
        Finding(name, text)
        for name in dict.fromkeys([*first, *second])
        for text in differences(first.get(name), second.get(name), name)
    ]
