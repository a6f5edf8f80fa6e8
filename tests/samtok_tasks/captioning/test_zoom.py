"""The zoom: boxes and sizes by hand, the mask against a second implementation to the pixel."""

import numpy as np
import pytest
import torch

from samtok_bench import rle
from samtok_bench.sample import View
from samtok_tasks.captioning.zoom import enlarge_mask, zoom


def rectangle(x0, y0, x1, y1, height=600, width=800):
    return rle.rectangle(x0, y0, x1, y1, height, width)


@pytest.mark.parametrize(
    ("box", "view"),
    [
        # 20 x 10 at (300, 200), inclusive 19 x 9: (140 - 19) // 2 = 60 and (140 - 9) // 2 = 65 on each side
        ((300, 200, 320, 210), View((240, 135, 379, 274), (280, 280), 75)),
        # cut at the left and upper border: 85 x 79, the short side becomes 280
        ((5, 5, 25, 15), View((0, 0, 84, 79), (280, 297), 75)),
        # 150 wide is not widened and loses its last column; 260 long: enlarged
        ((100, 100, 250, 360), View((100, 100, 249, 359), (486, 280), 75)),
        # 281 inclusive 280: stays
        ((100, 100, 250, 381), View((100, 100, 249, 380), None, 75)),
        # square, 279
        ((100, 100, 380, 380), View((100, 100, 379, 379), (280, 280), 75)),
    ],
)
def test_views_by_hand(box, view):
    found = zoom(rectangle(*box), 0.3)
    assert found is not None
    assert found[0] == view
    x0, y0, x1, y1 = view.box
    assert tuple(found[1]["size"]) == (view.size or (y1 - y0, x1 - x0))


def test_the_threshold_is_of_the_inclusive_box_and_strict():
    # 199 x 119 of 600 x 800 pixels: 23681 / 480000 = 0.04934
    mask = rectangle(0, 0, 200, 120)
    assert zoom(mask, 23681 / 480000) is None
    assert zoom(mask, 23682 / 480000) is not None
    assert zoom(mask, 0.0) is None
    line = rectangle(10, 10, 11, 200)
    assert zoom(line, 0.0) is None, "a box without area is not below 0"
    assert zoom(line, 0.01) is not None


def test_sizes_are_computed_in_floating_point_as_released():
    # only in a small picture is a box not widened to 140
    mask = rle.rectangle(0, 0, 51, 17, 17, 51)
    view, inside = zoom(mask, 2.0)
    assert view.size == (280, 839), "int(51 * (280 / 17)), not 840"
    assert tuple(inside["size"]) == (280, 839)


def test_a_region_that_the_crop_cuts_off_is_not_zoomed():
    pixels = np.zeros((600, 800), bool)
    # the last row and column of its box are all there is of it
    pixels[400, 150:301] = True
    pixels[100:401, 300] = True
    assert zoom(rle.encode(pixels), 0.3) is None


def test_the_mask_is_that_of_the_crop():
    pixels = np.zeros((600, 800), bool)
    pixels[100:400, 100:400] = np.random.default_rng(0).random((300, 300)) < 0.5
    pixels[100, 100] = pixels[399, 399] = True
    view, inside = zoom(rle.encode(pixels), 0.3)
    assert (view.box, view.size) == ((100, 100, 399, 399), None)
    assert np.array_equal(rle.decode(inside), pixels[100:399, 100:399])


def enlarged_by_hand(mask, height, width):
    """Bilinear in whole numbers as torch has it for bytes: along rows, then along columns, with weights in
    steps of 1/16384 and rounding after each."""
    values = mask.astype(np.int64)
    for axis, size in ((1, width), (0, height)):
        length = values.shape[axis]
        if length == size:
            continue
        place = np.maximum((np.arange(size) + 0.5) * (length / size) - 0.5, 0)
        low = np.minimum(place.astype(np.int64), length - 1)
        share = np.where(low < length - 1, place - low, 0)
        high = np.minimum(low + 1, length - 1)
        first, second = (
            np.floor(weight * 16384 + 0.5).astype(np.int64).reshape((-1, 1) if axis == 0 else (1, -1))
            for weight in (1 - share, share)
        )
        total = values.take(low, axis) * first + values.take(high, axis) * second
        values = (total + 8192) >> 14
    return values > 0


def test_enlarged_masks_are_rounded_as_bytes():
    rng = np.random.default_rng(0)
    unlike_floats = 0
    for _ in range(1000):
        height, width = (int(v) for v in rng.integers(1, 100, 2))
        tall, wide = int(rng.integers(height, 300)), int(rng.integers(width, 300))
        mask = rng.random((height, width)) < rng.choice([0.05, 0.5, 0.95])
        expected = enlarged_by_hand(mask, tall, wide)
        assert np.array_equal(enlarge_mask(mask, tall, wide), expected), (height, width, tall, wide)
        floats = torch.from_numpy(mask.astype(np.float32))[None, None]
        smooth = torch.nn.functional.interpolate(floats, size=(tall, wide), mode="bilinear")[0, 0] > 0.5
        unlike_floats += not np.array_equal(smooth.numpy(), expected)
    assert unlike_floats > 500, "the rounding of bytes shows"


def test_the_layout_in_memory_does_not_matter():
    rng = np.random.default_rng(1)
    for _ in range(100):
        whole = rng.random((90, 120)) < 0.5
        part = np.asfortranarray(whole)[20:61, 30:53]
        expected = enlarged_by_hand(part, 499, 280)
        assert np.array_equal(enlarge_mask(part, 499, 280), expected)
        assert np.array_equal(enlarge_mask(whole[20:61, 30:53], 499, 280), expected)


def test_many_channels_take_another_path_in_torch_with_the_same_result():
    rng = np.random.default_rng(1)
    masks = rng.random((6, 41, 23)) < 0.5
    pixels = torch.from_numpy(masks.astype(np.uint8))[None]
    many = torch.nn.functional.interpolate(pixels, size=(499, 280), mode="bilinear")[0].numpy() > 0.5
    for mask, expected in zip(masks, many, strict=True):
        assert np.array_equal(enlarge_mask(mask, 499, 280), expected)
