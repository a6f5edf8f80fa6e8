"""Results folders as a run on official data would leave them, with figures by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stored_runs import settings_of, store_run

from samtok_bench.runs.journal import Line
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
        scores: one per sample.
        model: as a user writes it.
        bounds: low and high by metric id; the others have no interval.
        data_root: for the record.
        failed: for the summary, as model errors.
        dirty: whether the code was uncommitted.
        settings: what else differs from the usual ones.
    """
    lines = [Line(f"s{k:05d}", f"{k}.jpg", {}, Prediction(), score) for k, score in enumerate(scores)]
    usual = {
        "split": split,
        "model": model,
        "predictor": {"kind": "samtok", "weights": model},
        "max_new_tokens": task.generation.max_new_tokens,
    }
    chosen = settings_of(task, **{**usual, **settings})
    return store_run(
        folder,
        task,
        chosen,
        lines,
        bounds=bounds,
        failed=failed,
        dirty=dirty,
        commit="c" * 40,
        data_root=data_root,
    )
