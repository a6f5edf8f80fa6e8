"""Regression gates: verdicts on the checks of a gate's file.

A check looks at one metric of one run. With a floor, it asks whether the value is good enough. With a
baseline and a tolerance, it asks whether the run got worse: the interval of the paired difference, clustered
by image, says whether a drop of more than the tolerance is certain (regression), ruled out (pass), or neither
(inconclusive). For metrics where lower is better, the floor is a ceiling and the drop a rise.

Missing is never a pass: what cannot be measured or compared like with like is "not comparable".
"""

import functools
import shlex
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import numpy as np

from samtok_bench import registry, statistics
from samtok_bench.gate.file import Check, names_of, sources_of
from samtok_bench.judging.transcript import TRANSCRIPT
from samtok_bench.metric import MetricInfo
from samtok_bench.progress import Reporter
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run as make_run
from samtok_bench.runs.changes import ROUNDING, Change, gains, most_changed
from samtok_bench.runs.comparable import comparability, joined
from samtok_bench.runs.folder import CEILING, JOURNAL, JUDGES, RUN, SUMMARY
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import (
    LoadedRun,
    NotComparable,
    chosen_lines,
    clusters_of,
    defined_value,
    informing_images,
    open_run,
    scores_of,
)
from samtok_bench.showing.tables import number
from samtok_bench.statistics import Interval
from samtok_bench.task import Task

LOSSES = 10
"""How many of the samples that lost most to list."""
BESIDE = (CEILING, JUDGES, TRANSCRIPT)
"""Files that only some runs have."""


class Verdict(StrEnum):
    """What became of a check."""

    PASS = "pass"
    REGRESSION = "regression"
    FAILED = "too many failed"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not comparable"


EXIT_CODES = {
    Verdict.REGRESSION: 1,
    Verdict.FAILED: 4,
    Verdict.NOT_COMPARABLE: 3,
    Verdict.INCONCLUSIVE: 3,
    Verdict.PASS: 0,
}
"""In order of precedence, within a check and over several checks."""


@dataclass
class CheckResult:
    """A check with everything that was found out until it was decided."""

    check: Check
    name: str
    findings: list[tuple[Verdict, str]] = field(default_factory=list)
    """The verdict on each rule that was looked at, with its reason."""
    run: LoadedRun | None = None
    baseline: LoadedRun | None = None
    info: MetricInfo | None = None
    value: float | None = None
    """Of all samples of the run; against a baseline, of those in common."""
    before: float | None = None
    """The baseline's value."""
    interval: Interval | None = None
    """Of value minus before."""
    losses: list[Change] = field(default_factory=list)
    """The samples that lost most."""
    improved: bool = False
    """Whether the run is certainly better than the baseline."""
    notes: list[str] = field(default_factory=list)

    @property
    def change(self) -> float | None:
        """Value minus before."""
        return None if self.value is None or self.before is None else self.value - self.before

    @property
    def verdict(self) -> Verdict:
        """The finding that takes precedence."""
        found = {verdict for verdict, _ in self.findings}
        return next(verdict for verdict in EXIT_CODES if verdict in found)

    @property
    def reason(self) -> str:
        """The reasons for the verdict and for all other findings that are not a pass."""
        shown = [text for verdict, text in self.findings if verdict is not Verdict.PASS]
        return "; ".join(shown or [text for _, text in self.findings])

    @property
    def tolerated(self) -> bool:
        """Whether the check is inconclusive and its entry makes that a warning."""
        return self.verdict is Verdict.INCONCLUSIVE and self.check.inconclusive == "warn"


