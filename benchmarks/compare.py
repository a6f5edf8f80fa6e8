"""What intervals and tests cost beside scipy's.

Each line is a ratio of two ways to the same result, run in turn in one process:

- interval of a mean over 2,000 samples from 10,000 draws, against scipy.stats.bootstrap, which knows no
  clusters
- p-value of the difference of two means over 2,000 samples from 10,000 exchanges, against
  scipy.stats.permutation_test (paired, vectorized), which knows none either
- of five metrics at once, which share the exchanges here and are a call each there

    python benchmarks/compare.py [--rounds 5] [--samples 2000]
"""

import argparse

import numpy as np
from scipy import stats
from timing import Work, side_by_side, tell

from samtok_bench import statistics
from samtok_bench.metric import MetricInfo


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=2_000)
    options = parser.parse_args()
    count = options.samples
    works = {
        f"bootstrap of {count} samples": bootstraps(count),
        f"permutation test of {count} pairs": tests(count, 1),
        f"permutation tests of {count} pairs, 5 metrics": tests(count, 5),
    }
    tell({name: side_by_side(*pair, options.rounds) for name, pair in works.items()})


def bootstraps(count: int) -> tuple[Work, Work]:
    """Ours and scipy's, on unclustered samples."""
    xs = np.random.default_rng(0).random(count)
    scores, clusters = [{"x0": float(x)} for x in xs], [str(k) for k in range(count)]
    return (
        lambda: statistics.intervals(_means(1), scores, clusters),
        lambda: stats.bootstrap((xs,), np.mean, n_resamples=statistics.RESAMPLES, method="percentile"),
    )


def tests(samples: int, metrics: int) -> tuple[Work, Work]:
    """Ours and scipy's, on unclustered samples of so many metrics."""
    rng = np.random.default_rng(0)
    first = rng.random((metrics, samples))
    second = first + rng.normal(0.001, 0.1, (metrics, samples))
    runs = [[{f"x{k}": float(x) for k, x in enumerate(xs)} for xs in run.T] for run in (first, second)]
    clusters = [str(k) for k in range(samples)]

    def theirs() -> object:
        return [
            stats.permutation_test(
                pair,
                lambda a, b, axis: (b - a).mean(axis),
                permutation_type="samples",
                n_resamples=statistics.PERMUTATIONS,
                vectorized=True,
            )
            for pair in zip(first, second, strict=True)
        ]

    return lambda: statistics.permutation_test(_means(metrics), runs[0], runs[1], clusters), theirs


def _means(count: int) -> list[MetricInfo]:
    return [MetricInfo(f"x{k}", "x", "", f"x{k}") for k in range(count)]


if __name__ == "__main__":
    main()
