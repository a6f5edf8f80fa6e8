"""The cluster bootstrap, permutation tests and Holm against closed forms, plain loops and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench import statistics
from samtok_bench.aggregate import Collisions, Median, OfSums, Ratio, Used, WorstDecile
from samtok_bench.metric import MetricInfo, values


def metric(numerator: str, denominator: str | None) -> MetricInfo:
    return MetricInfo(numerator, numerator, "test", numerator, denominator)


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
    order = sorted(set(clusters))
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


def test_the_order_of_samples_changes_no_interval():
    order = [5 * k % 24 for k in range(24)]
    xs = [(7 * k % 24) / 24 for k in range(24)]
    clusters = [f"image {k // 2}" for k in range(24)]
    other = [xs[k] for k in order], [clusters[k] for k in order]
    first, second = (
        statistics.paired([MEAN], rows(values), rows([x * x for x in values]), names)["x"].interval
        for values, names in ((xs, clusters), other)
    )
    assert (first.low, first.high) == pytest.approx((second.low, second.high))


def in_groups(scores, clusters, *groups, info=MEAN):
    return statistics.of_groups(info, [scores], clusters, [np.array(group, np.int64) for group in groups])


def test_a_group_has_the_interval_of_a_metric_of_its_samples_alone():
    """As N-acc, and gIoU of the samples without target: one seed, one draw."""
    xs = np.random.default_rng(0).random(90)
    scores = [{"x": x, "i": x * (k % 3 == 0), "u": float(k % 3 == 0)} for k, x in enumerate(xs)]
    clusters = [f"image {k % 40}" for k in range(90)]
    whole = statistics.intervals([MEAN, RATIO], scores, clusters)
    thirds, every = in_groups(scores, clusters, range(0, 90, 3), range(90))
    assert vars(thirds.interval) == pytest.approx(vars(whole["i"]))
    assert vars(every.interval) == pytest.approx(vars(whole["x"]))
    assert (thirds.clusters, every.clusters) == (len({k % 40 for k in range(0, 90, 3)}), 40)
    info, group = [MEAN], np.arange(0, 90, 3)
    both = statistics.of_groups(MEAN, [scores, rows(xs * xs)], clusters, [group])[0].interval
    alone = statistics.paired(info, [s for k, s in enumerate(scores)], rows(xs * xs), clusters)["x"].interval
    assert both.high < 0 > alone.high
    assert vars(both) != pytest.approx(vars(alone))


def test_all_samples_and_their_groups_share_draws_and_change_nothing():
    xs = np.random.default_rng(0).random(90)
    scores = [{"x": x, "i": x * (k % 3 == 0), "u": float(k % 3 == 0)} for k, x in enumerate(xs)]
    clusters = [f"image {k % 40}" for k in range(90)]
    sums = [
        MetricInfo(f"sums{k}", "sums", "test", aggregate=OfSums(("x", "u"), lambda s, k=k: s[:, k]))
        for k in (0, 1)
    ]
    metrics = [MEAN, *sums, RATIO, MetricInfo("used", "used", "test", "x", aggregate=Used())]
    groups = [np.arange(0, 90, 3), np.arange(2)]
    bounds, found = statistics.with_groups(metrics, scores, clusters, RATIO, groups, seed=3)
    assert bounds == statistics.intervals(metrics, scores, clusters, seed=3)
    assert bounds["sums0"] != bounds["sums1"]
    assert bounds["used"] is None
    assert found == statistics.of_groups(RATIO, [scores], clusters, groups, seed=3)


def test_a_group_on_few_images_has_their_number_and_no_interval():
    scores, clusters = rows([k / 30 for k in range(30)]), [f"image {k // 2}" for k in range(30)]
    nine, ten, none = in_groups(scores, clusters, range(18), range(20), [])
    assert (nine.clusters, nine.interval) == (9, None)
    assert ten.clusters == 10
    assert 0 < ten.interval.low < 19 / 60 < ten.interval.high < 19 / 30
    assert (none.clusters, none.interval) == (0, None)
    # images that inform it, whatever other samples there are
    assert in_groups(scores, clusters, range(30), info=metric("x", "z"))[0].clusters == 0


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


# tests of two runs


def singles(count: int) -> list[str]:
    return [str(k) for k in range(count)]


def test_an_exact_permutation_test_by_hand():
    """Differences 1, 2, 3: of eight signings two, +++ and ---, have a sum of at least 6 in size."""
    got = statistics.permutation_test([MEAN], rows([0, 0, 0]), rows([1, 2, 3]), singles(3))
    assert got == {"x": 2 / 8}
    # 1, 2, -3 sum to 0, as much as any
    assert statistics.permutation_test([MEAN], rows([0, 0, 3]), rows([1, 2, 0]), singles(3)) == {"x": 1}
    # what does not differ adds no way to exchange
    more = statistics.permutation_test([MEAN], rows([0, 0, 0, 5, 5]), rows([1, 2, 3, 5, 5]), singles(5))
    assert more == {"x": 2 / 8}
    assert statistics.permutation_test([MEAN], rows([1, 2]), rows([1, 2]), singles(2)) == {"x": 1}


def test_images_change_sides_not_samples():
    """Six samples on three images: eight ways, not 64."""
    clusters = ["a", "a", "b", "b", "c", "c"]
    got = statistics.permutation_test([MEAN], rows([0] * 6), rows([1] * 6), clusters)
    assert got == {"x": 2 / 8}
    assert statistics.permutation_test([MEAN], rows([0] * 6), rows([1] * 6), singles(6)) == {"x": 2 / 64}


AGGREGATES = [
    MetricInfo(type(aggregate).__name__, "m", "test", "i", "u", aggregate=aggregate)
    for aggregate in (
        *(Ratio(), Median(), WorstDecile(), Collisions()),
        OfSums(("i", "u"), lambda sums: sums[:, 0] * sums[:, 1]),
    )
]


@pytest.mark.parametrize("info", AGGREGATES, ids=lambda info: info.id)
def test_exchanges_equal_a_plain_loop(info):
    """Every way to exchange eight images, each computed anew from the samples."""
    rng = np.random.default_rng(4)
    images = rng.integers(0, 8, 40)
    runs = [
        [
            {"i": float(a), "u": float(b)}
            for a, b in zip(rng.integers(0, 5, 40), rng.integers(0, 4, 40), strict=True)
        ]
        for _ in range(2)
    ]
    images[:8] = range(8)
    clusters = [f"image {k}" for k in images]

    def difference(exchanged) -> float:
        sides = [
            [runs[(exchanged >> int(image) & 1) ^ which][k] for k, image in enumerate(images)]
            for which in range(2)
        ]
        values = [metric_value(info, scores, clusters) for scores in sides]
        return abs(values[1] - values[0])

    differences = np.array([difference(k) for k in range(256)])
    got = statistics.permutation_test([info], *runs, clusters)[info.id]
    assert got == np.mean(differences >= differences[0] - 1e-9)
    assert 0 < got <= 1
    # drawn exchanges come near
    drawn = statistics.permutation_test([info], *runs, clusters, permutations=200, seed=3)[info.id]
    assert drawn == pytest.approx(got, abs=4 * (got * (1 - got) / 200) ** 0.5 + 1 / 200)


def metric_value(info, scores, clusters) -> float:
    return values([info], scores, clusters)[info.id]


@pytest.mark.parametrize("shift", [0.0, 0.015, 0.03])
def test_a_permutation_test_equals_scipy_on_unclustered_pairs(shift):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(6)
    first = rng.beta(5, 2, 60)
    second = first + rng.normal(shift, 0.05, 60)
    got = statistics.permutation_test([MEAN], rows(first), rows(second), singles(60))["x"]
    theirs = stats.permutation_test(
        (first, second),
        lambda a, b, axis: (b - a).mean(axis),
        permutation_type="samples",
        n_resamples=10_000,
        vectorized=True,
        rng=np.random.default_rng(1),
    ).pvalue
    # two draws of 10,000 exchanges each, within four standard errors
    assert got == pytest.approx(theirs, abs=4 * (2 * theirs * (1 - theirs) / 10_000) ** 0.5 + 2e-4)


def test_an_exact_permutation_test_equals_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(7)
    first, second = rng.normal(0, 1, 10), rng.normal(0.6, 1, 10)
    got = statistics.permutation_test([MEAN], rows(first), rows(second), singles(10))["x"]
    theirs = stats.permutation_test(
        (first, second), lambda a, b: (b - a).mean(), permutation_type="samples", n_resamples=np.inf
    )
    assert got == pytest.approx(theirs.pvalue)


def test_p_is_never_zero_and_undefined_without_two_images():
    xs = np.linspace(0, 1, 40)
    got = statistics.permutation_test([MEAN], rows(xs), rows(xs + 1), singles(40), permutations=99)
    assert got == {"x": 1 / 100}
    assert statistics.permutation_test([MEAN], rows([1, 2]), rows([2, 3]), ["a", "a"]) == {"x": None}
    assert statistics.permutation_test([metric("x", "z")], rows([1, 2]), rows([2, 3]), singles(2)) == {
        "x": None
    }
    used = MetricInfo("x", "x", "test", aggregate=Used())
    assert statistics.permutation_test([used], rows([1, 2]), rows([2, 3]), singles(2)) == {"x": None}


def test_an_exchange_that_leaves_nothing_counts_against():
    """Only the first two images take part in either run: exchanged alone, one run keeps nothing of them."""
    first = [{"i": 1.0, "u": 1.0}, {"i": 1.0, "u": 1.0}, {"i": 0.0, "u": 0.0}, {"i": 0.0, "u": 0.0}]
    second = [{"i": 0.0, "u": 0.0}, {"i": 0.0, "u": 0.0}, {"i": 0.0, "u": 1.0}, {"i": 0.0, "u": 1.0}]
    got = statistics.permutation_test([RATIO], first, second, singles(4))["i"]
    # of 16 exchanges: the identity and its mirror (difference 1), the two that leave a run without samples
    assert got == pytest.approx(4 / 16)


def test_chunks_do_not_change_the_exchanges(monkeypatch):
    rng = np.random.default_rng(2)
    first, second = rng.random(50), rng.random(50)

    def p(info=MEAN, **more):
        return statistics.permutation_test([info], rows(first), rows(second), singles(50), **more)["x"]

    few = statistics.permutation_test([MEAN], rows(first[:10]), rows(second[:10]), singles(10))
    whole = p(seed=3)
    assert whole != p(seed=4)
    monkeypatch.setattr(statistics, "_CHUNK_BYTES", 16 * 100 * 7)
    assert p(seed=3) == whole
    assert statistics.permutation_test([MEAN], rows(first[:10]), rows(second[:10]), singles(10)) == few


def null_p(rng, info, permutations=199, by_image=True) -> float:
    """Of two runs that are equally good: each has its own effect of every image."""
    images = np.repeat(np.arange(30), rng.integers(1, 8, 30))
    u = rng.uniform(1, 3, len(images))
    runs = []
    for _ in range(2):
        x = 0.5 + rng.normal(0, 0.2, 30)[images] + rng.normal(0, 0.1, len(images))
        runs.append([{"x": a, "i": a * b, "u": b} for a, b in zip(x, u, strict=True)])
    clusters = [str(k) for k in images] if by_image else singles(len(images))
    return statistics.permutation_test([info], *runs, clusters, permutations=permutations)[info.id]


def test_five_percent_false_positives():
    rng = np.random.default_rng(11)
    false = np.mean([null_p(rng, RATIO) <= 0.05 for _ in range(400)])
    assert 0.05 - 3 * 0.011 < false < 0.05 + 3 * 0.011
    # were samples of an image independent, they would be several times as many
    rng = np.random.default_rng(11)
    assert np.mean([null_p(rng, RATIO, by_image=False) <= 0.05 for _ in range(200)]) > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("info", [MEAN, RATIO, *AGGREGATES[1:3]], ids=lambda info: info.id)
def test_five_percent_false_positives_in_3000_pairs(info):
    rng = np.random.default_rng(12)
    false = np.mean([null_p(rng, info) <= 0.05 for _ in range(3000)])
    assert 0.038 < false < 0.062


def test_holm_by_hand():
    # 4 x 0.01, 3 x 0.02, 2 x 0.03, 1 x 0.04, none below the one before
    assert statistics.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert statistics.holm([0.005, 0.011, 0.02, 0.04, 0.13]) == pytest.approx(
        [0.025, 0.044, 0.06, 0.08, 0.13]
    )
    assert statistics.holm([0.6, 0.7]) == [1, 1]
    assert statistics.holm([None, 0.02, None, 0.02]) == [None, 0.04, None, 0.04]
    assert statistics.holm([0.03]) == [0.03]
    assert statistics.holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_order_and_lies_between_p_and_bonferroni(ps):
    adjusted = statistics.holm(ps)
    for p, one in zip(ps, adjusted, strict=True):
        assert p <= one <= min(1, len(ps) * p)
    order = np.argsort(ps, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_an_interval_from_two_intervals():
    first, second = statistics.Interval(0.4, 0.46), statistics.Interval(0.5, 0.58)
    got = statistics.independent(first, second, 0.11)
    assert (got.low, got.high) == pytest.approx((0.11 - 0.05, 0.11 + 0.05))  # 0.03, 0.04, 0.05
