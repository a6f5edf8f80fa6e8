"""The smallest drop that a gate can tell from chance on the data of a given run.

A gate reports a regression when the upper end of the interval of the paired difference is below minus the
tolerance. If differences are normal with standard error s, this happens with 80 % power when the true drop
exceeds the tolerance by (z_0.975 + z_0.80) s.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from samtok_bench import registry, statistics
from samtok_bench.metric import MetricInfo
from samtok_bench.runs.comparable import comparability
from samtok_bench.runs.folder import JOURNAL
from samtok_bench.runs.reading import (
    NotComparable,
    clusters_of,
    defined_value,
    open_run,
    require_scores,
    score_keys,
    scores_of,
)
from samtok_bench.showing.tables import NOT_AVAILABLE, number, text_table

POWER = 0.8
FACTOR = NormalDist().inv_cdf((1 + statistics.LEVEL) / 2) + NormalDist().inv_cdf(POWER)
LEAST_ERROR = 1e-12
"""A standard error up to which samples do not vary."""
CORRELATIONS = (0.0, 0.5, 0.9)
"""Assumed correlations of two checkpoints' values over resampled images, if there is only one run."""


@dataclass(frozen=True)
class Detectable:
    """The smallest drops of a metric that are found with 80 % power, on the metric's own scale."""

    info: MetricInfo
    value: float
    error: float
    """Standard error of the paired difference from the baseline, or of the value if there is no baseline."""
    drops: Mapping[float | None, float | None]
    """By the assumed correlation (None: it was measured); the drop is None if samples do not vary."""


def detectable(run: Path, baseline: Path | None, metric: str | None) -> list[Detectable]:
    """The smallest drops that a tolerance on a run's metrics can find.

    Args:
        run: a results folder.
        baseline: another run on the same samples, to measure how runs differ.
        metric: id; if None, all metrics with a direction and an interval.

    Raises:
        ValueError: runs or a metric that a gate could not compare; says why.
    """
    first = open_run(run)
    runs = [first]
    if baseline is not None:
        runs.append(open_run(baseline))
        comparability(runs[1], first).require(option="")
    journals = [dict(sorted(loaded.lines.items())) for loaded in runs]
    known = [info for info in first.metrics if info.direction != "none" and info.aggregate.has_interval]
    infos = [info for info in known if metric in (None, info.id)]
    if metric is not None and not infos:
        raise ValueError(
            f"{first.task.name} has no metric {metric!r} that a tolerance can be for"
            f"{registry.suggestion(metric, [info.id for info in known])}"
        )
    for loaded in runs:
        for line in loaded.lines.values():
            require_scores(loaded.path / JOURNAL, line, score_keys(infos))
    drawn = statistics.bootstrap(infos, list(map(scores_of, journals)), clusters_of(journals[0]))
    widths: dict[float | None, float] = {None: 1.0}
    if baseline is None:
        widths = {r: math.sqrt(2 * (1 - r)) for r in CORRELATIONS}
    found = []
    for info in infos:
        try:
            if info.id not in drawn:
                raise NotComparable(f"{info.id} has no interval in {run}")
            value = defined_value(first, info, journals[0])
        except NotComparable:
            if metric is not None:
                raise
            continue
        draws = drawn[info.id][0] - (drawn[info.id][1] if baseline else 0)
        error = float(np.nanstd(draws, ddof=1))
        drops = {r: FACTOR * width * error if error > LEAST_ERROR else None for r, width in widths.items()}
        found.append(Detectable(info, value, error, drops))
    if not found:
        raise ValueError(f"no metric of {run} has an interval")
    return found


def power_text(found: Sequence[Detectable], run: Path, baseline: Path | None) -> str:
    """The smallest drops as a table, with the assumptions behind them."""
    drops = ["smallest drop" if r is None else f"if r = {r:g}" for r in found[0].drops]
    rows = []
    for drop in found:
        values = (drop.value, drop.error, *drop.drops.values())
        rows.append([drop.info.id, *(number(value, drop.info.unit) for value in values)])
    table = text_table(["metric", "value", "std. error", *drops], rows, right=range(1, len(drops) + 3))
    assumed = f"The error is that of the paired difference from {baseline}, and assumed for later runs too."
    if baseline is None:
        assumed = (
            "The error is that of the value. r: the assumed correlation of two checkpoints' values over"
            " resampled images; with --baseline it is measured instead."
        )
    return (
        f"smallest drop beyond the tolerance that a gate on {run} finds with {100 * POWER:.0f} % power\n\n"
        f"{table}\n\n{assumed}\n"
        f"Differences are assumed to be normal: the drop is {FACTOR:.2f} standard errors of the difference;"
        f" {NOT_AVAILABLE} means that samples do not vary."
    )


def power_json(found: Sequence[Detectable]) -> str:
    """The smallest drops as one object, on the scale of files."""
    rows = [
        {
            "metric": detected.info.id,
            "value": detected.value,
            "standard_error": detected.error,
            "smallest_drops": [{"correlation": r, "drop": drop} for r, drop in detected.drops.items()],
        }
        for detected in found
    ]
    return json.dumps({"power": POWER, "level": statistics.LEVEL, "metrics": rows}, indent=1)
