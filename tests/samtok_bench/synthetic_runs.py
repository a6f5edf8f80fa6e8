"""A task whose scores are given, and results folders with known values and intervals."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from stored_runs import settings_of, store_run

from samtok_bench import rle
from samtok_bench.aggregate import Median, Used
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.journal import Line
from samtok_bench.sample import ImagePart, Outcome, Prediction, Sample, Target, Text, Turn
from samtok_bench.task import Generation, SampleSet, Task

COUNT = 40
PLAIN = [0.8] * COUNT
SPREAD = [0.7 if k % 2 else 0.9 for k in range(COUNT)]
"""Against PLAIN: mean difference 0, standard error 0.1 / sqrt(40) = 0.0158, interval -0.031 to 0.031."""
HALF_LOST = [0.8 if k % 2 else 0.6 for k in range(COUNT)]
"""Against PLAIN: mean difference -0.1, interval -0.131 to -0.069."""


class Synthetic(Task):
    """Samples s00, s01 ... on an image each; scores x and y are what a test writes."""

    name = "synthetic"
    summary = "for tests"
    primary = "mean"
    splits = ("val",)
    generation = Generation(8)
    metrics: ClassVar = (
        MetricInfo("mean", "mean", "test", "x"),
        MetricInfo("part", "part", "test", "x", "y"),
        MetricInfo("miss", "miss", "test", "x", direction="lower"),
        MetricInfo("bits", "bits", "test", "x", direction="lower", unit="bits"),
        MetricInfo("middle", "middle", "test", "x", aggregate=Median()),
        MetricInfo("fact", "fact", "test", "x", direction="none"),
        MetricInfo("used", "used", "test", "x", aggregate=Used(), unit="codes"),
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
        clusters: how many images there are, in turn; one per sample if None.
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
    task = Synthetic()
    usual = {
        **{"model": str(folder), "code": folder.name},
        "predictor": {"weights": folder.name, "dtype": "float32"},
    }
    chosen = settings_of(task, **{**usual, **(settings or {})})
    return store_run(folder, task, chosen, lines, failed=failed, packages=packages, data_root=data_root)


def pair(now: Sequence[float], before: Sequence[float], **more: Any) -> dict[str, str]:
    """Two runs in the current folder, named as a check of a gate names them."""
    write_run(Path("now"), now, **more)
    write_run(Path("base"), before)
    return {"run": "now", "baseline": "base"}


VALUES = [k / COUNT for k in range(COUNT)]
"""0, 0.025 ... 0.975: two in each of the twenty bins of a histogram."""
