"""Masks as polygons: pycocotools draws from them what they are of, and refer's sum of them too."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from samtok_tasks.mini.outlines import polygons
from samtok_tasks.mini.scene import Mask, draw_scene
from samtok_tasks.mini.scene_masks import masks_of_all_kinds
from samtok_tasks.mini.shapes import SHAPES, draw_shape


def drawn(*rows: str) -> Mask:
    return np.array([[character == "#" for character in row] for row in rows])


def area(polygon: list[float]) -> float:
    """By the shoelace formula; greater than 0 where y grows downwards and it runs clockwise."""
    x, y = np.array(polygon[::2]), np.array(polygon[1::2])
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def require_exact(mask: Mask) -> None:
    found = polygons(mask)
    if not mask.any():
        assert found == []
        return
    height, width = mask.shape
    packed = coco.frPyObjects(found, height, width)
    assert np.array_equal(coco.decode(packed).sum(axis=2), mask), "as refer adds them up"
    assert np.array_equal(coco.decode(coco.merge(packed)), mask), "as COCO unites them"
    assert coco.merge(packed)["counts"] == coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    areas = list(map(area, found))
    assert min(areas) >= 1
    assert sum(areas) == mask.sum()
    for polygon in found:
        steps = np.diff(np.reshape([*polygon, *polygon[:2]], (-1, 2)), axis=0)
        assert (np.count_nonzero(steps, axis=1) == 1).all(), "from corner to corner, along pixels"


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (drawn("...", ".#."), [[1, 1, 2, 1, 2, 2, 1, 2]]),
        (drawn("##", "#.", "#."), [[0, 0, 2, 0, 2, 1, 1, 1, 1, 3, 0, 3]]),
        (drawn("#.", ".#"), [[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]]),
        (drawn(".#", "#."), [[0, 1, 1, 1, 1, 2, 0, 2], [1, 0, 2, 0, 2, 1, 1, 1]]),
        # a ring is cut where its hole begins: a bar, and the rest around the hole
        (
            drawn("###", "#.#", "###"),
            [[0, 0, 1, 0, 1, 3, 0, 3], [1, 0, 3, 0, 3, 3, 1, 3, 1, 2, 2, 2, 2, 1, 1, 1]],
        ),
    ],
    ids=["pixel", "corner", "falling", "rising", "ring"],
)
def test_small_masks_have_these_polygons(mask: Mask, expected: list[list[float]]) -> None:
    found = polygons(mask)
    assert found == expected
    assert {type(value) for polygon in found for value in polygon} == {float}, "as in COCO's files"
    require_exact(mask)


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((3, 4), dtype=bool),
        np.ones((3, 4), dtype=bool),
        np.indices((9, 8)).sum(axis=0) % 2 == 0,
        drawn("#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"),
        drawn("####", "#.##", "##.#", "####"),
        drawn("###.", "#.#.", "#..#", "####"),
    ],
    ids=["empty", "full", "chequered", "island", "touching holes", "touching ends"],
)
def test_holes_islands_and_corners_are_exact(mask: Mask) -> None:
    require_exact(mask)


@settings(max_examples=150, deadline=None)
@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.booleans()))
def test_any_mask_is_exact(mask: Mask) -> None:
    require_exact(mask)


def test_shapes_and_scenes_of_mini_are_exact() -> None:
    for shape in SHAPES:
        require_exact(draw_shape(shape, 51.0, 0.3, np.array([0.3, 0.8])) > 0.5)
    for seed in range(12):
        scene = draw_scene(seed)
        for _, mask in masks_of_all_kinds(np.random.default_rng(seed), scene):
            require_exact(mask)