def evaluate(
    checks: Sequence[Check], given: Sequence[Path], reporter: Reporter, command: Sequence[str] = ()
) -> list[CheckResult]:
    """Make the runs that the checks ask for, and decide all checks.

    Args:
        checks: at least one.
        given: results folders for the checks without `run`.
        reporter: of the runs.
        command: for the runs' records.

    Raises:
        ValueError: a check that makes no sense for its task; runs and checks that do not fit together; a run
            that cannot be made.
        OSError: data or weights of a run to make are missing, or a given folder is not a results folder.
    """
    sources = sources_of(checks, given)
    names = names_of(checks, sources)
    for check, source in zip(checks, sources, strict=True):
        if isinstance(source, RunOptions):
            with suppress(NotComparable):  # the verdict will say so
                gated_metric(check, source.make_task())  # a faulty file is refused before long work
    asked = dict.fromkeys(source for source in sources if isinstance(source, RunOptions))
    made = {options: make_run(replace(options, command=tuple(command)), reporter).folder for options in asked}
    load = functools.cache(open_run)
    results = []
    for check, name, source in zip(checks, names, sources, strict=True):
        result = CheckResult(check, name)
        try:
            result.run = load(made[source] if isinstance(source, RunOptions) else source)
            _decide(result, result.run)
            if check.baseline is not None:
                result.baseline = load(check.baseline)
                _compare(result, result.run, result.baseline)
        except NotComparable as reason:
            result.findings.append((Verdict.NOT_COMPARABLE, str(reason)))
        results.append(result)
    return results


def exit_code(results: Sequence[CheckResult]) -> int:
    """The first code in the order 1 (regression), 4 (failed samples), 3 (undecided), 0 that a check has."""
    found = {0 if result.tolerated else EXIT_CODES[result.verdict] for result in results}
    return next(code for code in EXIT_CODES.values() if code in found)


def refresh_commands(results: Sequence[CheckResult]) -> list[str]:
    """Shell commands that make better runs the new baselines, unless another check objects to the run."""
    refused = {r.run.path for r in results if r.run and r.verdict is not Verdict.PASS}
    better = [(r.run.path, r.baseline.path) for r in results if r.improved and r.run and r.baseline]
    commands = []
    for run, baseline in dict.fromkeys(better):
        if run in refused:
            continue
        beside = [name for name in BESIDE if (run / name).is_file()]
        files = [run / name for name in (RUN, JOURNAL, SUMMARY, *beside)]
        old = [baseline / name for name in BESIDE if name not in beside and (baseline / name).is_file()]
        clean = f"rm -- {shlex.join(map(str, old))} && " if old else ""  # they belong to the old run
        commands.append(f"{clean}cp -- {shlex.join(map(str, files))} {shlex.quote(str(baseline))}/")
    return commands


def gated_metric(check: Check, task: Task) -> MetricInfo:
    """The metric of a check; NotComparable if the task lacks it, ValueError if the check makes no sense."""
    known = {info.id: info for info in task.metrics}
    if check.metric not in known:
        hint = registry.suggestion(check.metric, list(known))
        raise NotComparable(f"{task.name} has no metric {check.metric!r}{hint}")
    info = known[check.metric]
    if info.direction == "none":
        raise ValueError(f"{info.id} describes the data: neither more nor less of it is better")
    if check.tolerance is not None and not info.aggregate.has_interval:
        raise ValueError(f"{info.id} has no interval, so no tolerance can be checked; give a floor instead")
    if not info.unit:
        # a limit on the scale of tables, or at the end of the scale, would let anything pass
        best, worst = (info.most, 0) if info.direction == "higher" else (0, info.most)
        if check.floor is not None and (not 0 <= check.floor <= info.most or check.floor == worst):
            raise ValueError(
                f"the floor {check.floor:g} of {info.id} checks nothing: {best:g} is best, {worst:g} worst"
            )
        if check.tolerance is not None and check.tolerance >= 1:
            raise ValueError(f"the tolerance {check.tolerance:g} of {info.id} must be below 1")
    return info


def _decide(result: CheckResult, run: LoadedRun) -> None:
    """The rules that need only the run: failed samples and the floor."""
    check = result.check
    result.info = info = gated_metric(check, run.task)
    lines = chosen_lines(run, check.tag)
    failures, too_many = _failures(lines, check.max_failed)
    if too_many:
        result.findings.append((Verdict.FAILED, failures))
    elif failures:
        result.notes.append(failures)
    result.value = defined_value(run, info, lines)
    if check.floor is not None:
        floor, better = check.floor, info.sign
        missed = better * (result.value - floor) < -ROUNDING
        relation = ("below" if better > 0 else "above") if missed else "keeps"
        text = f"{number(result.value, info.unit)} {relation} the floor {number(floor, info.unit)}"
        result.findings.append((Verdict.REGRESSION if missed else Verdict.PASS, text))


