"""The run that each check of a gate looks at, and what the check is called."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from samtok_bench.gate.file import Check
from samtok_bench.running.options import RunOptions
from samtok_bench.runs.folder import RunFolder
from samtok_bench.runs.reading import task_of
from samtok_bench.runs.settings import RunSettings


def sources_of(checks: Sequence[Check], given: Sequence[Path]) -> list[RunOptions | Path]:
    """The run of each check: its own, or the given folder that fits; ValueError unless exactly one does."""
    records = [(folder, RunFolder(folder)) for folder in given]
    for folder, run in records:
        if not any(check.run is None and _fits(check, run) for check in checks):
            what = ", ".join(_kind(run.record().settings))
            raise ValueError(f"{folder} ({what}) fits no check without `run` in the gate's file")
    found: list[RunOptions | Path] = []
    for place, check in enumerate(checks):
        fitting = [folder for folder, run in records if check.run is None and _fits(check, run)]
        if check.run is not None:
            found.append(check.run)
        elif len(fitting) == 1:
            found.append(fitting[0])
        else:
            several = f"fits several of the given folders: {', '.join(str(folder) for folder in fitting)}"
            none = "names no run: give a results folder on the command line"
            raise ValueError(f"checks.{place} ({check.metric}) {several if fitting else none}")
    return found


def names_of(checks: Sequence[Check], sources: Sequence[RunOptions | Path]) -> list[str]:
    """The names of the checks; ValueError if two have the same."""
    names = []
    for check, source in zip(checks, sources, strict=True):
        if isinstance(source, RunOptions):
            task = source.task
        else:
            task = source.name
            with suppress(OSError, ValueError):  # the verdict will say so
                task = RunFolder(source).record().settings.task
        chosen = f", {tags_of(check)}" if check.tag else ""
        names.append(check.name or f"{task} {check.metric}{chosen}")
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} checks are called {name!r}: give each a name of its own")
    return names


def tags_of(check: Check) -> str:
    """The values of tags that choose the samples of a check, in words."""
    return ", ".join(f"{tag} {value}" for tag, value in check.tag.items())


def _fits(check: Check, run: RunFolder) -> bool:
    """Whether a run has the baseline's task, protocol and split, or without a baseline the metric."""
    expected = None
    if check.baseline is not None:
        with suppress(OSError, ValueError):  # the verdict will say so
            expected = RunFolder(check.baseline).record().settings
    if expected is None:
        return any(info.id == check.metric for info in task_of(run).metrics)
    return _kind(run.record().settings) == _kind(expected)


def _kind(settings: RunSettings) -> tuple[str, str, str]:
    """What a run on the command line must have in common with the baseline of its check."""
    return settings.task, settings.protocol, settings.split
