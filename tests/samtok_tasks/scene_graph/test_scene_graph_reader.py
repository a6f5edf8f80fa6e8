"""The reader of PSG, from small files written by hand."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places
from psg_samples import PSG, psg
from region_samples import IDS, LEFT, RIGHT, box

from samtok_bench import rle
from samtok_tasks.scene_graph.reader import read_psg


def test_graphs(tmp_path: Path) -> None:
    data = read_psg(psg(tmp_path), "test")
    first, second = data.images
    assert (first.image_id, second.image_id) == ("27", "210")
    assert first.image == tmp_path / "coco/train2017/000000000007.jpg"
    assert (first.height, first.width) == IDS.shape
    assert [segment.label for segment in first.segments] == ["person", "horse", "sky-other-merged"]
    masks = [rle.decode(segment.mask) for segment in first.segments]
    assert all(map(np.array_equal, masks, [LEFT, box(2, 0, 3, 1), RIGHT]))
    # places in the file: a crowd keeps its place, a repeated relation goes, a second predicate stays
    assert first.relations == ((0, 2, 1), (2, 0, 0), (0, 2, 0))
    assert second.relations == ((0, 1, 1),)
    assert (data.things, data.stuff, data.predicates) == (
        *(("person", "horse"), ("sky-other-merged",), ("over", "on back of")),
    )
    assert data.dropped.counts == {"repeated relations": 1, "images without relations": 1}
    assert data.dropped.first["images without relations"].endswith("psg.json: record 1")
    assert data.dropped.first["repeated relations"].endswith("record 0, relation 2")


def test_train_is_the_rest(tmp_path: Path) -> None:
    data = read_psg(psg(tmp_path), "train")
    assert [image.image_id for image in data.images] == ["29"]
    assert data.dropped.counts == {}


@pytest.mark.parametrize("folder", ["coco", "coco/annotations", "annotations"])
def test_where_pngs_may_lie(tmp_path: Path, folder: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "coco").mkdir()
    assert len(read_psg(psg(tmp_path, folder=folder), "test").images) == 2
    image = tmp_path / "images/train2017/000000000007.jpg"
    image.parent.mkdir()
    image.touch()
    assert read_psg(tmp_path, "test").images[0].image == image


def test_images_that_are_left_out(tmp_path: Path) -> None:
    content = copy.deepcopy(PSG)
    content["data"].append(content["data"][0] | {"coco_image_id": "70"})
    root = psg(tmp_path, content)
    (root / "coco/panoptic_train2017/000000000010.png").write_text("no image")
    data = read_psg(root, "test")
    assert [image.image_id for image in data.images] == ["27"]
    assert data.dropped.counts["second records of an image"] == 1
    assert data.dropped.counts["images with an unreadable PNG"] == 1
    assert data.dropped.lost == {"images with an unreadable PNG": 1}
    assert "000000000010.png" in data.dropped.first["images with an unreadable PNG"]
    (root / "coco/panoptic_train2017/000000000010.png").unlink()
    assert read_psg(root, "test").dropped.lost == {"images without a PNG": 1}
    psg(root, content, IDS[:, :3])
    assert read_psg(root, "test").dropped.counts["images with a PNG of another size"] == 2


def test_relations_of_segments_without_pixels(tmp_path: Path) -> None:
    data = read_psg(psg(tmp_path, ids=np.where(IDS == 300, 301, IDS)), "test")
    assert [image.image_id for image in data.images] == ["210"]
    assert data.dropped.counts["relations of segments not in the PNG"] == 4
    assert rle.is_empty(data.images[0].segments[2].mask)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("data", 0, "relations", 0), [0, 1], "record 0: relations.0: List should have at least 3 items"),
        (
            ("data", 0, "relations", 0, 2),
            True,
            "record 0: relations.0.2: Input should be a valid integer, got True",
        ),
        (
            ("data", 0, "relations", 0, 1),
            -1,
            "record 0: relations.0.1: Input should be greater than or equal to 0",
        ),
        (("data", 0, "relations", 0, 1), 3, "names more than the 3 segments and 2 predicates there are"),
        (("data", 0, "relations", 0, 2), 2, "names more than the 3 segments and 2 predicates there are"),
        (("data", 1, "segments_info", 0, "category_id"), 3, "there are 3 classes, not one numbered 3"),
        (
            ("data", 1, "segments_info", 0, "id"),
            "1",
            "record 1: segments_info.0.id: Input should be a valid integer, got '1'",
        ),
        (("data", 2, "file_name"), "../a.jpg", "must be a path below the folder"),
        (("data", 2, "pan_seg_file_name"), "/a.png", "must be a path below the folder"),
        (("data", 2, "image_id"), None, "record 2: image_id: an image id is text, got NoneType"),
        (("data", 2, "height"), 0, "record 2: height: Input should be greater than 0, got 0"),
        (("test_image_ids", 0), [1], "test_image_ids.0: an image id is text, got list"),
        (("predicate_classes", 1), "over", "predicate_classes: a name comes twice"),
        (("stuff_classes", 0), " sky", "stuff_classes.0: expected a name, got ' sky'"),
    ],
)
def test_broken_files(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"psg\.json") as error:
        read_psg(psg(tmp_path, changed(PSG, place, value)), "test")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_and_unknown_splits(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"Expected below the data root: psg/psg\.json"):
        read_psg(tmp_path, "test")
    with pytest.raises(ValueError, match="PSG has no split 'val'; there are test, train"):
        read_psg(psg(tmp_path), "val")


JSON = json_values("id", "category_id")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(places(PSG)), value=JSON)
def test_changed_files_read_or_end_in_one_line(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    try:
        read_psg(psg(tmp_path, changed(PSG, place, value)), "test")
    except (ValueError, OSError) as error:
        said = str(error)
    else:
        said = "psg.json"
    assert "psg.json" in said
