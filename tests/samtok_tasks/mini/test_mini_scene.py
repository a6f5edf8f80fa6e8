import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_tasks.mini import scene as scene_module
from samtok_tasks.mini.scene import MIN_VISIBLE_PIXELS, WIDTHS, draw_scene
from samtok_tasks.mini.shapes import SHAPES, fill
from samtok_tasks.mini.textures import COLOURS

SCENES = [draw_scene(seed) for seed in range(60)]
OBJECTS = [(scene, item) for scene in SCENES for item in scene.objects]


def test_a_seed_gives_one_picture() -> None:
    first, second = draw_scene(7), draw_scene(7)
    assert np.array_equal(first.image, second.image)
    assert [item.shape for item in first.objects] == [item.shape for item in second.objects]
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(first.objects, second.objects, strict=True))
    assert len({hashlib.sha256(scene.image).digest() for scene in SCENES}) == len(SCENES)


def test_scene_is_what_it_says() -> None:
    for scene in SCENES:
        assert scene.image.shape == (192, 192, 3)
        assert scene.image.dtype == np.uint8
        assert 1 <= len(scene.objects) <= 7
        assert sum(item.mask.astype(int) for item in scene.objects).max() == 1, "visible masks do not overlap"
        assert [item.index for item in scene.objects] == list(range(len(scene.objects)))
    assert {item.shape for _, item in OBJECTS} == set(SHAPES)
    assert {item.colour for _, item in OBJECTS} == set(COLOURS)


def test_objects_measure_what_their_masks_do() -> None:
    for _, item in OBJECTS:
        rows, columns = np.nonzero(item.mask)
        assert item.area == rows.size >= MIN_VISIBLE_PIXELS
        assert item.box == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert item.centre == ((item.box[0] + item.box[2]) / 2, (item.box[1] + item.box[3]) / 2)
        low, high = WIDTHS[item.size]
        assert low <= item.width <= high
        assert max(item.box[2] - item.box[0], item.box[3] - item.box[1]) <= 1.5 * item.width


def test_named_colours_are_the_nearest_ones() -> None:
    names = list(COLOURS)
    palette = np.array([COLOURS[name] for name in names], dtype=float)
    for scene, item in OBJECTS:
        if item.pattern == "plain":
            seen = np.median(scene.image[item.mask], axis=0)
            assert names[int(np.abs(palette - seen).sum(axis=1).argmin())] == item.colour


def test_rings_and_frames_have_holes() -> None:
    hollow = [item for scene, item in OBJECTS if item.shape in ("ring", "frame")]
    assert hollow
    for item in hollow:
        x, y = (int(value) for value in item.centre)
        if item.area > 0.3 * (item.box[2] - item.box[0]) * (item.box[3] - item.box[1]):  # not much covered
            assert not item.mask[y, x]


def test_covered_objects_stay_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    seen = scene_module._seen

    def measured(index, item, owner):  # type: ignore[no-untyped-def]
        found = seen(index, item, owner)
        shares.append(found.area / item.mask.sum())
        return found

    monkeypatch.setattr(scene_module, "_seen", measured)
    for seed in range(100):
        draw_scene(seed, objects=(5, 7))
    assert min(shares) >= scene_module.MIN_VISIBLE_FRACTION
    assert min(shares) < 0.95, "some objects are partly covered"


def test_size_scales_the_picture() -> None:
    widths = {size: [item.width for item in draw_scene(3, size=size).objects] for size in (96, 192)}
    assert draw_scene(3, size=96).image.shape == (96, 96, 3)
    assert max(widths[96]) <= WIDTHS["large"][1] / 2


@pytest.mark.parametrize(
    "options", [{"size": 63}, {"objects": (0, 3)}, {"objects": (4, 3)}], ids=["tiny", "none", "reversed"]
)
def test_impossible_options(options) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"size|objects"):
        draw_scene(0, **options)


def test_fill_by_hand() -> None:
    rectangle = np.array([[0.5, 1.0], [2.25, 1.0], [2.25, 2.5], [0.5, 2.5]])
    expected = [[0, 0, 0], [0.5, 1, 0.25], [0.25, 0.5, 0.125]]
    assert fill([rectangle], 3, 3).tolist() == expected


def test_fill_leaves_holes() -> None:
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], dtype=float)
    coverage = fill([square, 1 + square / 2], 4, 4)
    assert coverage.tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]]


@given(st.lists(st.tuples(st.floats(0, 20), st.floats(0, 20)), min_size=3, max_size=3))
def test_fill_covers_the_area_of_a_triangle(corners: list[tuple[float, float]]) -> None:
    (ax, ay), (bx, by), (cx, cy) = corners
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    coverage = fill([np.array(corners)], 20, 20)
    assert coverage.min() >= 0
    assert coverage.max() <= 1 + 1e-6
    # midpoint rule along y: off by a quarter pixel of the widest row at each corner at most
    assert coverage.sum() == pytest.approx(area, abs=5)
