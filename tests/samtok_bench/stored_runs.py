"""Complete results folders, written as a run leaves them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samtok_bench.runs.folder import RunFolder, RunRecord, Session
from samtok_bench.runs.journal import Line
from samtok_bench.runs.settings import RunSettings
from samtok_bench.runs.summary import IntervalInfo, MetricValue, Summary
from samtok_bench.statistics import Interval
from samtok_bench.task import Task


def settings_of(task: Task, /, **given: Any) -> RunSettings:
    """Usual settings, but for those that are given."""
    usual: dict[str, Any] = {
        **{"task": task.name, "protocol": task.protocol, "data_format": task.data, "options": task.options},
        **{"split": "val", "limit": None, "sample": [], "model": "some", "predictor": {"kind": "samtok"}},
        **{"max_new_tokens": 8, "reading": "standard", "batch_size": 16, "constrained": False, "seed": 0},
        **{"data": "d" * 64, "code": "c" * 64},
    }
    return RunSettings(**{**usual, **given})


def store_run(
    folder: Path,
    task: Task,
    settings: RunSettings,
    lines: Sequence[Line],
    *,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    failed: int = 0,
    dirty: bool | None = None,
    commit: str | None = None,
    packages: Mapping[str, str] | None = None,
    data_root: Path | str | None = "nowhere",
) -> Path:
    """Write a run whose summary is that of its lines.

    Args:
        folder: where.
        task: of the settings.
        settings: see `settings_of`.
        lines: all of them.
        bounds: low and high by metric id; the others have no interval.
        failed: for the summary, as model errors.
        dirty: whether the code was uncommitted.
        commit: of the code.
        packages: versions of the session.
        data_root: for the record.
    """
    values = task.summarize([line.scores for line in lines], [line.cluster for line in lines])
    limits = {id: Interval(*pair) for id, pair in (bounds or {}).items()}
    session = Session(
        command=[],
        started="2025-01-01T00:00:00+00:00",
        git_commit=commit,
        git_dirty=dirty,
        packages=dict(packages or {}),
        machine="test",
        threads=None,
    )
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    run.write_record(
        RunRecord(
            status="complete",
            settings=settings,
            data_root=None if data_root is None else str(data_root),
            samples=len(lines),
            sessions=[session],
        )
    )
    run.journal.append(lines)
    run.write_summary(
        Summary(
            task=settings.task,
            protocol=settings.protocol,
            split=settings.split,
            model=settings.model,
            samples=len(lines),
            clusters=len({line.cluster for line in lines}),
            outcomes={"ok": len(lines) - failed, "model_error": failed},
            dropped={},
            primary=task.primary,
            metrics=[MetricValue.of(info, values[info.id], limits.get(info.id)) for info in task.metrics],
            interval=IntervalInfo(method="none", level=0.95, resamples=0, seed=0),
            breakdown={},
        )
    )
    return folder
