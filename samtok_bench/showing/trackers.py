"""Finished runs in an experiment tracker, after the fact: TensorBoard or Weights & Biases.

A run's values are named as in the log of a training, `gres-val_giou`, and on the scale of files, 0 to 1;
in one group with each stand `/low`, `/high`, `/floor` and `/ceiling`, as far as there are.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from textwrap import indent
from typing import Any

from samtok_bench import registry
from samtok_bench.files import folder_aside
from samtok_bench.runs.folder import RunFolder
from samtok_bench.runs.settings import RunSettings
from samtok_bench.runs.summary import Summary

BOUNDS = ("low", "high", "floor", "ceiling")


@dataclass(frozen=True)
class Tracked:
    """What a tracker gets of a complete run."""

    name: str
    """Of the results folder, and what tells runs in folders of one name apart."""
    settings: RunSettings
    values: dict[str, float]
    started: str
    """UTC, ISO 8601."""


def read_tracked(path: Path) -> Tracked:
    """A complete results folder; ValueError or OSError for another one."""
    folder = RunFolder(path)
    record = folder.record()
    if record.status != "complete":
        raise ValueError(f"{path} is incomplete: run its command again")
    settings = record.settings
    name = f"{path.resolve().name}-{settings.hash}"
    return Tracked(name, settings, values_of(folder.summary()), record.sessions[0].started)


def values_of(summary: Summary) -> dict[str, float]:
    """What is defined of a run's metrics and counts, by its name in a tracker."""
    prefix = f"{summary.task}-{summary.split}"
    values: dict[str, float | None] = {f"{prefix}_samples": summary.samples}
    for outcome, count in summary.outcomes.items():
        values[f"{prefix}_outcomes/{outcome}"] = count
    for metric in summary.metrics:
        values[f"{prefix}_{metric.id}"] = metric.value
        values |= {f"{prefix}_{metric.id}/{bound}": getattr(metric, bound) for bound in BOUNDS}
    return {name: float(value) for name, value in values.items() if value is not None}


def tracker(target: str) -> Callable[[Tracked], str]:
    """What sends a run to `tensorboard:DIR` or `wandb:PROJECT`, and says where it is then.

    Raises:
        ValueError: no such tracker, no place in it, or it is not installed.
    """
    kind, _, place = target.partition(":")
    if kind not in TRACKERS:
        known = registry.suggestion(kind, list(TRACKERS))
        raise ValueError(f"unknown tracker {kind!r}{known}: give tensorboard:DIR or wandb:PROJECT")
    if not place:
        raise ValueError(f"{kind} of what? Give tensorboard:DIR or wandb:PROJECT")
    try:
        return TRACKERS[kind](place)
    except ImportError:
        raise ValueError(f"{kind} is not installed: pip install 'samtok-bench[{kind}]'") from None


def _tensorboard(place: str) -> Callable[[Tracked], str]:
    from torch.utils.tensorboard import SummaryWriter

    def send(run: Tracked) -> str:
        folder = Path(place) / run.name
        if folder.exists():
            return f"{folder} is there already: remove it to write it anew"
        time = datetime.fromisoformat(run.started).timestamp()
        with folder_aside(folder) as part:
            with SummaryWriter(str(part)) as writer:
                for name, value in run.values.items():
                    writer.add_scalar(name, value, 0, walltime=time)
                settings = json.dumps(run.settings.model_dump(mode="json"), indent=1)
                # Markdown shows what is indented as it is
                writer.add_text("settings", indent(settings, " " * 4), 0, walltime=time)
            part.rename(folder)
        return str(folder)

    return send


def _wandb(place: str) -> Callable[[Tracked], str]:
    import wandb

    def send(run: Tracked) -> str:
        # the same run again takes its own place
        config = run.settings.model_dump(mode="json")
        sent: Any = wandb.init(project=place, id=run.name, name=run.name, config=config, resume="allow")
        sent.summary.update(run.values)
        sent.finish()
        return f"{place}/{run.name}"

    return send


TRACKERS: Mapping[str, Callable[[str], Callable[[Tracked], str]]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
}


def send_all(paths: Sequence[Path], target: str) -> tuple[list[str], list[str]]:
    """Send the complete runs of some results folders: where each is now, and what was left out and why."""
    send = tracker(target)
    sent, left_out = [], []
    for path in paths:
        try:
            run = read_tracked(path)
        except (ValueError, OSError) as error:
            left_out.append(str(error))
        else:
            sent.append(f"{path}: {send(run)}")
    return sent, left_out
