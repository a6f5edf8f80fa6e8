"""Aggregates by hand, and resampled ones against a loop that repeats samples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench import statistics
from samtok_bench.aggregate import (
    Aggregate,
    Collisions,
    Corpus,
    Median,
    OfSums,
    Perplexity,
    Ratio,
    Used,
    WorstDecile,
)
from samtok_bench.metric import MetricInfo, columns_of, numbered, values


def info(aggregate: Aggregate, denominator: str | None = None) -> MetricInfo:
    return MetricInfo("m", "m", "test", "x", denominator, aggregate=aggregate)


def value(aggregate, xs, clusters=None, takes_part=None):
    scores = [{"x": x, "y": y} for x, y in zip(xs, takes_part or [1] * len(xs), strict=True)]
    return values([info(aggregate, "y")], scores, clusters or [str(k) for k in range(len(xs))])["m"]


def test_median_and_worst_decile_by_hand():
    xs = [k / 10 for k in (9, 1, 5, 7, 3, 2, 8, 4, 6, 0)]
    assert value(Median(), xs) == pytest.approx(0.45)
    assert value(Median(), xs[:3]) == 0.5
    assert value(WorstDecile(), xs) == 0
    # 15 samples: the lowest one and half of the second one
    assert value(WorstDecile(), [0.2, 0.8] + [1.0] * 13) == pytest.approx((0.2 + 0.8 / 2) / 1.5)
    assert value(Median(), xs, takes_part=[1, 1, 1] + [0] * 7) == 0.5
    assert value(Median(), [0.5], takes_part=[0]) is None
    assert value(WorstDecile(), []) is None


def test_symbols_by_hand():
    assert value(Used(), [3, 3, 7, 9], takes_part=[1, 1, 1, 0]) == 2
    assert value(Perplexity(), [0, 1, 2, 3]) == pytest.approx(4)
    assert value(Perplexity(), [5, 5]) == 1
    assert value(Perplexity(), [1, 1, 1, 2]) == pytest.approx(4 / 3**0.75)
    assert value(Used(), [1], takes_part=[0]) is None


def test_collisions_are_within_a_cluster():
    xs, clusters = [1, 1, 2, 1], ["a", "a", "a", "b"]
    assert value(Collisions(), xs, clusters) == 0.5
    assert value(Collisions(), xs, ["a", "b", "c", "d"]) == 0
    # what takes no part collides with nothing
    assert value(Collisions(), [1, 1, 2], ["a"] * 3, [1, 0, 1]) == 0


@pytest.mark.parametrize("aggregate", [Ratio(), Median(), WorstDecile(), Collisions()])
@given(data=st.data())
def test_resampling_repeats_clusters(aggregate, data):
    xs = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=12))
    clusters = [data.draw(st.sampled_from("abc")) for _ in xs]
    rows, count = numbered(clusters)
    weights = np.array([[data.draw(st.integers(0, 3)) for _ in range(count)]])
    columns = info(aggregate).table([{"x": x} for x in xs], rows, count)
    got = aggregate.resampled(columns, weights.astype(float))[0]
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
    metrics = [info(Perplexity()), info(Used())]
    assert statistics.intervals(metrics, scores, clusters) == {"m": None}


def test_a_ratio_is_one_line():
    iou = MetricInfo("iou", "mIoU", "mean IoU over all samples")
    assert (iou.keys, iou.sign, iou.version, iou.aggregate) == (("iou",), 1, 1, Ratio())
    assert values([iou], [{"iou": 0.5}, {"iou": 1.0}], ["a", "b"]) == {"iou": 0.75}


def test_the_epsilon_of_a_ratio_is_added_to_the_sum():
    ratio = MetricInfo("r", "r", "test", "i", "u", aggregate=Ratio(epsilon=1.0))
    scores = [{"i": 1.0, "u": 2.0}, {"i": 2.0, "u": 1.0}]
    assert values([ratio], scores, ["a", "b"]) == {"r": 3 / 4}
    assert values([ratio], [{"i": 0.0, "u": 0.0}], ["a"]) == {"r": 0.0}


def _product_over_square(sums):
    a, b, n = sums.T
    return a * b / n**2


PRODUCT = MetricInfo("p", "p", "test", aggregate=OfSums(("a", "b", "n"), _product_over_square))


def test_a_formula_of_sums_by_hand():
    scores = [{"a": 1, "b": 2, "n": 1}, {"a": 3, "b": 0, "n": 1}, {"a": 0, "b": 4, "n": 2}]
    assert (PRODUCT.keys, PRODUCT.own_value(scores[0])) == (("a", "b", "n"), None)
    assert values([PRODUCT], scores, ["x", "y", "x"]) == {"p": 4 * 6 / 4**2}
    # draws of {x, y}: x twice, each once, y twice
    table = PRODUCT.table(scores, *numbered(["x", "y", "x"]))
    got = PRODUCT.aggregate.resampled(table, np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 2.0]]))
    assert got.tolist() == [2 * 12 / 6**2, 4 * 6 / 4**2, 0]


def test_the_interval_of_a_formula_of_one_ratio_is_that_of_the_ratio():
    rng = np.random.default_rng(1)
    scores = [{"a": float(a), "n": float(n)} for a, n in rng.integers(1, 9, (40, 2))]
    clusters = [str(k) for k in rng.integers(0, 9, 40)]
    infos = [
        MetricInfo("r", "r", "test", "a", "n"),
        MetricInfo("s", "s", "test", aggregate=OfSums(("a", "n"), lambda sums: sums[:, 0] / sums[:, 1])),
    ]
    got = statistics.intervals(infos, scores, clusters, resamples=300)
    assert got["s"] == got["r"]


def test_own_values_are_of_samples_that_take_part():
    ratio = MetricInfo("r", "r", "test", "i", "u")
    assert ratio.own_value({"i": 1, "u": 4}) == 0.25
    assert ratio.own_value({"i": 0, "u": 0}) is None
    assert info(Median()).own_value({"x": 0.3}) == 0.3
    for aggregate in (Collisions(), Used(), Perplexity(), Corpus()):
        assert info(aggregate).own_value({"x": 0.3}) is None


def test_corpus_metrics_look_at_no_score():
    corpus = info(Corpus())
    assert (corpus.keys, corpus.is_finite({})) == ((), True)
    assert values([corpus], [{}, {}], ["a", "b"]) == {"m": None}
    assert statistics.intervals([corpus], [{}, {}], ["a", "b"]) == {"m": None}


def test_columns_are_the_same_as_dictionaries():
    rng = np.random.default_rng(0)
    infos = [
        MetricInfo("mean", "mean", "", "a"),
        MetricInfo("ratio", "ratio", "", "a", "b"),
        MetricInfo("median", "median", "", "a", aggregate=Median()),
    ]
    scores = [{"a": float(a), "b": float(b), "other": 1.0} for a, b in rng.random((50, 2))]
    clusters = [str(k // 3) for k in range(50)]
    columns = columns_of(infos, scores)
    assert (len(columns), set(columns.by_key)) == (50, {"a", "b"})
    assert values(infos, columns, clusters) == values(infos, scores, clusters)
    assert statistics.intervals(infos, columns, clusters) == statistics.intervals(infos, scores, clusters)
    some = np.array([7, 3, 40])
    assert values(infos, columns.chosen(some), ["x", "y", "x"]) == values(
        infos, [scores[k] for k in some], ["x", "y", "x"]
    )
    with pytest.raises(KeyError, match="b"):
        columns_of(infos, [{"a": 1.0}])
