"""COCO run-length masks against dense numpy."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from samtok_bench import rle

shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
masks = shapes.flatmap(lambda s: arrays(np.bool_, s))
pairs = shapes.flatmap(lambda s: st.tuples(arrays(np.bool_, s), arrays(np.bool_, s)))


def runs_by_hand(mask: np.ndarray) -> list[int]:
    runs, value = [0], False
    for pixel in mask.flatten(order="F"):
        if pixel != value:
            runs.append(0)
            value = bool(pixel)
        runs[-1] += 1
    return runs


@given(masks)
def test_round_trip_area_box_and_runs(mask):
    packed = rle.encode(mask)
    assert np.array_equal(rle.decode(packed), mask)
    assert rle.area(packed) == mask.sum()
    assert type(rle.area(packed)) is int
    assert rle.is_empty(packed) == (not mask.any())
    assert rle.run_lengths(packed).tolist() == runs_by_hand(mask)
    if mask.any():
        ys, xs = np.nonzero(mask)
        assert rle.box(packed) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    else:
        assert rle.box(packed) == (0, 0, 0, 0)


@given(pairs)
def test_intersection_union_and_union(pair):
    a, b = pair
    inter, either = rle.intersection_union(rle.encode(a), rle.encode(b))
    assert (inter, either) == ((a & b).sum(), (a | b).sum())
    assert rle.union([rle.encode(a), rle.encode(b)]) == rle.encode(a | b)


@given(masks, shapes)
def test_resized_covers_what_a_pixel_touches(mask, size):
    height, width = size
    expected = np.zeros(size, bool)
    for (y, x), inside in np.ndenumerate(mask):
        rows, columns = (
            [k for k in range(m) if k * n < (at + 1) * m and (k + 1) * n > at * m]
            for at, n, m in ((y, mask.shape[0], height), (x, mask.shape[1], width))
        )
        expected[np.ix_(rows, columns)] |= inside
    assert np.array_equal(rle.resized(rle.encode(mask), height, width), expected)


def test_a_mask_of_more_pixels_than_images_have_is_not_unpacked():
    vast = rle.rectangle(30_000, 10, 30_001, 50_000, 60_000, 60_000)
    with pytest.raises(ValueError, match=r"a mask is 60000 x 60000 pixels: at most 178,956,970 are read"):
        rle.decode(vast)
    assert rle.resized(vast, 60, 60).nonzero()[1].tolist() == [30] * 50


@given(masks)
def test_three_forms_of_rle_read_the_same(mask):
    h, w = mask.shape
    packed = rle.encode(mask)
    assert rle.from_segmentation(packed, h, w) == packed
    assert rle.from_segmentation({"size": [h, w], "counts": runs_by_hand(mask)}, h, w) == packed
    assert rle.from_segmentation({"size": [h, w], "counts": packed["counts"].encode()}, h, w) == packed


@settings(max_examples=50)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(lambda r: sum(r) > 0))
def test_long_runs_survive_packing(runs):
    total = sum(runs)
    packed = coco.frPyObjects({"size": [total, 1], "counts": runs}, total, 1)
    got = rle.run_lengths({"size": [total, 1], "counts": packed["counts"].decode()})
    assert got.tolist() == runs


def test_zero_runs_are_joined():
    # 2 outside, 0 inside, 1 outside, 3 inside = 3 outside, 3 inside
    got = rle.from_segmentation({"size": [6, 1], "counts": [2, 0, 1, 3]}, 6, 1)
    assert rle.run_lengths(got).tolist() == [3, 3]


def test_overlapping_polygons_are_united_not_summed():
    square = [1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0]
    shifted = [3.0, 3.0, 7.0, 3.0, 7.0, 7.0, 3.0, 7.0]
    expected = np.zeros((8, 8), bool)
    expected[1:5, 1:5] = True
    expected[3:7, 3:7] = True
    got = rle.from_segmentation([square, shifted], 8, 8)
    assert np.array_equal(rle.decode(got), expected)
    assert rle.area(got) == 16 + 16 - 4


def test_no_polygon_is_an_empty_mask_and_full_is_full():
    assert rle.is_empty(rle.from_segmentation([], 3, 4))
    assert rle.from_segmentation([], 3, 4) == rle.empty(3, 4) == rle.encode(np.zeros((3, 4), bool))
    assert rle.full(3, 4) == rle.encode(np.ones((3, 4), bool))


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[0, 0, 4, 4]], "even list of at least 6 numbers, got 4 numbers"),
        ([[0, 0, 4, 4, 1, 1, 2]], "got 7 numbers"),
        ([[0, 0, 4, float("nan"), 1, 1]], "not a finite number"),
        ([[0, 0, 4, 1e12, 1, 1]], "not a finite number"),
        ([["a"] * 6], "not a finite number"),
        ("abc", "list of polygons or an RLE"),
        ({"size": [3, 3]}, "list of polygons or an RLE"),
        ({"size": [3, 4], "counts": [12]}, "differs from the image's"),
        ({"size": [3, 3], "counts": [8]}, "cover 8 pixels"),
        ({"size": [3, 3], "counts": [10, -1]}, "negative run"),
        ({"size": [3, 3], "counts": [9.0]}, "must be integers"),
        ({"size": [3, 3], "counts": [8, True]}, "must be integers"),
        ({"size": [3, 3], "counts": []}, "cover 0 pixels"),
        ({"size": [True, 9], "counts": [9]}, "positive integers"),
        ({"size": [3.0, 3.0], "counts": [9]}, "positive integers"),
        ({"size": [3, 3], "counts": ""}, "empty"),
        ({"size": [3, 3], "counts": "\x7f"}, "alphabet"),
        ({"size": [3, 3], "counts": "o"}, "cut off"),
        ({"size": [3, 3], "counts": "7"}, "cover 7 pixels"),
        ({"size": [3, 3], "counts": "@0"}, "negative run"),
        ({"size": "33", "counts": "9"}, "positive integers"),
    ],
)
def test_malformed_input_is_one_clear_line(segmentation, message):
    with pytest.raises(ValueError, match=message) as caught:
        rle.from_segmentation(segmentation, 3, 3)
    assert "\n" not in str(caught.value)


@given(masks)
def test_what_pycocotools_writes_is_valid_and_has_its_area(mask):
    by_coco = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    size, counts = by_coco["size"], by_coco["counts"].decode()
    given = {"size": size, "counts": counts}
    assert rle.validate(given) is given, "nothing is changed that is canonical"
    assert rle.area(given) == coco.area(by_coco) == mask.sum()
    for other in (by_coco, given | {"area": 1}, {"size": tuple(size), "counts": counts}):
        assert rle.validate(other) == given


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12).filter(lambda runs: sum(runs) > 0))
def test_runs_of_no_length_are_joined_before_pycocotools_merges(runs):
    size = [sum(runs), 1]
    odd = coco.frPyObjects({"size": size, "counts": runs}, *size)
    pixels = [bool(place % 2) for place, run in enumerate(runs) for _ in range(run)]
    valid = rle.validate(odd)
    assert valid == rle.validate({"size": size, "counts": runs}) == rle.encode(np.array([pixels]).T)
    assert rle.area(valid) == coco.area(odd)


@settings(max_examples=300)
@given(
    counts=st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=12) | st.text(max_size=4),
    size=st.lists(st.integers(1, 40), min_size=2, max_size=2),
)
def test_any_string_is_refused_or_read_as_pycocotools_reads_it(counts, size):
    given = {"size": size, "counts": counts}
    try:
        covered = int(rle.run_lengths(given).sum())
    except ValueError:
        covered = 0
    if not 0 < covered < 1 << 32:
        with pytest.raises(ValueError, match=r"^RLE counts "):
            rle.validate(given)
        return
    given["size"] = [covered, 1]
    valid = rle.validate(given)
    assert rle.area(valid) == coco.area({"size": [covered, 1], "counts": counts})
    assert rle.validate(valid) is valid
    if covered < 1 << 16:
        assert np.array_equal(rle.decode(valid), coco.decode({"size": [covered, 1], "counts": counts}))


def _damaged(mask, place, character):
    """A mask's string with one character in the place of another, or one more."""
    packed = rle.encode(mask)
    at = place % (len(packed["counts"]) + 1)
    return packed | {"counts": packed["counts"][:at] + character + packed["counts"][at + 1 :]}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        masks.map(rle.encode)
        | st.builds(_damaged, masks, st.integers(0, 99), st.sampled_from(["", "0", "`", "o", "é", "~"]))
        | st.fixed_dictionaries({"size": st.just([3, 4]), "counts": st.text("0<`PO41", max_size=9)})
        | st.sampled_from([None, {}, {"size": [2, 2], "counts": [4]}, {"size": (2, 2), "counts": "4"}]),
        max_size=12,
    )
)
def test_many_masks_at_once_are_seen_as_each_by_itself(given_masks):
    def alone(mask):
        try:
            return rle.area(mask) if rle.validate(mask) is mask else -1
        except ValueError:
            return -1

    assert rle.canonical_areas(given_masks).tolist() == [alone(mask) for mask in given_masks]


