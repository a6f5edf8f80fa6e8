"""Boxes and polygons as models write them."""

import time

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
        ("shares", '{"bbox_2d": [.1, .25, 0.5000000000001, 0.5]}'),
        ("pixels", '[{"bbox": [64, 120, 320, 240]}]'),
        ("pixels", '{"box_2d": [64, 120, 320, 240]}'),
        ("pixels", '{"bbox_2d": [[64, 120, 320, 240]]}'),
        ("pixels", "[64, 120, 320, 240]"),
        ("pixels", "It is at [[64.0, 120.0, 320.0, 240.0]], I think."),
        ("pixels", "[64 120 320 240]"),
        ("pixels", "(64, 120, 320, 240)"),
        ("thousandths-yx", "[250, 100, 500, 500]"),
        ("thousandths", "<|box_start|>(100,250),(500,500)<|box_end|>"),
        (
            "thousandths",
            "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>(100,250),(500,500)<|box_end|>",
        ),
        ("thousandths", "a dog(100,250),(500,500)"),
    ],
)
def test_a_box_in_each_way_is_the_same_box(name, answer):
    boxes, _, broken = read_boxes(answer, named(name), SIZE)
    assert broken == 0
    np.testing.assert_allclose(boxes, [(64, 120, 320, 240)])


@pytest.mark.parametrize(
    ("answer", "boxes", "broken"),
    [
        ("", [], 0),
        ("[]", [], 0),
        ("There is no such thing [1].", [], 0),
        ('"bbox_2d": [1, 2, 3]', [], 1),
        ('"bbox_2d": [1, 2, 3, "4"]', [], 1),
        ('"bbox_2d": [[1, 2, 3, 4], [1, 2, 3, 9]]', [(1, 2, 3, 4), (1, 2, 3, 9)], 0),
        ('"bbox_2d": []', [], 1),
        ('"bbox_2d": "none"', [], 1),
        ('"bbox_2d": [9, 9, 9, 20]', [], 1),
        ('"bbox_2d": [9, 9, 5, 20]', [], 1),
        ('"bbox_2d": [1, 2, 3, 4], "bbox_2d": [5, 6, 7', [(1, 2, 3, 4)], 1),
        ('"bbox_2d": [-5, -5, 9999, 9999]', [(0, 0, 640, 480)], 0),
        ('seen at [5, 6, 7, 8], so "bbox_2d": [1, 2, 3, 4], "point": [1, 2]', [(1, 2, 3, 4)], 0),
        ("[[1, 2, 3, 4], [5, 6, 7, 8], [9, 9, 9]]", [(1, 2, 3, 4), (5, 6, 7, 8)], 1),
        ("[1, 2, 3, 4", [], 1),
        ("[1, 2, 3, 4]: [[1, 2], [3, 4]]", [(1, 2, 3, 4)], 2),
        ('{"colour": [1, 2, 3, 4]}', [], 1),
        ('{"colour": [1, 2, 3]}, [1, 2, 3, 4]', [(1, 2, 3, 4)], 0),
        ("[1e-05, +2, 3e0, 4.0E+00]", [(1e-05, 2, 3, 4)], 0),
        ('{"point_2d": [1, 2], "label": "dog"}', [], 1),
        ("(1,2),(3,4)(5,6),(7,8)", [(1, 2, 3, 4), (5, 6, 7, 8)], 0),
        ("(1,2) and (3,4)", [], 2),
        ("<|box_start|>(1,2),(3,4)<|box_end|><|box_start|>(5,6),(7,", [(1, 2, 3, 4)], 1),
        ("<|box_start|>", [], 1),
    ],
)
def test_what_is_no_box_is_counted(answer, boxes, broken):
    assert read_boxes(answer, named("pixels"), SIZE) == (boxes, [""] * len(boxes), broken)


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        ('[{"bbox_2d": [1, 2, 3, 4], "label": "dog"}, {"bbox_2d": [1, 2, 3, 9]}]', ["dog", ""]),
        (
            '[{"label": "a \\"big\\" d\\u00f6g", "bbox": [1, 2, 3, 4]}, {"bbox": [1, 2, 3, 9]}]',
            ['a "big" dög', ""],
        ),
        ("{'label': ' [1, 2] {', 'box_2d': [[1, 2, 3, 4], [1, 2, 3, 9]]}", ["[1, 2] {"] * 2),
        ('[{"bbox_2d": [9, 2, 3, 4], "label": "none"}, {"bbox_2d": [1, 2, 3, 4], "label": "dog"}]', ["dog"]),
        ('{"bbox_2d": [1, 2, 3, 4], "label": "\\ud800"}', ["\\ud800"]),
        ('{"bbox_2d": [1, 2, 3, 4], "label": 7}', [""]),
        ('"bbox": [1, 2, 3, 4], "label": "x", "bbox": [1, 2, 3, 9], "label": "y"', ["x", "y"]),
        (
            "<|object_ref_start|> dogs <|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"
            "<|box_start|>(1,2),(3,9)<|box_end|><|object_ref_start|>sand<|object_ref_end|><|box_start|>(5,6),(7,8)<|box_end|>",
            ["dogs", "dogs", "sand"],
        ),
    ],
)
def test_a_box_has_the_label_beside_it(answer, labels):
    assert read_boxes(answer, named("pixels"), SIZE)[1] == labels


