"""Boxes and polygons as models write them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samtok_bench.exchange.coordinates import COORDINATES, named, read_boxes, read_polygons

SIZE = (480, 640)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("pixels", '```json\n[{"bbox_2d": [64, 120, 320, 240], "label": "dog"}]\n```'),
        ("thousandths", 'Sure: {"label": "dog", "bbox_2d": [100, 250, 500, 500]}'),
        ("thousandths-yx", '[{"box_2d": [250, 100, 500, 500], "label": "dog"}]'),
        ("shares", "{'bbox_2d': [0.1,0.25,0.5,0.5]}"),
    ],
)
def test_a_box_in_each_way_is_the_same_box(name, answer):
    boxes, broken = read_boxes(answer, named(name), SIZE)
    assert broken == 0
    np.testing.assert_allclose(boxes, [(64, 120, 320, 240)])


@pytest.mark.parametrize(
    ("answer", "boxes", "broken"),
    [
        ("", [], 0),
        ("[]", [], 0),
        ("There is no such thing.", [], 0),
        ('"bbox_2d": [1, 2, 3]', [], 1),
        ('"bbox_2d": [[1, 2, 3, 4]]', [], 1),
        ('"bbox_2d": "none"', [], 1),
        ('"bbox_2d": [9, 9, 9, 20]', [], 1),
        ('"bbox_2d": [9, 9, 5, 20]', [], 1),
        ('"bbox_2d": [1, 2, 3, 4], "bbox_2d": [5, 6, 7', [(1, 2, 3, 4)], 1),
        ('"bbox_2d": [-5, -5, 9999, 9999]', [(0, 0, 640, 480)], 0),
        ('"box_2d": [1, 2, 3, 4]', [], 0),
    ],
)
def test_what_is_no_box_is_counted(answer, boxes, broken):
    assert read_boxes(answer, named("pixels"), SIZE) == (boxes, broken)


@given(
    name=st.sampled_from(list(COORDINATES)),
    corners=st.tuples(*[st.integers(0, 99)] * 2, *[st.integers(100, 400)] * 2),
)
def test_a_written_box_is_read_back(name, corners):
    coordinates = named(name)
    ((*read,),), broken = read_boxes(coordinates.written(corners, SIZE), coordinates, SIZE)
    assert broken == 0
    np.testing.assert_allclose(read, corners, atol=0.5)


def test_polygons_are_lists_of_at_least_three_points():
    answer = "[[10, 10], [20, 10], [20, 20]] and (0, 0), (5,0), (5, 5),(0, 5); half: [[1, 1], [2, 2]]"
    polygons, broken = read_polygons(answer, named("pixels"), SIZE)
    assert polygons == [[10, 10, 20, 10, 20, 20], [0, 0, 5, 0, 5, 5, 0, 5]]
    assert broken == 1


def test_two_polygons_in_one_list_stay_two():
    answer = "[[[0, 0], [100, 0], [100, 100]], [[500, 500], [600, 500], [600, 600]]]"
    polygons, broken = read_polygons(answer, named("thousandths"), (100, 200))
    assert polygons == [[0, 0, 20, 0, 20, 10], [100, 50, 120, 50, 120, 60]]
    assert broken == 0


@given(text=st.text(alphabet='[](),0123456789.- "bbox_2d:', max_size=60))
def test_any_text_gives_boxes_and_polygons_within_the_image(text):
    for name in COORDINATES:
        boxes, _ = read_boxes(text, named(name), SIZE)
        assert all(0 <= x0 < x1 <= 640 and 0 <= y0 < y1 <= 480 for x0, y0, x1, y1 in boxes)
        for polygon in read_polygons(text, named(name), SIZE)[0]:
            assert len(polygon) >= 6
            assert all(0 <= value <= 640 for value in polygon)


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="unknown coordinates 'px'; there are pixels, thousandths"):
        named("px")