def test_the_shortest_string_is_canonical():
    """A digit that only repeats the sign is legal for pycocotools, and a second string for the same mask."""
    longer = {"size": [10, 1], "counts": "S033nO"}
    assert rle.run_lengths(longer).tolist() == [3, 3, 3, 1]
    assert rle.validate(longer) == {"size": [10, 1], "counts": "333N"}


@pytest.mark.parametrize("given_mask", [None, [], "x", 3, {}, {"size": [3, 3]}, {"counts": "9"}])
def test_what_is_no_rle_is_one_line(given_mask):
    with pytest.raises(ValueError, match=r"^(an )?RLE [^\n]*$"):
        rle.validate(given_mask)


@pytest.mark.parametrize("counts", ["1" * 200, "0", "", "P" * 99, "ooooooo0", None, 9, b"", b"\xff", {}])
def test_counts_that_hang_or_crash_c_code_are_one_line(counts):
    with pytest.raises(ValueError, match=r"^RLE counts [^\n]*$"):
        rle.validate({"size": [3, 3], "counts": counts})


@pytest.mark.parametrize("size", [[1 << 16, 1 << 16], [0, 9], [-3, -3], [9], ["3", "3"], None, [[3], 3]])
def test_impossible_sizes_are_one_line(size):
    with pytest.raises(ValueError, match=r"^RLE size [^\n]*$"):
        rle.validate({"size": size, "counts": "9"})