def _compare(result: CheckResult, run: LoadedRun, baseline: LoadedRun) -> None:
    """The rules that need the baseline."""
    check, info = result.check, result.info
    assert info is not None
    now, before = _compared_lines(result, run, baseline)
    failures, too_many = _failures(before, check.max_failed)
    if too_many:  # answers missing there would make the run look better than it is
        raise NotComparable(f"baseline: {failures}")
    result.value, result.before = defined_value(run, info, now), defined_value(baseline, info, before)
    _note_left_out(result, run, baseline, len(now))
    _, result.losses = most_changed(info, before, now, LOSSES)
    images = min(informing_images(info, before), informing_images(info, now))
    if check.tolerance is not None and images < check.min_images:
        raise NotComparable(f"only {images} images inform {info.id}, min_images is {check.min_images}")
    result.interval = _interval(info, run, baseline, now)
    if result.interval is None:
        if check.tolerance is not None:
            raise NotComparable(f"the difference of {info.id} has no interval")
        return
    gained = gains(info, result.interval)
    result.improved = gained.low > ROUNDING
    if check.tolerance is not None:
        direction, limit = "drop" if info.direction == "higher" else "rise", -check.tolerance - ROUNDING
        shown = f"a {direction} of more than {number(check.tolerance, info.unit)}"
        finding = Verdict.PASS, f"{shown} is ruled out"
        if gained.high < limit:
            finding = Verdict.REGRESSION, f"{shown} is certain"
        elif gained.low < limit:
            finding = Verdict.INCONCLUSIVE, f"{shown} is neither certain nor ruled out"
        result.findings.append(finding)


def _interval(
    info: MetricInfo, run: LoadedRun, baseline: LoadedRun, chosen: Collection[str]
) -> Interval | None:
    """Of the difference on the chosen samples, from draws of all images, as a comparison has it."""
    lines = {id: line for id, line in run.lines.items() if id in baseline.lines}
    scores = [[baseline.lines[id].scores for id in lines], scores_of(lines)]
    places = np.flatnonzero([id in chosen for id in lines])
    (found,) = statistics.of_groups(info, scores, clusters_of(lines), [places], fewest=2)
    return found.interval


def _compared_lines(
    result: CheckResult, run: LoadedRun, baseline: LoadedRun
) -> tuple[dict[str, Line], dict[str, Line]]:
    """The lines of both runs in the same order; NotComparable unless the runs compare.

    A gate is there to compare different code, so that difference is not noted.
    """
    check, found = result.check, comparability(baseline, run)
    found.require(check.force, "`force: true` in the check")
    differing = [*found.grave, *(note for note in found.notes if note.setting != "code")]
    if differing:
        result.notes.append(f"differs from the baseline: {joined(differing)}")
    now, before = chosen_lines(run, check.tag), chosen_lines(baseline, check.tag)
    common = [id for id in now if id in before]
    left_out = len(now) + len(before) - 2 * len(common)
    if not common or (left_out and not check.force):  # the runs tag their samples differently
        raise NotComparable(f"{found.where}: {left_out} samples have {check.tags} in only one of them")
    return {id: now[id] for id in common}, {id: before[id] for id in common}


def _note_left_out(result: CheckResult, run: LoadedRun, baseline: LoadedRun, common: int) -> None:
    """Say that the runs are compared on the samples in common, where one of them has others."""
    check = result.check
    chosen = [len(chosen_lines(each, check.tag)) for each in (run, baseline)]
    if chosen != [common, common]:
        left = f"{chosen[0] - common} of the run and {chosen[1] - common} of the baseline are left out"
        note = f"value, baseline and difference are of the {common} samples in common: {left}"
        checked = f"; the floor is checked on all {chosen[0]} of the run" if check.floor is not None else ""
        result.notes.append(f"{note}{checked}")


def _failures(lines: Mapping[str, Line], allowed: float) -> tuple[str, bool]:
    """Which samples lack an answer, in words ("" if none does), and whether they are too many."""
    failed = [line.prediction for line in lines.values() if not line.prediction.answered]
    if not failed:
        return "", False
    why = f"{failed[0].outcome}, {failed[0].detail or 'no reason given'}"
    text = f"{len(failed)} of {len(lines)} samples failed ({100 * allowed:g} % may), the first: {why}"
    return text, len(failed) > allowed * len(lines) + ROUNDING
