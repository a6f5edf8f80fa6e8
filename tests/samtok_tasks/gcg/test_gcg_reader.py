"""The reader of GranD-f's files."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places
from PIL import Image

from samtok_bench import rle
from samtok_tasks.gcg.reader import IMAGE_FOLDERS, GroundedCaption, read_grandf


def mask(x0: int, x1: int) -> dict[str, Any]:
    return dict(rle.rectangle(x0, 0, x1, 4, 6, 8))


CAPTIONS: dict[str, Any] = {
    "images": [{"id": "sa_1"}, {"id": "sa_2", "height": 3, "width": 5}],
    "annotations": [
        {"id": 1, "image_id": "sa_1", "caption": "A dog and a cat.", "labels": ["dog", "A cat"]},
        {"id": 2, "image_id": "sa_2", "caption": "Sand.", "labels": []},
    ],
}
MASKS: dict[str, Any] = {
    "images": CAPTIONS["images"],
    "annotations": [
        {"id": 7, "image_id": "sa_1", "category_id": 1, "segmentation": mask(0, 3)},
        {"id": 5, "image_id": "sa_1", "category_id": 1, "segmentation": mask(4, 8)},
    ],
    "categories": [{"id": 1, "name": "object"}],
}


def write(root: Path, captions: Any = CAPTIONS, masks: Any = MASKS, prefix: str = "") -> Path:
    folder = root / "GranDf" / "annotations" / "val_test"
    folder.mkdir(parents=True, exist_ok=True)
    for kind, content in (("caption", captions), ("mask", masks)):
        (folder / f"{prefix}val_gcg_coco_{kind}_gt.json").write_text(json.dumps(content))
    return root


def test_masks_belong_to_labels_by_their_order(tmp_path: Path) -> None:
    records, dropped = read_grandf(write(tmp_path), "val")
    first, second = records
    assert (first.image_id, first.caption, first.labels) == ("sa_1", "A dog and a cat.", ("dog", "A cat"))
    assert first.masks == (mask(0, 3), mask(4, 8))
    assert (first.height, first.width) == (6, 8)
    assert first.image == tmp_path / "GranDf_HA_images/val_test/sa_1.jpg"
    assert (second.height, second.width, second.labels, second.masks) == (3, 5, (), ())
    assert not dropped.counts


@pytest.mark.parametrize("folder", IMAGE_FOLDERS)
@pytest.mark.parametrize("prefix", ["", "val_test_"])
def test_images_may_lie_in_several_folders_and_have_a_prefix(
    tmp_path: Path, folder: str, prefix: str
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / f"{prefix}sa_1.jpg").touch()
    records, _ = read_grandf(write(tmp_path), "val")
    assert [record.image for record in records] == [
        tmp_path / folder / f"{prefix}{name}.jpg" for name in ("sa_1", "sa_2")
    ]


def test_files_may_have_the_prefix_or_lie_directly_below_the_root(tmp_path: Path) -> None:
    assert len(read_grandf(write(tmp_path, prefix="val_test_"), "val")[0]) == 2
    (tmp_path / "GranDf" / "annotations").rename(tmp_path / "annotations")
    assert len(read_grandf(tmp_path, "val")[0]) == 2


def test_a_size_that_no_file_tells_comes_from_the_image(tmp_path: Path) -> None:
    write(tmp_path, changed(CAPTIONS, ("images", 1), {"id": "sa_2"}))
    records, dropped = read_grandf(tmp_path, "val")
    assert [record.image_id for record in records] == ["sa_1"]
    assert dropped.counts == dropped.lost == {"images without a known size": 1}
    assert "image sa_2: " in dropped.first["images without a known size"]
    folder = tmp_path / IMAGE_FOLDERS[0]
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(folder / "sa_1.jpg")
    Image.fromarray(np.zeros((7, 9, 3), np.uint8)).save(folder / "sa_2.jpg")
    second = read_grandf(tmp_path, "val")[0][1]
    assert (second.height, second.width) == (7, 9)


def test_what_does_not_fit_together_is_counted(tmp_path: Path) -> None:
    captions = copy.deepcopy(CAPTIONS)
    captions["images"] += [{"id": "sa_3"}]
    captions["annotations"] += [{"image_id": "sa_1", "caption": "Again.", "labels": []}]
    captions["annotations"][1]["labels"] = ["sand", "stones"]
    masks = copy.deepcopy(MASKS)
    masks["annotations"] += [
        {"image_id": "sa_1", "segmentation": mask(0, 1)},
        {"image_id": "sa_9", "segmentation": mask(0, 1)},
    ]
    records, dropped = read_grandf(write(tmp_path, captions, masks), "val")
    assert [(len(record.labels), len(record.masks)) for record in records] == [(2, 3), (2, 0)]
    assert records[0].caption == "A dog and a cat."
    assert dropped.counts == {
        "images without a caption": 1,
        "further captions of an image": 1,
        "masks of images that are not listed": 1,
        "labels without a mask": 2,
        "masks without a label": 1,
    }
    assert dropped.first["labels without a mask"].endswith("image sa_2: 2 labels, 0 masks")


@pytest.mark.parametrize(
    ("captions", "place", "value", "message"),
    [
        (True, ("images",), None, "'images' must be list, got NoneType"),
        (True, ("images", 1, "id"), "sa_1", "two images have the id 'sa_1'"),
        (True, ("images", 0, "id"), "../sa_1", "image 0: id: must be a plain name, got '../sa_1'"),
        (True, ("annotations", 0, "image_id"), "sa_9", "annotation 0: the image 'sa_9' is not listed"),
        (
            True,
            ("annotations", 0, "labels"),
            [1],
            "annotation 0: labels.0: Input should be a valid string, got 1",
        ),
        (True, ("annotations", 0), {"image_id": "sa_1"}, "annotation 0: caption: Field required"),
        (True, ("images", 1, "height"), 0, "image sa_2: impossible size, height 0"),
        (False, ("annotations", 1, "segmentation"), mask(0, 3) | {"size": [3, 4]}, "annotation 1: RLE size"),
        (
            False,
            ("annotations", 0, "segmentation"),
            {"size": [6, 8], "counts": "~"},
            "annotation 0: RLE counts",
        ),
        (False, ("annotations", 0, "segmentation"), {"size": [6, "8"]}, "annotation 0: 'width' must be int"),
        (False, ("annotations", 0), 3, "annotation 0: expected a dictionary"),
    ],
)
def test_broken_records_are_named(
    tmp_path: Path, captions: bool, place: tuple[Any, ...], value: Any, message: str
) -> None:
    contents = (
        (changed(CAPTIONS, place, value), MASKS) if captions else (CAPTIONS, changed(MASKS, place, value))
    )
    with pytest.raises(ValueError, match=r"_gt\.json: ") as error:
        read_grandf(write(tmp_path, *contents), "val")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_and_other_splits(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"val_gcg_coco_caption_gt.json is missing. Expected below"):
        read_grandf(tmp_path, "val")
    with pytest.raises(ValueError, match="no split 'train'; it has val, test"):
        read_grandf(tmp_path, "train")


JSON = json_values("size", "counts", "id", "image_id", "caption", "labels")
PLACES = [(0, place) for place in places(CAPTIONS)] + [(1, place) for place in places(MASKS)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(where=st.sampled_from(PLACES), value=JSON)
def test_any_change_is_read_or_refused_cleanly(
    tmp_path: Path, where: tuple[int, tuple[Any, ...]], value: Any
) -> None:
    contents = [CAPTIONS, MASKS]
    contents[where[0]] = changed(contents[where[0]], where[1], value)
    write(tmp_path, *contents)
    refusal = ""
    records: tuple[GroundedCaption, ...] = ()
    try:
        records = read_grandf(tmp_path, "val")[0]
    except (ValueError, OSError) as error:
        refusal = str(error)
    assert "\n" not in refusal
    for record in records:
        size = (record.height, record.width)
        assert all(rle.decode(mask).shape == size for mask in record.masks)


def test_an_empty_caption_is_counted_and_kept(tmp_path: Path) -> None:
    records, dropped = read_grandf(
        write(tmp_path, changed(CAPTIONS, ("annotations", 1, "caption"), "")), "val"
    )
    assert [record.caption for record in records] == ["A dog and a cat.", ""]
    assert dropped.kept == {"empty references": 1}
    assert dropped.first["empty references"].endswith("image sa_2")
