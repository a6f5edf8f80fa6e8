"""What a permutation test of two runs costs beside scipy's.

Each line is a ratio of two ways to the same result, run in turn in one process:

- p-value of the difference of two means over 2,000 samples from 10,000 exchanges, against
  scipy.stats.permutation_test (paired, vectorized), which knows no clusters
- of five metrics at once, which share the exchanges here and are a call each there

    python benchmarks/compare.py [--rounds 5]

The last line is one JSON object: {name: {ours_s, theirs_s, ratio}}, medians over the rounds.
"""

import argparse
import json

import numpy as np
from scipy import stats
from speed import Work, compare

from samtok_bench import statistics
from samtok_bench.metric import MetricInfo

SAMPLES = 2_000


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    report = {
        "permutation test of 2,000 pairs": compare(*tests(1), options.rounds),
        "permutation tests of 2,000 pairs, 5 metrics": compare(*tests(5), options.rounds),
    }
    for name, row in report.items():
        print(f"{name}: {row['ratio']:.1f} times as fast ({row['ours_s']:.3f} s, {row['theirs_s']:.3f} s)")
    print(json.dumps(report))


def tests(count: int) -> tuple[Work, Work]:
    """Ours and scipy's, on unclustered samples of so many metrics."""
    rng = np.random.default_rng(0)
    first = rng.random((count, SAMPLES))
    second = first + rng.normal(0.001, 0.1, (count, SAMPLES))
    infos = [MetricInfo(f"x{k}", 1, "x", "higher", f"x{k}", None, "", "") for k in range(count)]
    runs = [[{f"x{k}": float(x) for k, x in enumerate(xs)} for xs in run.T] for run in (first, second)]
    clusters = [str(k) for k in range(SAMPLES)]

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

    return lambda: statistics.permutation_test(infos, runs[0], runs[1], clusters), theirs


if __name__ == "__main__":
    main()