@pytest.mark.parametrize("runs", [[], [8], [10], [10, -1]])
def test_runs_that_do_not_fill_the_image_make_no_mask(runs):
    with pytest.raises(ValueError, match=r"^RLE counts "):
        rle.from_runs(runs, 3, 3)


SQUARE = [1, 1, 7, 1, 7, 7, 1, 7]


@pytest.mark.parametrize(
    ("polygons", "pixels", "told"),
    [
        ([SQUARE, [8, 8, 11, 8, 11, 11, 8]], 36 + 3, ["half points of polygons: polygon 1 has 7 numbers"]),
        ([[*SQUARE, 3]], 36, ["half points of polygons: polygon 0 has 9 numbers"]),
        ([[2, 2, 5, 5], SQUARE], 36, ["polygons that cannot be drawn: polygon 0: .*, got 4 numbers"]),
        ([SQUARE, [2, 2, 5, 5, 9]], 36, ["polygons that cannot be drawn: polygon 1: .*, got 5 numbers"]),
        ([SQUARE, []], 36, ["polygons that cannot be drawn: polygon 1: .*, got 0 numbers"]),
        ([SQUARE, None, 7], 36, [".*polygon 1: .*, got NoneType", ".*polygon 2: .*, got int"]),
        ([SQUARE, [8, 8, float("nan"), 8, 11, 11]], 36, [".*polygon 1: .*not a finite number.*"]),
        ([SQUARE, [8, 8, float("inf"), 8, 11, 11, -1]], 36, [".*polygon 1: .*"]),
        ([SQUARE, [8, 8, "11", 8, 11, 11]], 36, [".*polygon 1: .*not a finite number.*"]),
        ([SQUARE, [8, 8, True, 8, 11, 11]], 36, [".*polygon 1: .*"]),
        ([SQUARE, [8, 8, 10**400, 8, 11, float("nan")]], 36, [".*polygon 1: .*"]),
        ([[2, 2, 5, 5]], 0, [".*polygon 0.*"]),
        ([SQUARE], 36, []),
    ],
    ids=str,
)
def test_what_pycocotools_draws_is_drawn_and_the_rest_is_told(polygons, pixels, told):
    heard = []
    mask = rle.from_segmentation(polygons, 12, 12, lambda *said: heard.append(": ".join(said)))
    assert rle.area(mask) == pixels
    assert len(heard) == len(told)
    for said, pattern in zip(heard, told, strict=True):
        assert re.fullmatch(pattern, said)
    if told:
        with pytest.raises(ValueError, match=r"^polygon \d: [^\n]*$"):
            rle.from_segmentation(polygons, 12, 12)


@given(st.lists(st.floats(-20, 40), min_size=6, max_size=13))
def test_a_polygon_of_any_count_is_drawn_as_pycocotools_draws_it(polygon):
    mask = rle.from_segmentation([polygon], 20, 24, lambda reason, details: None)
    assert rle.area(mask) == coco.area(coco.frPyObjects([polygon], 20, 24)[0])


def test_decode_refuses_counts_of_another_size():
    with pytest.raises(ValueError, match="cover 9 pixels"):
        rle.decode({"size": [2, 2], "counts": "9"})


def test_sizes_must_agree():
    with pytest.raises(ValueError, match=r"different sizes: \[1, 1\], \[2, 2\]"):
        rle.intersection_union(rle.empty(1, 1), rle.empty(2, 2))
    with pytest.raises(ValueError, match="no size"):
        rle.union([])


def test_areas_do_not_wrap_at_32_bits():
    packed = rle.full(40_000, 50_000)
    assert sum([rle.area(packed)] * 3) == 6_000_000_000
