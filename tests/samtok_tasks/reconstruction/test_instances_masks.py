"""Masks of instances files, from small files written by hand."""

from pathlib import Path
from typing import Any

import pytest
from json_fuzz import changed
from region_samples import (
    COCO,
    ENTITY_LIST,
    LEFT,
    LVIS,
    RIGHT,
    RING,
    coco,
    entityseg,
    lvis,
    pixels,
    polygon,
    shown,
    write_picture,
    write_text,
)

from samtok_tasks.reconstruction.data_formats import read_masks


def test_coco(tmp_path: Path) -> None:
    data = read_masks("coco", coco(tmp_path), "val2017")
    assert shown(data, tmp_path) == {
        ("val2017/000000000007.jpg", "1"): (None, pixels(LEFT)),
        ("val2017/000000000008.jpg", "2"): ("part", pixels(RIGHT)),
        ("val2017/000000000007.jpg", "3"): (None, pixels(RING)),
    }
    assert [found.key for found in data.masks] == ["1", "2", "3"]
    assert {found.size for found in data.masks} == {(4, 6)}


def test_images_of_coco_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "images/val2017").mkdir(parents=True)
    data = read_masks("coco", coco(tmp_path), "val2017")
    assert data.masks[0].image == tmp_path / "images/val2017/000000000007.jpg"
    write_picture(tmp_path / "val2017/000000000007.jpg")
    data = read_masks("coco", coco(tmp_path), "val2017")
    assert data.masks[0].image == tmp_path / "val2017/000000000007.jpg", "the folder with the image"


def test_a_coco_file_as_the_root(tmp_path: Path) -> None:
    content = changed(COCO, ("images", 0, "file_name"), "below/./7.jpg")
    path = write_text(tmp_path / "some.json", content)
    assert read_masks("coco", path, "val2017").masks[0].image == tmp_path / "below/7.jpg"
    (tmp_path / "images").mkdir()
    assert read_masks("coco", path, "val2017").masks[0].image == tmp_path / "images/below/7.jpg"
    write_picture(tmp_path / "below/7.jpg")
    assert read_masks("coco", path, "val2017").masks[0].image == tmp_path / "below/7.jpg"


def test_crowds_are_left_out(tmp_path: Path) -> None:
    data = read_masks("coco", coco(tmp_path, changed(COCO, ("annotations", 1, "iscrowd"), 1)), "val2017")
    assert [found.key for found in data.masks] == ["1", "3"]
    assert data.dropped.counts == {"crowds": 1}
    assert data.dropped.first["crowds"].endswith("instances_val2017.json: annotation 2")


def test_overlapping_polygons_are_one_mask(tmp_path: Path) -> None:
    polygons = [polygon(0, 0, 2, 4), polygon(0, 0, 2, 3)]
    root = coco(tmp_path, changed(COCO, ("annotations", 0, "segmentation"), polygons))
    assert shown(read_masks("coco", root, "val2017"), root)["val2017/000000000007.jpg", "1"][1] == pixels(
        LEFT
    )


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("images",), None, "'images' must be list, got NoneType"),
        (("annotations",), {}, "'annotations' must be list, got dict"),
        (("images", 1, "id"), 7, "two images have the id 7"),
        (("annotations", 1, "id"), 1, "two annotations have the id 1"),
        (("annotations", 1, "image_id"), 9, "annotation 2 is on image 9, not listed"),
        (("images", 0, "file_name"), "../7.jpg", "image 0: 'file_name' must be a path below the folder"),
        (("images", 0, "file_name"), "/etc/7.jpg", "image 0: 'file_name' must be a path below the folder"),
        (("images", 0, "file_name"), ".", "image 0: 'file_name' must be a path below the folder"),
        (("images", 0, "height"), 0, "image 0: impossible size, height 0, width 6"),
        (("categories",), {}, "'categories' must be list, got dict"),
        (("categories", 1, "name"), 5, "category 1: 'name' must be str, got int"),
    ],
)
def test_broken_coco_files(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"instances_val2017\.json: ") as error:
        read_masks("coco", coco(tmp_path, changed(COCO, place, value)), "val2017")
    assert message in str(error.value)


@pytest.mark.parametrize("folder", ["", "annotations"])
def test_lvis(tmp_path: Path, folder: str) -> None:
    write_text(tmp_path / folder / "lvis_v1_val.json", LVIS)
    data = read_masks("lvis", tmp_path, "val")
    assert shown(data, tmp_path) == {
        ("val2017/000000000007.jpg", "1"): (None, pixels(LEFT)),
        ("train2017/000000000008.jpg", "2"): (None, pixels(RIGHT)),
        ("val2017/000000000007.jpg", "3"): (None, pixels(RING)),
    }
    write_picture(tmp_path / "images/val2017/000000000007.jpg")
    assert read_masks("lvis", tmp_path, "val").masks[0].image.parts[-3] == "images"


@pytest.mark.parametrize("url", ["http://images.cocodataset.org/7.jpg", "7.jpg", "http://a/../7.jpg", ""])
def test_odd_addresses_of_lvis(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="image 0: 'coco_url' must end in a folder and a file, got "):
        read_masks("lvis", lvis(tmp_path, changed(LVIS, ("images", 0, "coco_url"), url)), "val")


def test_lists_of_entityseg(tmp_path: Path) -> None:
    expected = {
        ("entity_01/a.png", "0"): (None, pixels(LEFT | RIGHT)),
        ("entity_01/b.jpg", "1"): (None, pixels(RING)),
    }
    root = entityseg(tmp_path)
    assert shown(read_masks("entityseg", root, "val"), tmp_path) == expected
    assert shown(read_masks("entityseg", root / "entityseg_val_lr.json", "val"), tmp_path) == expected


def test_polygons_of_entityseg_need_the_image(tmp_path: Path) -> None:
    root = entityseg(tmp_path)
    (root / "entity_01/a.png").write_bytes(b"no image")
    data = read_masks("entityseg", root, "val")
    assert [found.key for found in data.masks] == ["1"]
    assert data.dropped.counts == {"masks without a readable image": 1}
    assert "entityseg_val_lr.json: record 0: " in data.dropped.first["masks without a readable image"]
    assert "a.png is not an image" in data.dropped.first["masks without a readable image"]
    (root / "entity_01/a.png").unlink()
    dropped = read_masks("entityseg", root, "val").dropped
    assert "no image file at" in dropped.first["masks without a readable image"]


@pytest.mark.parametrize("folder", ["", "images_lr", "images"])
def test_instances_of_entityseg(tmp_path: Path, folder: str) -> None:
    content = changed(COCO, ("images", 0, "file_name"), "entity_02/7.jpg")
    write_picture(tmp_path / folder / "entity_02/7.jpg")
    data = read_masks("entityseg", entityseg(tmp_path, content), "val")
    assert shown(data, tmp_path / folder)["entity_02/7.jpg", "3"] == (None, pixels(RING))
    assert len(data.masks) == 3


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            (0, "image_file"),
            "../a.png",
            "record 0: image_file: must be a path below the folder, got '../a.png'",
        ),
        ((1,), 7, "record 1: expected a dictionary, got int"),
        ((1,), {"image_file": "a.png"}, "record 1: segmentation: Field required"),
    ],
)
def test_broken_lists_of_entityseg(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"entityseg_val_lr\.json: ") as error:
        read_masks("entityseg", entityseg(tmp_path, changed(ENTITY_LIST, place, value)), "val")
    assert message in str(error.value)
