"""The runs that a user wants to compare: with their answers, or only summaries."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from samtok_bench.judging.judged_run import judged_by
from samtok_bench.runs.comparable import comparability, joined
from samtok_bench.runs.folder import JOURNAL, SUMMARY, RunFolder, RunRecord
from samtok_bench.runs.journal import Line
from samtok_bench.runs.reading import LoadedRun, NotComparable, open_run
from samtok_bench.runs.settings import short_name
from samtok_bench.runs.summary import Summary


@dataclass(frozen=True)
class GivenRun:
    """One run as far as its files are there."""

    path: Path
    label: str
    """Its name in tables; unique within a comparison."""
    summary: Summary
    record: RunRecord | None
    """None for a summary without run.json."""
    run: LoadedRun | None
    """None if there are no answers of single samples; such a run cannot be paired."""

    @property
    def lines(self) -> dict[str, Line] | None:
        """The answers by sample id, if there are any."""
        return self.run.lines if self.run else None

    @property
    def judge(self) -> str | None:
        """Who scored the answers; None for the run's own metrics."""
        return self.run.judge if self.run else None

    @property
    def served(self) -> str:
        """What the judge's server says that replied; empty where it says nothing."""
        return self.run.served if self.run else ""


def read_given_runs(paths: Sequence[Path], judge: str | None = None) -> list[GivenRun]:
    """Read runs.

    Args:
        paths: results folders, with or without the journal, or summary.json files.
        judge: the model of a judge, whose metrics and scores replace the runs' own.

    Raises:
        ValueError: fewer than two runs, a run given twice, an incomplete run or a malformed file.
        OSError: no such file, or not a results folder.
    """
    if len(paths) < 2:
        raise ValueError("give two runs or more to compare")
    path, times = Counter(_folder(path).resolve() for path in paths).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{path} is given {times} times")
    read = [_read(path) if judge is None else _whole(judged_by(open_run(path), judge)) for path in paths]
    labels = _labels(paths, [summary for summary, _, _ in read])
    return [GivenRun(path, label, *parts) for path, label, parts in zip(paths, labels, read, strict=True)]


def _folder(path: Path) -> Path:
    """The results folder of a path."""
    return path.parent if path.name == SUMMARY and not path.is_dir() else path


def _read(path: Path) -> tuple[Summary, RunRecord | None, LoadedRun | None]:
    if _folder(path) != path:
        path = _folder(path)
    elif (path / JOURNAL).exists() or not (path / SUMMARY).exists():
        return _whole(open_run(path))
    folder = RunFolder(path)
    record = folder.record() if folder.exists() else None
    if record is not None and record.status != "complete":
        raise NotComparable(f"{path} is incomplete: run its command again")
    return folder.summary(), record, None


def _whole(run: LoadedRun) -> tuple[Summary, RunRecord, LoadedRun]:
    return run.summary, run.record, run


def _labels(paths: Sequence[Path], summaries: Sequence[Summary]) -> list[str]:
    """The models' names if they differ, else the folders' names, else the paths."""
    choices = (
        [short_name(summary.model) for summary in summaries],
        [path.resolve().name for path in paths],
    )
    return next((labels for labels in choices if len(set(labels)) == len(labels)), [str(p) for p in paths])


def agree_on_terms(given: Sequence[GivenRun], force: bool) -> tuple[list[str], list[str], list[str]]:
    """Whether runs compare, see `comparability`.

    Args:
        given: two or more.
        force: compare in spite of grave differences; if the data differ, only the samples in common.

    Returns:
        the samples in common, sorted (none if no run has a journal); what would have prevented the comparison
        without `force`; what else differs and might matter.

    Raises:
        NotComparable: they do not compare; names what differs.
    """
    judge = given[0].judge
    forced: list[str] = []
    notes = [f"metrics and scores of the judge {judge}"] if judge else []
    for first, second in combinations(given, 2):
        found = comparability(first, second)
        found.require(force)
        forced += [f"{second.label} differs from {first.label}: {finding.text}" for finding in found.grave]
        if first is given[0] and (first.record is None or second.record is None):
            notes += [finding.text for finding in found.notes]
        elif first is given[0] and found.notes:
            notes.append(f"{second.label} differs from {first.label}: {joined(found.notes)}")
    journals = {run.label: run.lines for run in given if run.lines is not None}
    if not journals:
        return [], forced, notes
    ids = sorted(set.intersection(*map(set, journals.values())))
    if not ids:
        raise NotComparable("no sample is common to all runs")
    (reference, before), *_ = journals.items()
    for label, lines in journals.items():
        if len(lines) > len(ids):
            forced.append(f"{len(lines) - len(ids)} of the {len(lines)} samples of {label} are left out")
        # they decide groups and intervals
        moved = _moved(before, lines, ids)
        count = sum(id in moved or before[id].tags != lines[id].tags for id in ids)
        if count:
            what = f"tags or image of {count} of {len(ids)} samples; those of the subtracted run are used"
            notes.append(f"{label} differs from {reference}: {what}")
    return ids, forced, notes


def _moved(before: Mapping[str, Line], now: Mapping[str, Line], ids: Sequence[str]) -> set[str]:
    """The samples that share their image with others than before; a new name of an image moves none."""
    names: dict[str, str] = {}
    back: dict[str, str] = {}
    pairs = ((id, before[id].cluster, now[id].cluster) for id in ids)
    return {
        id for id, old, new in pairs if names.setdefault(old, new) != new or back.setdefault(new, old) != old
    }
