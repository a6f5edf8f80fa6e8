"""Adding a finished run to the results folder: it is checked, then copied."""

import math
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from samtok_bench.files import folder_aside, naming, sync
from samtok_bench.interruption import keeping
from samtok_bench.judging import transcript
from samtok_bench.leaderboard.board import make_board
from samtok_bench.leaderboard.published import shipped
from samtok_bench.leaderboard.submission import SUBMISSION, Submission
from samtok_bench.progress import Reporter
from samtok_bench.running.rescore import rescore
from samtok_bench.runs.comparable import comparability, joined
from samtok_bench.runs.folder import CEILING, JOURNAL, RUN, SUMMARY, RunFolder, find_runs, write_json
from samtok_bench.runs.reading import LoadedRun, agreed_values, from_scores, open_run, stored_metric
from samtok_bench.runs.settings import differences
from samtok_bench.runs.summary import MetricValue, Summary

COPIED = (RUN, JOURNAL, SUMMARY, CEILING, transcript.SUMMARY, transcript.TRANSCRIPT)
"""Without the pictures, which show images of the data set."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True)
class Accepted:
    """A run that was added."""

    folder: Path
    """Where the copy is."""
    checked: tuple[str, ...]
    """What was checked and is right."""
    remarks: tuple[str, ...]
    """What a reviewer should look at."""


def add(
    path: Path, results: Path, name: str | None, reporter: Reporter, selected_on: str | None = None
) -> Accepted:
    """Check a run and copy it to `results`/TASK/NAME.

    Args:
        path: its folder.
        results: the folder of committed runs.
        name: of the copy; that of `path` if None.
        reporter: of the rescoring.
        selected_on: see `Submission`; None where it is not said.

    Raises:
        ValueError: it fails a check; says which one.
        OSError: it cannot be read, or its place is taken.
    """
    name = name or path.resolve().name
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a folder: give a --name of letters, digits and . _ + -")
    submission = _said(selected_on)
    folder = RunFolder(path)
    folder.record()  # what is no results folder is not to be made one
    with folder.locked():
        run = open_run(path)
        target = results / run.task.name / name
        _free(target)
        _whole(run)
        same_table, differing = _beside(run, results)
        checked = ("complete, with all samples", _metrics(run), _rescored(run, reporter), same_table)
        remarks = (*_remarks(run), *differing)
        with keeping(
            lambda: f"{target} is {'whole' if target.exists() else 'not there: the same command makes it'}"
        ):
            _copy(path, target, submission)
    return Accepted(target, checked, (*remarks, _selection(submission), *_place(target)))


def _said(selected_on: str | None) -> Submission | None:
    try:
        return None if selected_on is None else Submission(selected_on=selected_on)
    except ValidationError:
        raise ValueError(
            f"--selected-on must be one line of 1 to 200 characters, got {selected_on!r}"
        ) from None


def _selection(submission: Submission | None) -> str:
    if submission is None:
        return "it is not said on what data the checkpoint was selected: --selected-on TEXT"
    return f"the checkpoint was selected on {submission.selected_on}: not on this split, nor on one like it?"


def _whole(run: LoadedRun) -> None:
    settings, summary = run.settings, run.summary
    if settings.partial:
        raise ValueError(f"{run.path} was made with --limit or --sample: a table needs all samples")
    stored = {name: getattr(settings, name) for name in ("task", "protocol", "split", "model")}
    differing = differences(stored, {name: getattr(summary, name) for name in stored})
    differing += differences({"samples": run.record.samples}, {"samples": summary.samples})
    if differing:
        raise ValueError(f"{run.path}: {SUMMARY} does not belong to {RUN}: {'; '.join(differing)}")


def _metrics(run: LoadedRun) -> str:
    """The summary has the metrics of the task in their current versions, and no others."""
    for info in run.metrics:
        stored_metric(run, info)
    strange = {metric.id for metric in run.summary.metrics} - {info.id for info in run.metrics}
    if strange:
        raise ValueError(f"{run.path}: the task has no metric {sorted(strange)[0]!r}: rescore it")
    return f"{len(run.metrics)} metrics in their current versions"


def _rescored(run: LoadedRun, reporter: Reporter) -> str:
    """The answers, scored again in a copy, give the same summary; without the data, the stored scores do."""
    try:
        run.task.samples(run.record.root(run.task), run.settings.split)
    except OSError as error:
        agreed_values(run, from_scores(run.metrics), run.lines)
        return f"the summary agrees with the scores in {JOURNAL}; not scored again without the data: {error}"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        _copy(run.path, copy)
        try:
            again = rescore(copy, reporter).summary
        except ValueError as error:
            raise ValueError(str(error).replace(str(copy), str(run.path))) from None
        lines = RunFolder(copy).journal.read()
    for id, line in run.lines.items():
        if not _equal(dict(line.scores), dict(lines[id].scores)):
            raise ValueError(f"{run.path}: the answer {id} in {JOURNAL} now gets other scores: rescore it")
    wrong = _differing(run.summary, again)
    if wrong:
        raise ValueError(f"{run.path}: scored again, {SUMMARY} differs in {', '.join(wrong)}: rescore it")
    return f"{len(lines)} answers, scored again, give the same scores and summary"


def _differing(stored: Summary, again: Summary) -> list[str]:
    """What differs by more than rounding, by name."""
    pairs: list[tuple[str, object, object]] = [
        (name, getattr(stored, name), getattr(again, name))
        for name in ("clusters", "outcomes", "dropped", "primary", "interval")
    ]
    for metric in again.metrics:
        pairs.append((metric.id, _numbers(stored.metric(metric.id)), _numbers(metric)))
    return [name for name, before, now in pairs if not _equal(before, now)]


def _numbers(metric: MetricValue) -> dict[str, float | str | None]:
    return {name: getattr(metric, name) for name in ("value", "low", "high", "floor", "ceiling")}


def _equal(before: object, now: object) -> bool:
    """Up to rounding; nan equals nan."""
    if isinstance(before, dict) and isinstance(now, dict):
        return before.keys() == now.keys() and all(_equal(before[key], now[key]) for key in before)
    if isinstance(before, float | int) and isinstance(now, float | int):
        both_nan = math.isnan(before) and math.isnan(now)
        return both_nan or math.isclose(before, now, rel_tol=1e-6, abs_tol=1e-9)
    return before == now


def _beside(run: LoadedRun, results: Path) -> tuple[str, list[str]]:
    """Whether the run fits the runs that are there: what was checked, and what else differs from them.

    Runs that were asked other questions belong to other tables. Those of the same table must have the same
    data; whatever else differs is a remark.
    """
    others, differing = 0, []
    for path in find_runs([results / run.task.name]):
        other = open_run(path)
        found = comparability(other, run)
        of_data = [finding for finding in (*found.fatal, *found.grave) if finding.setting == "data"]
        if of_data:
            raise ValueError(f"{run.path} has other data than {path}: {joined(of_data)}")
        if found.fatal:
            continue
        others += 1
        if found.grave or found.notes:
            differing.append(f"differs from {path}: {joined([*found.grave, *found.notes])}")
    return (
        f"same data as the other runs of its table, {others}" if others else "the first run of its table",
        differing,
    )


def _remarks(run: LoadedRun) -> Iterator[str]:
    for place, session in enumerate(run.record.sessions, start=1):
        which = (
            f"session {place} of {len(run.record.sessions)}" if len(run.record.sessions) > 1 else "the run"
        )
        if session.git_commit is None:
            yield f"{which} has no recorded commit"
        elif session.git_dirty:
            yield f"{which} was made by uncommitted code on top of {session.git_commit[:12]}"
    failed = sum(not line.prediction.answered for line in run.lines.values())
    if failed:
        yield f"{failed} of {len(run.lines)} samples have no answer and are scored as unanswered"
    if run.record.data_root is not None:
        yield f"{RUN} names the data folder of your machine: {run.record.data_root}"


def _place(target: Path) -> Iterator[str]:
    """Why the run stands next to no published figure, if it does not."""
    schema, published = shipped()
    board = make_board(schema, published, [target])
    yield from (f"in no table: {run.reason}" for run in board.left_out)
    if board.demonstrations:
        yield "only on the page of nano and mini, next to no published figure"


def _copy(path: Path, target: Path, submission: Submission | None = None) -> None:
    """Copies all files or none: the folder gets its name last."""
    with folder_aside(target) as part:
        _free(target)
        for name in COPIED:
            if (path / name).is_file():
                with naming(target / name):
                    shutil.copyfile(path / name, part / name)
                    sync(part / name)
        if submission is not None:
            write_json(part / SUBMISSION, submission)
        part.rename(target)


def _free(target: Path) -> None:
    if target.exists():
        raise FileExistsError(f"{target} exists already and is never overwritten: give another --name")
