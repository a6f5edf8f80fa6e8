"""A task whose scores are given, and results folders with known values and intervals."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.folder import IntervalInfo, Line, MetricValue, RunFolder, RunRecord, Session, Summary
from samtok_bench.sample import ImagePart, Outcome, Prediction, Sample, Target, Text, Turn
from samtok_bench.task import Generation, SampleSet, Task

COUNT = 40
PLAIN = [0.8] * COUNT
SPREAD = [0.7 if k % 2 else 0.9 for k in range(COUNT)]
"""Against PLAIN: mean difference 0, standard error 0.1 / sqrt(40) = 0.0158, interval -0.031 to 0.031."""
HALF_LOST = [0.8 if k % 2 else 0.6 for k in range(COUNT)]
"""Against PLAIN: mean difference -0.1, interval -0.131 to -0.069."""


def _metric(id: str, direction: str = "higher", **more: Any) -> MetricInfo:
    return MetricInfo(id, 1, id, direction, "x", more.pop("denominator", None), "test", "test", **more)


class Synthetic(Task):
    """Samples s00, s01 ... on an image each; scores x and y are what a test writes."""

    name = "synthetic"
    summary = "for tests"
    primary = "mean"
    splits = ("val",)
    generation = Generation(8)
    metrics: ClassVar = (
        _metric("mean"),
        _metric("part", denominator="y"),
        _metric("miss", "lower"),
        _metric("bits", "lower", unit="bits"),
        _metric("middle", aggregate="median"),
        _metric("fact", "none"),
        _metric("used", aggregate="used", unit="codes"),
    )

    def default_root(self):
        raise NotImplementedError

    def samples(self, root, split):
        if not root.is_dir():
            raise FileNotFoundError(f"no data in {root}")
        mask = np.zeros((10, 12), bool)
        mask[2:5, 3:9] = True
        return SampleSet([_sample(root / f"image{k}.png", k, rle.encode(mask)) for k in range(COUNT)])

    def score(self, sample, prediction):
        raise NotImplementedError


def _sample(image: Path, k: int, mask: rle.RLE) -> Sample:
    turns = (Turn("user", (ImagePart(image), Text(f"square {k}"))),)
    return Sample(f"s{k:02d}", image, (10, 12), turns, image.name, Target((mask,)))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def write_run(
    folder: Path,
    xs: Sequence[float],
    *,
    ys: Sequence[float] | None = None,
    failed: int = 0,
    clusters: int | None = None,
    settings: Mapping[str, Any] | None = None,
    packages: Mapping[str, str] | None = None,
    data_root: Path = Path("nowhere"),
) -> Path:
    """Write a complete results folder.

    Args:
        folder: where.
        xs: numerators of the samples; even ones have the tag side "left", odd ones "right".
        ys: denominators of the metric `part`; 1 if None.
        failed: how many of the first samples the model failed on.
        clusters: how many images there are, in turn; one a sample if None.
        settings: what differs from the usual ones.
        packages: versions of the session.
        data_root: for the record.
    """
    lines = [
        Line(
            id=f"s{k:02d}",
            cluster=f"image{k % (clusters or len(xs))}.png",
            tags={"side": "right" if k % 2 else "left"},
            prediction=Prediction(outcome=Outcome.MODEL_ERROR, detail="RuntimeError: boom")
            if k < failed
            else Prediction(masks=(rle.full(10, 12),)),
            scores={"x": x, "y": ys[k] if ys else 1},
        )
        for k, x in enumerate(xs)
    ]
    values = Synthetic().summarize([line.scores for line in lines], [line.cluster for line in lines])
    run = RunFolder(folder)
    folder.mkdir(parents=True)
    run.write_record(
        RunRecord(
            status="complete",
            settings={
                **{"task": "synthetic", "protocol": "standard", "data_format": None, "split": "val"},
                **{"data": "d" * 64, "limit": None, "sample": [], "model": str(folder), "code": folder.name},
                **{"batch_size": 16, "predictor": {"weights": folder.name, "dtype": "float32"}},
                **(settings or {}),
            },
            data_root=str(data_root),
            samples=len(lines),
            sessions=[
                Session(
                    command=[],
                    started="2025-01-01T00:00:00+00:00",
                    git_commit=None,
                    git_dirty=None,
                    packages=dict(packages or {}),
                    machine="test",
                    threads=None,
                )
            ],
        )
    )
    run.journal.append(lines)
    run.write_summary(
        Summary(
            **{"task": "synthetic", "protocol": "standard", "split": "val", "model": str(folder)},
            samples=len(lines),
            clusters=len({line.cluster for line in lines}),
            outcomes={"ok": len(lines) - failed, "model_error": failed},
            dropped={},
            primary="mean",
            metrics=[
                MetricValue(
                    **{"id": info.id, "version": info.version, "display": info.id, "unit": info.unit},
                    **{"direction": info.direction, "value": values[info.id], "low": None, "high": None},
                    **{"floor": None, "floor_by": None, "ceiling": None},
                )
                for info in Synthetic.metrics
            ],
            interval=IntervalInfo(method="none", level=0.95, resamples=0, seed=0),
            breakdown={},
        )
    )
    return folder


def pair(now: Sequence[float], before: Sequence[float], **more: Any) -> dict[str, str]:
    """Two runs in the current folder, named as a check of a gate names them."""
    write_run(Path("now"), now, **more)
    write_run(Path("base"), before)
    return {"run": "now", "baseline": "base"}
