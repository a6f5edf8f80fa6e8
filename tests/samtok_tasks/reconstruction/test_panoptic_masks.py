"""COCO panoptic, from small files written by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from json_fuzz import changed
from PIL import Image
from region_samples import IDS, LEFT, PANOPTIC, RIGHT, box, panoptic, pixels, shown, write_png

from samtok_tasks.reconstruction.data_formats import read_masks

PNG = "annotations/panoptic_val2017/000000000007.png"


def test_segments(tmp_path: Path) -> None:
    data = read_masks("panoptic", panoptic(tmp_path), "val2017")
    assert shown(data, tmp_path) == {
        ("val2017/000000000007.jpg", "1"): ("object", pixels(LEFT)),
        ("val2017/000000000007.jpg", "300"): ("stuff", pixels(RIGHT)),
    }
    assert data.dropped.counts == {"crowds": 1}


def test_large_ids(tmp_path: Path) -> None:
    number = 200 + 256 * 100 + 256**2 * 255
    content = changed(PANOPTIC, ("annotations", 0, "segments_info", 2, "id"), number)
    data = read_masks("panoptic", panoptic(tmp_path, content, np.where(IDS == 300, number, IDS)), "val2017")
    assert [found.key for found in data.masks] == ["1", str(number)]


def test_pngs_beside_the_annotations(tmp_path: Path) -> None:
    root = panoptic(tmp_path)
    (root / "annotations/panoptic_val2017").rename(root / "panoptic_val2017")
    assert len(read_masks("panoptic", root, "val2017").masks) == 2


def test_a_category_that_says_nothing(tmp_path: Path) -> None:
    content = changed(PANOPTIC, ("categories", 0), {"id": 1, "name": "cat"})
    data = read_masks("panoptic", panoptic(tmp_path, content), "val2017")
    assert [found.kind for found in data.masks] == [None, "stuff"]


def test_ids_of_one_side_only(tmp_path: Path) -> None:
    ids = np.where(IDS == 300, 301, IDS) + box(5, 3, 6, 4) * 77
    data = read_masks("panoptic", panoptic(tmp_path, ids=ids), "val2017")
    assert [found.key for found in data.masks] == ["1"]
    assert data.dropped.counts == {"crowds": 1, "segments not in the PNG": 1, "ids not listed": 2}
    assert "image 7: segment 300: " in data.dropped.first["segments not in the PNG"]
    assert "has pixels of 77, which is not in segments_info" in data.dropped.first["ids not listed"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("missing", "segments without a PNG"),
        ("truncated", "segments of unreadable PNGs"),
        ("text", "segments of unreadable PNGs"),
        ("grey", "segments of unreadable PNGs"),
        ("jpeg", "segments of unreadable PNGs"),
        ("size", "segments of PNGs of another size"),
    ],
)
def test_pngs_that_cannot_be_used(tmp_path: Path, fault: str, reason: str) -> None:
    path = panoptic(tmp_path) / PNG
    if fault == "missing":
        path.unlink()
    elif fault == "truncated":
        noise = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
        path.write_bytes(write_png(path, noise).read_bytes()[:80])
    elif fault == "text":
        path.write_text("no image")
    elif fault == "jpeg":
        Image.new("RGB", (6, 4)).save(path, format="JPEG")
    else:
        write_png(path, IDS.astype(np.uint8) if fault == "grey" else np.zeros((6, 4, 3), np.uint8))
    data = read_masks("panoptic", tmp_path, "val2017")
    assert data.masks == []
    assert data.dropped.counts == {"crowds": 1, reason: 2}
    assert data.dropped.lost == ({} if fault == "size" else {reason: 2})
    assert "image 7: segment 1: " in data.dropped.first[reason]
    assert "000000000007.png" in data.dropped.first[reason]


def test_no_pngs_at_all(tmp_path: Path) -> None:
    root = panoptic(tmp_path)
    (root / PNG).unlink()
    (root / PNG).parent.rmdir()
    with pytest.raises(
        FileNotFoundError, match=r"panoptic_val2017 is missing. Expected below the data root: "
    ):
        read_masks("panoptic", root, "val2017")


ANNOTATION = ("annotations", 0)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("images",), None, "'images' must be list"),
        (("categories",), None, "'categories' must be list"),
        (("categories", 0, "isthing"), "yes", "category 0: isthing: Input should be 0 or 1, got 'yes'"),
        (("categories", 1, "id"), 1, "two categories have the id 1"),
        ((*ANNOTATION, "image_id"), 8, "annotation 0: it is on image 8, not listed"),
        (("annotations",), PANOPTIC["annotations"] * 2, "annotation 1: it is the second of image 7"),
        ((*ANNOTATION, "file_name"), "../7.png", "annotation 0: file_name: must be a path below the folder"),
        ((*ANNOTATION, "segments_info", 1, "id"), 1, "annotation 0: two segments have the id 1"),
        (
            (*ANNOTATION, "segments_info", 1, "id"),
            0,
            "annotation 0: segments_info.1.id: Input should be greater than 0, got 0",
        ),
        ((*ANNOTATION, "segments_info", 1, "category_id"), 9, "segment 1: category 9 is not listed"),
        ((*ANNOTATION, "segments_info", 1), {}, "segments_info.1.id: Field required"),
    ],
)
def test_broken_files(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"panoptic_val2017\.json: ") as error:
        read_masks("panoptic", panoptic(tmp_path, changed(PANOPTIC, place, value)), "val2017")
    assert message in str(error.value)