@given(
    name=st.sampled_from(list(COORDINATES)),
    corners=st.tuples(*[st.integers(0, 99)] * 2, *[st.integers(100, 400)] * 2),
)
def test_a_written_box_is_read_back(name, corners):
    coordinates = named(name)
    ((*read,),), _, broken = read_boxes(coordinates.written(corners, SIZE), coordinates, SIZE)
    assert broken == 0
    np.testing.assert_allclose(read, corners, atol=0.5)


def test_polygons_are_lists_of_at_least_three_points():
    answer = "[[10, 10], [20, 10], [20, 20]] and (0, 0), (5,0), (5, 5),(0, 5); half: [[1, 1], [2, 2]]"
    polygons, labels, broken = read_polygons(answer, named("pixels"), SIZE)
    assert polygons == [[10, 10, 20, 10, 20, 20], [0, 0, 5, 0, 5, 5, 0, 5]]
    assert labels == ["", ""]
    assert broken == 1


@pytest.mark.parametrize(
    "answer",
    [
        "[[[0, 0], [100, 0], [100, 100]], [[500, 500], [600, 500], [600, 600]]]",
        "[[0, 0, 100, 0, 100, 100], [500, 500, 600, 500, 600, 600]]",
        '[{"polygon": [[0, 0], [100, 0], [100, 100]]}, {"segmentation": [[500, 500, 600, 500, 600, 600]]}]',
    ],
)
def test_two_polygons_in_one_list_stay_two(answer):
    polygons, _, broken = read_polygons(answer, named("thousandths"), (100, 200))
    assert polygons == [[0, 0, 20, 0, 20, 10], [100, 50, 120, 50, 120, 60]]
    assert broken == 0


def test_a_flat_polygon_is_read_in_the_order_that_is_declared():
    polygons, _, _ = read_polygons("[0, 100, 0, 200, 500, 200]", named("thousandths-yx"), (100, 200))
    assert polygons == [[20, 0, 40, 0, 40, 50]]


@pytest.mark.parametrize(
    ("answer", "broken"),
    [
        ("", 0),
        ("[]", 0),
        ("[10, 10, 60, 40]", 1),
        ("[10, 10, 60, 10, 60, 40, 10]", 1),
        ("[10, 10, 60, 10, 60, 40", 1),
        ("<|box_start|>(10,10),(60,40)<|box_end|>", 1),
    ],
)
def test_what_is_no_polygon_is_counted(answer, broken):
    assert read_polygons(answer, named("pixels"), SIZE) == ([], [], broken)


@pytest.mark.parametrize("beside", ['"bbox_2d": [1, 2, 30, 40]', '"score": [1, 2]', '"size": [640, 480, 3]'])
def test_other_numbers_beside_a_polygon_are_not_meant(beside):
    answer = f'[{{{beside}, "polygon": [[1, 2], [30, 4], [5, 60]], "label": "a"}}]'
    assert read_polygons(answer, named("pixels"), SIZE) == ([[1, 2, 30, 4, 5, 60]], ["a"], 0)
    cut = f'{answer[:-2]}, {{{beside}, "polygon": [[1, 2], [30,'
    assert read_polygons(cut, named("pixels"), SIZE)[2] == 1


def test_a_polygon_has_the_label_beside_it():
    answer = (
        '[{"polygon": [[0, 0], [9, 0], [9, 9]], "label": "dog"}, {"label": "sand", "p": [0, 0, 9, 0, 9, 9]}]'
    )
    assert read_polygons(answer, named("pixels"), SIZE)[1] == ["dog", "sand"]


PIECES = """[ ] ( ) { } , " ' \\ 7 10 -.5 1e9 [1,2] (3,4) "bbox_2d": "label": "x" \ud800 \u0663 <|box_start|>
    <|box_end|> <|object_ref_start|> <|object_ref_end|>"""


@given(
    text=st.text(max_size=60)
    | st.lists(st.sampled_from([*PIECES.split(), " ", "\n", "9" * 400]), max_size=40).map("".join),
    coordinates=st.sampled_from(list(COORDINATES.values())),
)
def test_any_text_gives_boxes_and_polygons_within_the_image_each_with_a_label(text, coordinates):
    boxes, labels, broken = read_boxes(text, coordinates, SIZE)
    assert all(0 <= x0 < x1 <= 640 and 0 <= y0 < y1 <= 480 for x0, y0, x1, y1 in boxes)
    assert len(labels) == len(boxes)
    assert broken >= 0
    polygons, labels, broken = read_polygons(text, coordinates, SIZE)
    assert len(labels) == len(polygons)
    assert broken >= 0
    for polygon in polygons:
        assert len(polygon) >= 6
        assert len(polygon) % 2 == 0
        assert all(0 <= value <= 640 for value in polygon)


@given(text=st.text(alphabet="0123456789 ,.-()[]\n", max_size=40))
def test_a_list_of_numbers_is_read_or_counted(text):
    """An answer with a whole list of short numbers never looks like a refusal."""
    for read in (read_boxes, read_polygons):
        found, _, broken = read(f"{text} [1, 2]", named("pixels"), SIZE)
        assert found or broken


@pytest.mark.parametrize(
    "piece", ["[", "(1 ", "[1, 2 ", '"label": "', "<|object_ref_start|>", "(1,2)", '[1,2]"label":"x"']
)
def test_long_answers_take_no_long_time(piece):
    began = time.process_time()
    for read in (read_boxes, read_polygons):
        read(piece * 20_000, named("pixels"), SIZE)
    assert time.process_time() - began < 5


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="unknown coordinates 'px'; there are pixels, thousandths"):
        named("px")
