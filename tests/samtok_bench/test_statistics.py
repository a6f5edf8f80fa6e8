"""The cluster bootstrap against closed forms and a plain loop."""

import time

import numpy as np
import pytest

from samtok_bench import statistics
from samtok_bench.metric import MetricInfo


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
    weights = np.concatenate(list(statistics.draws(len(order), 500, seed=9)))
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
    def drawn(seed, width=1):
        return np.concatenate(list(statistics.draws(30, 200, seed, width)))

    whole = drawn(4)
    assert (whole.sum(axis=1) == 30).all()
    assert not np.array_equal(whole, drawn(5))
    monkeypatch.setattr(statistics, "_CHUNK_BYTES", 16 * 30 * 7)
    assert np.array_equal(whole, drawn(4))
    assert np.array_equal(whole, drawn(4, width=100))


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


def test_paired_differences_use_the_same_draws():
    """A run that is better by 0.1 on every sample differs by exactly that in every draw."""
    xs = np.random.default_rng(0).random(50)
    clusters = [str(k // 2) for k in range(50)]
    got = statistics.paired([MEAN, RATIO], rows(xs), rows(xs + 0.1), clusters)
    assert got["x"].change == pytest.approx(0.1)
    assert (got["x"].interval.low, got["x"].interval.high) == pytest.approx((0.1, 0.1))
    assert got["i"].change == pytest.approx(0.05)  # u is 2
    assert got["i"].interval.low == pytest.approx(0.05)


def test_equals_scipy_on_unclustered_pairs():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    first = rng.beta(5, 2, 300)
    second = np.clip(first + rng.normal(0.02, 0.1, 300), 0, 1)
    got = statistics.paired([MEAN], rows(first), rows(second), [str(k) for k in range(300)])["x"]
    result = stats.bootstrap(
        (first, second),
        lambda a, b, axis: (b - a).mean(axis),
        paired=True,
        method="percentile",
        n_resamples=10_000,
        rng=np.random.default_rng(1),
        vectorized=True,
    )
    width = result.confidence_interval.high - result.confidence_interval.low
    assert got.interval.low == pytest.approx(result.confidence_interval.low, abs=0.05 * width)
    assert got.interval.high == pytest.approx(result.confidence_interval.high, abs=0.05 * width)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["mean", "ratio of sums"])
def test_a_95_percent_interval_covers_93_to_97_percent(which):
    """500 data sets of 150 images with one to five samples that depend on their image."""
    rng = np.random.default_rng(8)
    info, truth = (MEAN, 0.5) if which == "mean" else (RATIO, 0.5)
    covered = 0
    for number in range(500):
        sizes = rng.integers(1, 6, 150)
        images = np.repeat(np.arange(150), sizes)
        effect = rng.normal(0, 0.1, 150)[images]
        u = rng.uniform(1, 3, len(images))
        x = 0.5 + effect + rng.normal(0, 0.1, len(images))
        scores = [{"x": a, "i": a * b, "u": b} for a, b in zip(x, u, strict=True)]
        clusters = [str(k) for k in images]
        got = statistics.intervals([info], scores, clusters, resamples=1000, seed=number)[info.id]
        covered += got.low <= truth <= got.high
    assert 0.93 <= covered / 500 <= 0.97
