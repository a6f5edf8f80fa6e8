"""Results folders as a run on official data would leave them, with figures by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samtok_bench.runs.folder import IntervalInfo, Line, MetricValue, RunFolder, RunRecord, Session, Summary
from samtok_bench.sample import Prediction, Scores
from samtok_bench.task import Task

CO = "zhouyik/Qwen3-VL-4B-SAMTok-co"
"""The paper has gIoU 69.1, cIoU 68.3 and N-acc 60.8 of it on gRefCOCO testB."""


def gres_score(iou: float) -> Scores:
    """Of a sample with a target; the union has 100 pixels."""
    return {
        **{"iou": iou, "iou_targeted": iou, "intersection": 100 * iou, "union": 100},
        **{"no_target": 0, "targeted": 1, "refused_rightly": 0, "answered_rightly": 1},
        **{"pr70": 0, "pr80": 0, "pr90": 0},
    }


def refusal(right: bool) -> Scores:
    """Of a sample without a target."""
    nothing = dict.fromkeys(gres_score(0), 0.0)
    return {**nothing, "iou": float(right), "no_target": 1, "refused_rightly": float(right)}


def write_official(
    folder: Path,
    task: Task,
    split: str,
    scores: Sequence[Scores],
    *,
    model: str = CO,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    data_root: str | None = "/official",
    failed: int = 0,
    dirty: bool = False,
    **settings: Any,
) -> Path:
    """Write a complete run.

    Args:
        folder: where.
        task: with its protocol, data format and options.
        split: its name.
        scores: one a sample.
        model: as a user writes it.
        bounds: low and high by metric id; the others have no interval.
        data_root: for the record.
        failed: for the summary, as model errors.
        dirty: whether the code was uncommitted.
        settings: what else differs from the usual ones.
    """
    lines = [Line(f"s{k:05d}", f"{k}.jpg", {}, Prediction(), one) for k, one in enumerate(scores)]
    values = task.summarize(list(scores), [line.cluster for line in lines])
    metrics = []
    for info in task.metrics:
        low, high = (bounds or {}).get(info.id, (None, None))
        metrics.append(
            MetricValue(
                **{"id": info.id, "version": info.version, "display": info.display, "unit": info.unit},
                **{"direction": info.direction, "value": values[info.id], "low": low, "high": high},
                **{"floor": None, "floor_by": None, "ceiling": None},
            )
        )
    session = Session(
        command=[],
        started="2026-01-01T00:00:00+00:00",
        git_commit="c" * 40,
        git_dirty=dirty,
        packages={},
        machine="test",
        threads=None,
    )
    chosen = {
        **{"task": task.name, "protocol": task.protocol, "data_format": task.data, "split": split},
        **{"data": "d" * 64, "limit": None, "sample": [], "model": model, "constrained": False, "seed": 0},
        "predictor": {"kind": "samtok", "weights": model},
        **({"options": task.options} if task.options else {}),
        **settings,
    }
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    run.write_record(
        RunRecord(
            status="complete", settings=chosen, data_root=data_root, samples=len(lines), sessions=[session]
        )
    )
    run.journal.append(lines)
    run.write_summary(
        Summary(
            **{"task": task.name, "protocol": task.protocol, "split": split, "model": model},
            samples=len(lines),
            clusters=len(lines),
            outcomes={"ok": len(lines) - failed, "model_error": failed},
            dropped={},
            primary=task.primary,
            metrics=metrics,
            interval=IntervalInfo(method="by hand", level=0.95, resamples=0, seed=0),
            breakdown={},
        )
    )
    return folder
