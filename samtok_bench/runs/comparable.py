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
from samtok_bench.runs.settings import RunSettings, data_hashes, differences
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
    "task_in_file": Role.QUESTION,
    "protocol": Role.QUESTION,
    "data_format": Role.QUESTION,
    "split": Role.QUESTION,
    "options": Role.QUESTION,
    "limit": Role.DATA,
    "shuffle": Role.DATA,
    "stratify": Role.DATA,
    "sample": Role.DATA,
    "data": Role.DATA,
    "truth": Role.DATA,
    "max_new_tokens": Role.ARITHMETIC,
    "reading": Role.ARITHMETIC,
    "batch_size": Role.ARITHMETIC,
    "model": Role.SUBJECT,
    "revision": Role.SUBJECT,
    "predictor": Role.SUBJECT,
    "constrained": Role.NOTE,
    "seed": Role.NOTE,
    "max_image_pixels": Role.NOTE,
    "code": Role.NOTE,
}
"""Of each setting of a run."""
PREDICTOR_ROLES: Mapping[str, Role] = {
    "backend": Role.ARITHMETIC,
    "device": Role.ARITHMETIC,
    "dtype": Role.ARITHMETIC,
    "attention": Role.ARITHMETIC,
    "min_pixels": Role.ARITHMETIC,
    "max_pixels": Role.ARITHMETIC,
    "decoding": Role.NOTE,
}
"""Of what a predictor, or the codec that it uses, states of itself; the rest is the subject."""


WITHOUT_MODEL = ("constant", "oracle", "predictions")
"""Kinds of predictors that answer by no model of their own."""
OF_ANSWERS = ("max_new_tokens", "reading")
"""What matters wherever a model answers."""


class AnyRun(Protocol):
    """A run as far as its files are there: its path is the results folder, or summary.json."""

    @property
    def path(self) -> Path: ...
    @property
    def summary(self) -> Summary: ...
    @property
    def record(self) -> RunRecord | None: ...
    @property
    def lines(self) -> Mapping[str, Line] | None: ...
    @property
    def judge(self) -> str | None: ...
    @property
    def served(self) -> str: ...


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


def comparability(first: AnyRun, second: AnyRun) -> Comparability:
    """What differs between two runs, and how much that matters."""
    where = f"{second.path} does not compare with {first.path}"
    fatal, grave = _questions(first, second), _arithmetic(first, second)
    if not fatal:
        data_is_fatal, data = _data(first, second)
        if data_is_fatal:
            fatal = data
        else:
            grave = data + grave
    return Comparability(where, fatal, grave, _notes(first, second))


def _questions(first: AnyRun, second: AnyRun) -> list[Finding]:
    if first.path.resolve() == second.path.resolve():
        return [Finding("path", "they are the same run")]
    return _findings(_asked(first), _asked(second))


def _asked(run: AnyRun) -> dict[str, Any]:
    """What must be equal, as far as it is known."""
    summary = run.summary
    own = {"task": summary.task, "protocol": summary.protocol, "split": summary.split}
    beside = {"level of intervals": summary.interval.level, "judge": run.judge}
    return {**own, **beside, **_settings(run, Role.QUESTION)}


def _data(first: AnyRun, second: AnyRun) -> tuple[bool, list[Finding]]:
    """Whether other data is fatal, and how it differs."""
    if first.record and second.record:
        known = [{"data": hash} for hash in data_hashes(first.record.settings, second.record.settings)]
    else:
        known = [run.summary.model_dump(include={"samples", "clusters"}) for run in (first, second)]
    differing = joined(_findings(*known))
    if first.lines is None or second.lines is None:
        said = f"{differing}, and which samples is not known"
        return True, [Finding("data", said)] if differing else []
    ours, theirs = first.lines.keys(), second.lines.keys()
    common = len(ours & theirs)
    if not differing:  # one set of samples by its hash, another by its ids
        said = f"samples differ, {common} in common, although the data are the same"
        return True, [Finding("data", said)] if ours != theirs else []
    if not common:
        return True, [Finding("data", f"{differing}, and no sample in common")]
    return False, [Finding("data", f"{differing}, {common} samples in common")]


def _arithmetic(first: AnyRun, second: AnyRun) -> list[Finding]:
    """Nothing where a run is of no model, whose answer is the same on any device and has no tokens."""
    both, role = (first, second), Role.ARITHMETIC
    if any(_stated(run).get("kind") in WITHOUT_MODEL and "weights" not in _stated(run) for run in both):
        return []
    if all("weights" in _stated(run) for run in both):
        return _findings(*({**_predictor(run, role), **_settings(run, role)} for run in both))
    # a model elsewhere: of its arithmetic nothing is known here
    known = [_settings(run, role) for run in both]
    return _findings(*({name: of[name] for name in OF_ANSWERS if name in of} for of in known))


def _notes(first: AnyRun, second: AnyRun) -> list[Finding]:
    unknown = f"comes without {RUN}: it is not known whether data, options and device are the same"
    bare = [Finding("record", f"{run.path} {unknown}") for run in (first, second) if run.record is None]
    return bare or _findings(*map(_noted, (first, second)))


def _noted(run: AnyRun) -> dict[str, Any]:
    sessions = run.record.sessions if run.record else []
    packages = {"packages": sessions[-1].packages if sessions else {}}
    served = {"the judge's replies by": run.served} if run.served else {}
    return {**_settings(run, Role.NOTE), **packages, **_predictor(run, Role.NOTE), **served}


def _settings(run: AnyRun, role: Role) -> dict[str, Any]:
    """Those of a role; none without run.json."""
    settings = run.record.settings.model_dump() if run.record else {}
    if run.record:
        settings["options"] = _options(run.record.settings)
    return {name: value for name, value in settings.items() if ROLES[name] is role}


def _options(settings: RunSettings) -> dict[str, str]:
    """With those that the task has got since the run, which had their defaults then."""
    try:
        return settings.make_task().options
    except ValueError:  # unknown here
        return settings.options


def _predictor(run: AnyRun, role: Role) -> dict[str, Any]:
    """What the predictor states in a role."""
    return {name: value for name, value in _stated(run).items() if PREDICTOR_ROLES.get(name) is role}


def _stated(run: AnyRun) -> dict[str, Any]:
    """The identity of a predictor, and of the codec that it sends masks through."""
    predictor = run.record.settings.predictor if run.record else {}
    codec = predictor.get("codec")
    return {**(codec if isinstance(codec, dict) else {}), **predictor}


def _findings(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Finding]:
    """What differs of what both state."""
    return [
        Finding(name, text)
        for name, value in first.items()
        if name in second
        for text in differences(value, second[name], name)
    ]
