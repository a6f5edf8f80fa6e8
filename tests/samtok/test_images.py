from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from samtok.images import open_image, to_pixels, to_rgb


def test_modes_become_rgb() -> None:
    assert np.asarray(to_rgb(Image.new("L", (2, 1), 7))).tolist() == [[[7] * 3] * 2]
    assert np.asarray(to_rgb(Image.new("RGBA", (1, 1), (1, 2, 3, 0)))).tolist() == [[[1, 2, 3]]]
    assert np.asarray(to_rgb(Image.new("1", (1, 1), 1))).tolist() == [[[255] * 3]]
    assert np.asarray(to_rgb(np.full((2, 3), 9, np.uint8))).shape == (2, 3, 3)


def test_sixteen_bit_greyscale_is_scaled_not_clipped() -> None:
    deep = Image.fromarray(np.array([[0, 256, 65535]], np.uint16))
    assert np.asarray(to_rgb(deep))[0, :, 0].tolist() == [0, 1, 255]


def test_exif_orientation_is_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees on display
    Image.new("RGB", (6, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert open_image(tmp_path / "turned.jpg").size == (6, 4)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((2, 2, 3), np.float32),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros(4, np.uint8),
        "photo.jpg",
        None,
    ],
)
def test_what_is_not_an_image_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="image"):
        to_rgb(bad)  # type: ignore[arg-type]


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        to_rgb(np.zeros((0, 4, 3), np.uint8))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    good = tmp_path / "good.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(good)
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:900])
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(ValueError, match=r"cut\.jpg is damaged or truncated"):
        open_image(tmp_path / "cut.jpg")
    with pytest.raises(ValueError, match=r"text\.jpg is not an image"):
        open_image(tmp_path / "text.jpg")
    with pytest.raises(FileNotFoundError, match=r"no image file at .*none\.jpg"):
        open_image(tmp_path / "none.jpg")


def test_pixels_are_square_and_normalised() -> None:
    pixels = to_pixels(np.full((5, 9, 3), 255, np.uint8), 32)
    assert pixels.shape == (3, 32, 32)
    assert pixels[:, 3, 3].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)
