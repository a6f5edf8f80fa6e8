"""Views of pictures, and how the local predictor shows them to its two parts."""

import io

import numpy as np
import pytest
from PIL import Image

from samtok_bench import crops as views
from samtok_bench import rle
from samtok_bench.predictors.pictures_ahead import PicturesAhead
from samtok_bench.predictors.samtok import _conversation, _open_all
from samtok_bench.sample import ImagePart, Region, Sample, Target, Text, Turn, View


@pytest.fixture
def picture():
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8))


def test_a_box_is_cut_out_and_resized(picture):
    pixels = np.asarray(picture)
    assert np.array_equal(np.asarray(views.cut(picture, View())), pixels)
    part = views.cut(picture, View((10, 5, 30, 25)))
    assert np.array_equal(np.asarray(part), pixels[5:25, 10:30])
    large = views.cut(picture, View((10, 5, 30, 25), (80, 100), 75))
    assert large.size == (100, 80)
    assert np.array_equal(np.asarray(large), np.asarray(part.resize((100, 80), Image.Resampling.LANCZOS)))


@pytest.mark.parametrize("box", [(-1, 0, 5, 5), (0, 0, 61, 5), (5, 5, 5, 9), (0, 9, 5, 3)])
def test_a_box_outside_is_refused(picture, box):
    with pytest.raises(ValueError, match="is not within 60 x 40 pixels"):
        views.cut(picture, View(box))


def test_compression_is_that_of_pillow(picture):
    file = io.BytesIO()
    picture.save(file, format="JPEG")  # the default is 75
    expected = np.asarray(Image.open(file))
    assert np.array_equal(np.asarray(views.compressed(picture, 75)), expected)
    assert not np.array_equal(expected, np.asarray(picture))


def sample(path, *parts, size=(40, 60)):
    turns = (Turn("user", (ImagePart(path), Text("x"), *parts)),)
    return Sample("id", path, size, turns, "c", Target())


def test_the_tokenizer_gets_the_crop_and_the_model_its_jpeg(picture, tmp_path):
    path = tmp_path / "a.png"
    picture.save(path)
    view = View((10, 5, 30, 25), (80, 100), 75)
    mask = rle.rectangle(0, 0, 50, 40, 80, 100)
    one = sample(path, ImagePart(path, view), Region(mask))
    images = {}
    _open_all(one, images, PicturesAhead())
    (message,) = _conversation(one, images)
    whole, _, crop, region = message["content"]
    assert whole.keys() == {"type", "image"}
    assert np.array_equal(np.asarray(whole["image"]), np.asarray(picture))
    expected = views.cut(picture, view)
    assert np.array_equal(np.asarray(crop["image"]), np.asarray(expected))
    assert np.array_equal(np.asarray(crop["seen"]), np.asarray(views.compressed(expected, 75)))
    assert region["mask"].shape == (80, 100)


def test_equal_views_are_opened_once_and_sizes_are_checked(picture, tmp_path):
    path = tmp_path / "a.png"
    picture.save(path)
    images = {}
    for _ in range(2):
        _open_all(sample(path, ImagePart(path, View((0, 0, 9, 9)))), images, PicturesAhead())
    assert len(images) == 2
    with pytest.raises(ValueError, match="its annotation says 60 x 41"):
        _open_all(sample(path, size=(41, 60)), {}, PicturesAhead())
