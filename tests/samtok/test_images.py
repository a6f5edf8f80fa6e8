from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from samtok.images import ImageFileError, allow_pixels, image_size, open_image, to_pixels, to_rgb
from samtok.mask_files import NotBinaryError, mask_pixels

VastPNG: TypeAlias = Callable[[str, int, int], Path]


def test_modes_become_rgb() -> None:
    assert np.asarray(to_rgb(Image.new("L", (2, 1), 7))).tolist() == [[[7] * 3] * 2]
    assert np.asarray(to_rgb(Image.new("RGBA", (1, 1), (1, 2, 3, 0)))).tolist() == [[[1, 2, 3]]]
    assert np.asarray(to_rgb(Image.new("1", (1, 1), 1))).tolist() == [[[255] * 3]]
    assert np.asarray(to_rgb(np.full((2, 3), 9, np.uint8))).shape == (2, 3, 3)


def test_sixteen_bit_greyscale_is_scaled_not_clipped() -> None:
    deep = Image.fromarray(np.array([[0, 256, 65535]], np.uint16))
    assert np.asarray(to_rgb(deep))[0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize("suffix", ["png", "pgm", "tif"])
def test_sixteen_bits_of_any_file_are_scaled(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(np.array([[0, 511, 65535]], np.uint16)).save(path)
    assert np.asarray(open_image(path))[0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize(("dtype", "kind"), [(np.float32, "floating-point"), (np.int32, "32-bit")])
@pytest.mark.parametrize("value", [0.5, 200, 70000])
def test_pixels_of_an_unknown_range_are_refused(tmp_path: Path, dtype: type, kind: str, value: float) -> None:
    """Whether 200 is bright in them no file says; as 16 bits they would be black."""
    path = tmp_path / "deep.tif"
    Image.fromarray(np.full((2, 3), value, dtype)).save(path)
    with pytest.raises(ImageFileError, match=rf"deep\.tif: image has {kind} pixels, whose range is not"):
        open_image(path)


def test_exif_orientation_is_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees on display
    Image.new("RGB", (6, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert open_image(tmp_path / "turned.jpg").size == (6, 4)
    assert open_image(tmp_path / "turned.jpg", upright=True).size == (4, 6)


@pytest.mark.parametrize("orientation", range(10))
def test_upright_images_are_those_of_opencv(tmp_path: Path, orientation: int) -> None:
    """By which LISA reads, and which applies the orientation; 0 and 9 mean nothing."""
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = np.random.default_rng(orientation).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=exif)
    stored = np.asarray(open_image(path))
    assert np.array_equal(stored, pixels)
    upright = np.asarray(open_image(path, upright=True))
    assert upright.shape[:2] == image_size(path, upright=True)
    with Image.open(path) as image:
        assert np.array_equal(upright, ImageOps.exif_transpose(image))
    jpeg = tmp_path / "turned.jpg"
    Image.fromarray(pixels.repeat(16, 0).repeat(16, 1)).save(jpeg, exif=exif, quality=100, subsampling=0)
    theirs = cv2.imread(str(jpeg))[:, :, ::-1]
    assert theirs.shape[:2] == image_size(jpeg, upright=True)
    assert np.abs(theirs - np.asarray(open_image(jpeg, upright=True), int)).max() <= 2


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


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(13_378, 13_377), (14_000, 13_600), (60_000, 60_000)])
@pytest.mark.parametrize("read", [open_image, image_size, mask_pixels])
def test_more_pixels_than_allowed_are_one_error(
    vast: VastPNG, size: tuple[int, int], read: Callable[[Path], object]
) -> None:
    """Just above the limit, where Pillow warns only, and a bomb."""
    with pytest.raises(ImageFileError, match=r"vast\.png .* at most 178,956,970 are read; --max-image-pix"):
        read(vast("vast.png", *size))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_limit_can_be_moved(tmp_path: Path, limit: Callable[[int], None], vast: VastPNG) -> None:
    limit(400_000_000)
    assert image_size(vast("vast.png", 20_000, 20_000)) == (20_000, 20_000)
    Image.new("RGB", (10, 10)).save(tmp_path / "small.png")
    limit(100)
    assert open_image(tmp_path / "small.png").size == (10, 10)
    limit(99)
    with pytest.raises(ImageFileError, match=r"small\.png is 10 x 10 pixels: at most 99 are read"):
        open_image(tmp_path / "small.png")
    with pytest.raises(ValueError, match="--max-image-pixels must be at least 1, got 0"):
        allow_pixels(0)


def test_postscript_is_not_run(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "photo.eps")
    (tmp_path / "photo.eps").rename(tmp_path / "photo.jpg")
    with pytest.raises(ImageFileError, match=r"photo\.jpg is PostScript, a program, and is not run"):
        open_image(tmp_path / "photo.jpg")


def test_a_mask_has_two_values_and_keeps_them(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    disc = (x - 30) ** 2 + (y - 34) ** 2 < 20**2
    grey = Image.fromarray(disc.astype(np.uint8) * 255)
    grey.save(tmp_path / "good.png")
    np.testing.assert_array_equal(mask_pixels(tmp_path / "good.png"), disc)
    grey.save(tmp_path / "lossy.jpg")
    with pytest.raises(ImageFileError, match=r"lossy\.jpg is a JPEG, which does not keep .*: save it as PNG"):
        mask_pixels(tmp_path / "lossy.jpg")
    Image.open(tmp_path / "lossy.jpg").save(tmp_path / "noise.png")
    grey.resize((32, 32), Image.Resampling.BILINEAR).save(tmp_path / "soft.png")
    for name in ("noise.png", "soft.png"):
        with pytest.raises(NotBinaryError, match=rf"{name} has more than two values.* choose a threshold"):
            mask_pixels(tmp_path / name)
    Image.fromarray(disc.astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(NotBinaryError, match=r"float\.tif has mode F: a mask has one channel"):
        mask_pixels(tmp_path / "float.tif")


def test_pixels_are_square_and_normalised() -> None:
    pixels = to_pixels(np.full((5, 9, 3), 255, np.uint8), 32)
    assert pixels.shape == (3, 32, 32)
    assert pixels[:, 3, 3].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-3)
