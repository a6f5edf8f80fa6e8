"""SA-1B, from small files written by hand."""

from pathlib import Path
from typing import Any

import pytest
from json_fuzz import changed
from region_samples import LEFT, RING, SA1B, pixels, sa1b, shown, write_text

from samtok_tasks.reconstruction.data_formats import read_masks


def test_sa1b(tmp_path: Path) -> None:
    sa1b(tmp_path / "sa_000000")
    other = changed(SA1B, ("image", "file_name"), "sa_4.jpg")
    write_text(tmp_path / "sa_000000/sa_4.json", changed(other, ("annotations",), SA1B["annotations"][:1]))
    data = read_masks("sa1b", tmp_path, "sa_000000")
    expected = {
        ("sa_4.jpg", "50"): (None, pixels(LEFT)),
        ("sa_5.jpg", "50"): (None, pixels(LEFT)),
        ("sa_5.jpg", "51"): (None, pixels(RING)),
    }
    assert shown(data, tmp_path / "sa_000000") == expected
    assert shown(read_masks("sa1b", tmp_path / "sa_000000", "all"), tmp_path / "sa_000000") == expected
    with pytest.raises(
        FileNotFoundError, match=r"holds no JSON file\. Expected.* There are folders: sa_000000"
    ):
        read_masks("sa1b", tmp_path, "all")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("image",), None, "image: Input should be a valid dictionary"),
        (("image", "file_name"), "../sa_5.jpg", "image.file_name: must be a path below the folder"),
        (("image", "width"), -1, "image.width: Input should be greater than 0, got -1"),
        (("annotations", 1, "id"), 50, "two annotations have the id 50"),
        (("annotations", 1), {"id": 3}, "annotations.1.segmentation: Field required"),
    ],
)
def test_broken_files_of_sa1b(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"sa_5\.json: ") as error:
        read_masks("sa1b", sa1b(tmp_path, changed(SA1B, place, value)), "all")
    assert message in str(error.value)


def test_two_files_about_an_image_of_sa1b(tmp_path: Path) -> None:
    write_text(sa1b(tmp_path) / "sa_6.json", SA1B)
    with pytest.raises(ValueError, match=r"sa_6\.json: sa_5\.jpg is the image of .*sa_5\.json too"):
        read_masks("sa1b", tmp_path, "all")
