"""The cluster bootstrap against closed forms and a plain loop."""

import time

import numpy as np
import pytest

from samtok_bench import statistics
from samtok_bench.task import MetricInfo


def metric(numerator: str, denominator: str | None) -> MetricInfo:
    return MetricInfo(numerator, 1, numerator, "higher", numerator, denominator, "test", "test")


MEAN = metric("x", None)
RATIO = metric("i", "u")


def rows(xs) -> list[dict[str, float]]:
    return [{"x": x, "i": x, "u": 2.0, "z": 0} for x in xs]


def test_interval_of_a_mean_has_the_textbook_width():
    xs = np.random.default_rng(0).normal(0.5, 0.1, 400)
    got = statistics.intervals([MEAN], rows(xs), [str(i) for i in range(400)], seed=1)["x"]
    half = 1.96 * xs.std() / 20
    assert got.low == pytest.approx(xs.mean() - half, abs=0.1 * half)
    assert got.high == pytest.approx(xs.mean() + half, abs=0.1 * half)


def test_clusters_widen_the_interval():
    """Ten equal copies in a cluster carry the information of one."""
    xs = np.random.default_rng(0).normal(0.5, 0.1, 100)
    single = statistics.intervals([MEAN], rows(xs), [str(i) for i in range(100)])["x"]
    copied = statistics.intervals([MEAN], rows(np.repeat(xs, 10)), [str(i // 10) for i in range(1000)])["x"]
    assert (copied.low, copied.high) == pytest.approx((single.low, single.high))


def test_equals_a_plain_loop_over_the_same_draws():
    rng = np.random.default_rng(3)
    scores = [{"i": float(a), "u": float(a + b)} for a, b in rng.integers(1, 50, (60, 2))]
    clusters = [f"image {k}" for k in rng.integers(0, 12, 60)]
    order = list(dict.fromkeys(clusters))
    # weights of each draw, read off an identity matrix
    weights = statistics.resampled_sums(np.eye(len(order)), 500, seed=9)
    assert (weights.sum(axis=1) == len(order)).all()
    ratios = []
    for draw in weights:
        chosen = [
            s for w, name in zip(draw, order, strict=True) for s in _members(scores, clusters, name) * int(w)
        ]
        ratios.append(sum(s["i"] for s in chosen) / sum(s["u"] for s in chosen))
    got = statistics.intervals([RATIO], scores, clusters, resamples=500, seed=9)["i"]
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(ratios, [0.025, 0.975])))


def _members(scores, clusters, name):
    return [s for s, c in zip(scores, clusters, strict=True) if c == name]


def test_chunks_do_not_change_the_draws(monkeypatch):
    sums = np.random.default_rng(0).random((30, 2))
    whole = statistics.resampled_sums(sums, 200, seed=4)
    monkeypatch.setattr(statistics, "_CHUNK_BYTES", 16 * 30 * 7)
    assert np.allclose(whole, statistics.resampled_sums(sums, 200, seed=4))
    assert not np.allclose(whole, statistics.resampled_sums(sums, 200, seed=5))


def test_undefined_metrics_and_single_clusters_have_no_interval():
    never = metric("x", "z")
    assert statistics.intervals([never], rows([1, 2]), ["a", "b"]) == {"x": None}
    assert statistics.intervals([MEAN], rows([1, 2]), ["a", "a"]) == {"x": None}
    assert statistics.intervals([MEAN], [], []) == {"x": None}


@pytest.mark.slow
def test_ten_thousand_by_ten_thousand_takes_seconds():
    xs = np.random.default_rng(0).random(10_000)
    start = time.perf_counter()
    statistics.intervals([MEAN, RATIO] * 5, rows(xs), [str(i) for i in range(10_000)])
    assert time.perf_counter() - start < 20
