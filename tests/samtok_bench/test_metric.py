"""Aggregates by hand, and resampled ones against a loop that repeats samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench import metric, statistics
from samtok_bench.metric import MetricInfo


def info(aggregate: str, denominator: str | None = None) -> MetricInfo:
    return MetricInfo("m", 1, "m", "higher", "x", denominator, "test", "test", aggregate=aggregate)


def value(aggregate, xs, clusters=None, takes_part=None):
    scores = [{"x": x, "y": y} for x, y in zip(xs, takes_part or [1] * len(xs), strict=True)]
    rows, count = statistics.numbered(clusters or [str(k) for k in range(len(xs))])
    return metric.value(info(aggregate, "y"), scores, rows, count)


def test_median_and_worst_decile_by_hand():
    xs = [k / 10 for k in (9, 1, 5, 7, 3, 2, 8, 4, 6, 0)]
    assert value("median", xs) == pytest.approx(0.45)
    assert value("median", xs[:3]) == 0.5
    assert value("worst_decile", xs) == 0
    # 15 samples: the lowest one and half of the second one
    assert value("worst_decile", [0.2, 0.8] + [1.0] * 13) == pytest.approx((0.2 + 0.8 / 2) / 1.5)
    assert value("median", xs, takes_part=[1, 1, 1] + [0] * 7) == 0.5
    assert value("median", [0.5], takes_part=[0]) is None
    assert value("worst_decile", []) is None


def test_symbols_by_hand():
    assert value("used", [3, 3, 7, 9], takes_part=[1, 1, 1, 0]) == 2
    assert value("perplexity", [0, 1, 2, 3]) == pytest.approx(4)
    assert value("perplexity", [5, 5]) == 1
    assert value("perplexity", [1, 1, 1, 2]) == pytest.approx(4 / 3**0.75)
    assert value("used", [1], takes_part=[0]) is None


def test_collisions_are_within_a_cluster():
    xs, clusters = [1, 1, 2, 1], ["a", "a", "a", "b"]
    assert value("collisions", xs, clusters) == 0.5
    assert value("collisions", xs, ["a", "b", "c", "d"]) == 0
    # what takes no part collides with nothing
    assert value("collisions", [1, 1, 2], ["a"] * 3, [1, 0, 1]) == 0


@pytest.mark.parametrize("aggregate", ["ratio", "median", "worst_decile", "collisions"])
@given(data=st.data())
def test_resampling_repeats_clusters(aggregate, data):
    xs = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))
    clusters = [data.draw(st.sampled_from("abc")) for _ in xs]
    rows, count = statistics.numbered(clusters)
    weights = np.array([[data.draw(st.integers(0, 3)) for _ in range(count)]])
    columns = metric.table(info(aggregate), [{"x": x} for x in xs], rows, count)
    got = metric.resampled(info(aggregate), columns, weights.astype(float))[0]
    # a cluster drawn twice is two images that look alike
    repeated = [
        (x, f"{name}{copy}")
        for x, name, row in zip(xs, clusters, rows, strict=True)
        for copy in range(weights[0, row])
    ]
    expected = value(aggregate, [x for x, _ in repeated], [name for _, name in repeated] or None)
    assert (None if np.isnan(got) else got) == (None if expected is None else pytest.approx(expected))


def test_shares_of_codes_have_no_interval():
    scores = [{"x": k % 3} for k in range(30)]
    clusters = [str(k) for k in range(30)]
    metrics = [info("perplexity"), info("used")]
    assert statistics.intervals(metrics, scores, clusters) == {"m": None}
