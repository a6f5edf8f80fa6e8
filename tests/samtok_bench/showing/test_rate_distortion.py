"""The picture of codecs: the front by hand, labels that can be read."""

from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from samtok_bench.metric import MetricInfo
from samtok_bench.running.codecs import CodecRuns, Point
from samtok_bench.runs.summary import MetricValue
from samtok_bench.showing import rate_distortion
from samtok_bench.showing.labels import place_labels

METRIC = MetricValue.of(MetricInfo("mean_iou", "mean IoU", "", "iou"), None, None)


def point(codec: str, bits: float, value: float, tokens: float = 1, sees: bool = False) -> Point:
    family = codec.rstrip("0123456789")
    return Point(codec, family, sees, value, None, None, value / 2, bits, tokens, 1, 1, codec)


POINTS = [
    point("box", 40, 0.6, 4),
    point("words", 16, 0.6, 4, sees=True),
    point("grid8", 104, 0.8, 70),
    point("grid16", 296, 0.9, 180),
    point("worse", 296, 0.85, 190),
    point("costly", 400, 0.9, 200),
]


def test_the_front_by_hand():
    best = rate_distortion.front(POINTS, "bits", lambda point: point.value)
    assert [point.codec for point in best] == ["words", "grid8", "grid16"]


def test_the_plot_names_its_axes_and_its_families():
    figure = rate_distortion.plot(METRIC, POINTS)
    names = {(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes}
    words = "words of a language model a mask"
    assert names == {(x, y) for x in ("bits a mask", words) for y in ("mean IoU (%)", "boundary IoU (%)")}
    (legend,) = figure.legends
    told = [text.get_text() for text in legend.get_texts()]
    assert told == ["Pareto front", "box", "words (sees the image)", "grid", "worse", "costly"]
    for axes in figure.axes:
        assert sorted(text.get_text() for text in axes.texts) == [
            "16",
            "8",
            "box",
            "costly",
            "words",
            "worse",
        ]


def test_without_a_code_there_is_a_table_and_no_picture(tmp_path):
    """Nothing had a mask."""
    none = replace(point("box", 0, 1.0), bits=None, tokens=None)
    summary = SimpleNamespace(headline=METRIC, breakdown={"area": {}})
    rate_distortion.write_rate_distortion(CodecRuns(summary, [none], tmp_path, []))
    assert [path.name for path in tmp_path.iterdir()] == [rate_distortion.TABLE]


def test_no_two_families_look_alike():
    many = [point(f"{name}a", 1, 0.5) for name in "abcdefghijklmnopqrstu"]
    styles = rate_distortion._styles(many)
    assert len({(style.colour, style.marker) for style in styles.values()}) == len(many)


@pytest.mark.parametrize("seed", range(2))
def test_labels_cover_neither_each_other_nor_points(seed):
    rng = np.random.default_rng(seed)
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    places = [(float(x), float(y)) for x, y in rng.normal(size=(25, 2))]
    axes.plot(*zip(*places, strict=True), "o")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    texts = [f"codec{k}" for k in range(len(places))]
    boxes = place_labels(axes, places, texts, [(0, 0, 0)] * len(places), 7)
    assert len(boxes) == len(axes.texts) > 20
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    centres = axes.transData.transform(places)
    assert not any(box.contains(*centre) for box in boxes for centre in centres)
    figure.draw_without_rendering()
    # where the texts are is where they were promised to be; an arrow's line is no part of the text
    shown = [Text.get_window_extent(text).extents for text in axes.texts]
    assert np.allclose(np.sort(shown, 0), np.sort([box.extents for box in boxes], 0), atol=2)
