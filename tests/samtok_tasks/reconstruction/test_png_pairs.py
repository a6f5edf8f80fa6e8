"""Folders of images and PNG masks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from region_samples import EMPTY, LEFT, RIGHT, RING, pixels, shown, write_picture, write_png

from samtok_tasks.formats.annotated_masks import AnnotatedMasks
from samtok_tasks.reconstruction.data_formats import read_masks


def read(root: Path) -> AnnotatedMasks:
    return read_masks("png", root, "all")


def one_channel(mask: NDArray[np.bool_], value: int = 255) -> NDArray[np.uint8]:
    return mask.astype(np.uint8) * np.uint8(value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two images: one with a mask, one with a folder of two."""
    write_picture(tmp_path / "images/a.b.jpg")
    write_picture(tmp_path / "images/c.PNG")
    write_png(tmp_path / "masks/a.b.png", one_channel(LEFT))
    write_png(tmp_path / "masks/c/1.png", one_channel(RIGHT, 1))
    write_png(tmp_path / "masks/c/0.png", RING)
    (tmp_path / "masks/.hidden").touch()
    return tmp_path


def test_pairs(root: Path) -> None:
    data = read(root)
    assert shown(data, root) == {
        ("images/a.b.jpg", "a.b.png"): (None, pixels(LEFT)),
        ("images/c.PNG", "c/0.png"): (None, pixels(RING)),
        ("images/c.PNG", "c/1.png"): (None, pixels(RIGHT)),
    }
    assert [found.key for found in data.masks] == ["a.b.png", "c/0.png", "c/1.png"]
    assert (data.dropped.counts, data.dropped.first) == ({}, {})


def test_the_index_of_a_palette_counts(root: Path) -> None:
    image = Image.fromarray(one_channel(LEFT, 7), mode=None).convert("L")
    image.putpalette([255, 255, 255] * 256)
    assert image.mode == "P"
    image.save(root / "masks/a.b.png")
    assert shown(read(root), root)["images/a.b.jpg", "a.b.png"][1] == pixels(LEFT)


def test_sixteen_bits_and_no_background(root: Path) -> None:
    write_png(root / "masks/a.b.png", LEFT.astype(np.uint16) * 60000)
    write_png(root / "masks/c/0.png", np.full((4, 6), 9, dtype=np.uint8))
    found = shown(read(root), root)
    assert found["images/a.b.jpg", "a.b.png"][1] == pixels(LEFT)
    assert found["images/c.PNG", "c/0.png"][1] == pixels(~EMPTY)


@pytest.mark.parametrize(
    ("values", "reason", "details"),
    [
        (
            one_channel(LEFT) + one_channel(RIGHT, 7),
            "non-binary masks",
            "if they are ids, save one file a mask",
        ),
        (np.where(LEFT, 1, 2).astype(np.uint8), "non-binary masks", "more than two values"),
        (np.stack([one_channel(LEFT)] * 3, axis=-1), "non-binary masks", "a mask has one channel"),
        (np.stack([one_channel(LEFT)] * 4, axis=-1), "non-binary masks", "a mask has one channel"),
        (np.stack([one_channel(LEFT)] * 2, axis=-1), "non-binary masks", "a mask has one channel"),
        (
            one_channel(LEFT.T),
            "masks of another size",
            "the mask is (6, 4) pixels (height, width), the image (4, 6)",
        ),
        (one_channel(EMPTY), "empty masks", "a.b.png"),
    ],
    ids=["ids", "two values", "RGB", "RGBA", "LA", "size", "empty"],
)
def test_masks_that_cannot_be_used(root: Path, values: NDArray[np.uint8], reason: str, details: str) -> None:
    write_png(root / "masks/a.b.png", values)
    data = read(root)
    assert [found.key for found in data.masks] == ["c/0.png", "c/1.png"]
    assert data.dropped.counts == {reason: 1}
    assert data.dropped.first[reason].startswith(str(root / "masks/a.b.png"))
    assert details in data.dropped.first[reason]


def test_unreadable_masks(root: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (4, 6), dtype=np.uint8)
    path = write_png(root / "masks/a.b.png", noise)
    path.write_bytes(path.read_bytes()[:60])
    (root / "masks/c/0.png").write_text("no image")
    Image.new("L", (6, 4)).save(root / "masks/c/1.png", format="JPEG")
    data = read(root)
    assert (data.masks, data.dropped.counts) == ([], {"unreadable masks": 3})
    assert data.dropped.first["unreadable masks"].startswith(f"{path}: ")


def test_files_without_their_counterpart(root: Path) -> None:
    (root / "images/c.PNG").unlink()
    write_picture(root / "images/d.jpeg")
    write_picture(root / "images/e.jpeg")
    (root / "masks/e").mkdir()
    write_picture(root / "masks/a.b/more.jpg")
    data = read(root)
    assert [found.key for found in data.masks] == ["a.b.png"]
    assert data.dropped.counts == {
        "masks without an image": 2,
        "images without a mask": 2,
        "masks that are no PNG file": 1,
    }
    assert data.dropped.first["masks without an image"].startswith(f"{root / 'masks/c/0.png'}: expected in ")
    assert data.dropped.first["images without a mask"] == str(root / "images/d.jpeg")


def test_unreadable_images(root: Path) -> None:
    (root / "images/c.PNG").write_text("no image")
    data = read(root)
    assert data.dropped.counts == data.dropped.lost == {"masks without a readable image": 2}
    assert "c.PNG is not an image" in data.dropped.first["masks without a readable image"]


def test_two_images_of_a_name(root: Path) -> None:
    write_picture(root / "images/c.jpg")
    with pytest.raises(ValueError, match=r"c\.jpg: there is c\.PNG too, and masks go by the name"):
        read(root)


def test_no_masks_at_all(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"masks is missing\. Expected below the data root: images/NAME"
    ):
        read(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(
    path=st.sampled_from(["images/a.b.jpg", "images/c.PNG", "masks/a.b.png", "masks/c/0.png"]),
    start=st.integers(0, 900),
    new=st.binary(max_size=4),
    cut=st.booleans(),
)
def test_any_change_of_bytes_is_counted(root: Path, path: str, start: int, new: bytes, cut: bool) -> None:
    whole = (root / path).read_bytes()
    start %= len(whole)
    (root / path).write_bytes(whole[:start] + new + (b"" if cut else whole[start + len(new) :]))
    try:
        data = read(root)
    finally:
        (root / path).write_bytes(whole)
    assert len(data.masks) + data.dropped.counts.total() == 3
