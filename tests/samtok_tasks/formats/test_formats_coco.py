import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places

from samtok_bench import rle
from samtok_tasks.formats.coco import read_instances
from samtok_tasks.formats.files import read_json

# 6 x 6: two polygons that overlap in the pixel (2, 2) square; a hole by RLE; and nothing usable
CONTENT: dict[str, Any] = {
    "images": [{"id": 9, "file_name": "COCO_train2014_000000000009.jpg", "height": 6, "width": 6}],
    "annotations": [
        {
            "id": 1,
            "image_id": 9,
            "category_id": 2,
            "iscrowd": 0,
            "segmentation": [[0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6]],
        },
        {
            "id": 2,
            "image_id": 9,
            "category_id": 2,
            "iscrowd": 1,
            "segmentation": {"size": [6, 6], "counts": [7, 3, 3, 1, 1, 1, 3, 3, 14]},
        },
        {"id": 3, "image_id": 9, "category_id": 1, "segmentation": [[1, 1, 2, 2], [0, 0, 1, 1, 2]]},
    ],
}


def write(folder: Path, content: Any) -> Path:
    path = folder / "instances.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_polygons_are_united_not_summed(tmp_path: Path) -> None:
    mask = rle.decode(read_instances(write(tmp_path, CONTENT)).mask(1))
    expected = np.zeros((6, 6), dtype=bool)
    expected[:4, :4] = True
    expected[2:, 2:] = True
    assert np.array_equal(mask, expected), "28 pixels: the overlap is inside, once"


def test_run_lengths_keep_holes(tmp_path: Path) -> None:
    mask = rle.decode(read_instances(write(tmp_path, CONTENT)).mask(2))
    expected = np.zeros((6, 6), dtype=bool)
    expected[1:4, 1:4] = True
    expected[2, 2] = False
    assert np.array_equal(mask, expected)


def test_unusable_polygons_are_counted(tmp_path: Path) -> None:
    instances = read_instances(write(tmp_path, CONTENT))
    assert instances.dropped.counts == {}, "counted when they are asked for"
    for _ in range(2):
        assert rle.is_empty(instances.mask(3))
    assert instances.dropped.counts == {rle.UNDRAWN: 2, "empty annotations": 1}
    assert instances.dropped.first[rle.UNDRAWN] == (
        f"{instances.path}: annotation 3: polygon 0: a polygon is an even list of at least 6 numbers, "
        "got 4 numbers"
    )
    assert [annotation.iscrowd for annotation in instances.annotations.values()] == [False, True, False]


def test_the_three_forms_of_one_mask_agree(tmp_path: Path) -> None:
    packed = rle.encode(rle.decode(read_instances(write(tmp_path, CONTENT)).mask(2)))
    again = read_instances(write(tmp_path, changed(CONTENT, ("annotations", 1, "segmentation"), packed)))
    assert again.mask(2) == packed


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("images",), {}, "'images' must be list, got dict"),
        (("images", 0, "height"), None, "image 0: 'height' must be int, got NoneType"),
        (("images", 0, "height"), 0, "image 0: impossible size, height 0"),
        (("images", 0, "width"), 10**9, "image 0: impossible size"),
        (("images", 0, "width"), 1 << 16, "image 0: impossible size, height 6, width 65536"),
        (("images", 0, "id"), True, "image 0: 'id' must be int, got bool"),
        (("images", 0, "file_name"), "../../secret.jpg", "file_name must be a plain name"),
        (("images", 0), [], "image 0: expected a dictionary, got list"),
        (("images", 0, "id"), 8, "annotation 1 is on image 9, not listed"),
        (("annotations", 1, "id"), 1, "two annotations have the id 1"),
        (("annotations", 1), {}, "annotation 1: the field 'segmentation' is missing"),
    ],
)
def test_broken_records_are_named(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    path = write(tmp_path, changed(CONTENT, place, value))
    with pytest.raises(ValueError, match=r"instances\.json: ") as error:
        read_instances(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [6, 6], "counts": [1, 2]},
        {"size": [5, 6], "counts": [36]},
        {"size": [6, 6], "counts": "~~"},
        {"counts": [36]},
        "mask",
        None,
    ],
    ids=str,
)
def test_a_broken_mask_is_named_when_it_is_asked_for(tmp_path: Path, segmentation: Any) -> None:
    instances = read_instances(
        write(tmp_path, changed(CONTENT, ("annotations", 0, "segmentation"), segmentation))
    )
    with pytest.raises(ValueError, match=r"instances.json: annotation 1: "):
        instances.mask(1)
    with pytest.raises(ValueError, match="there is no annotation 4"):
        instances.mask(4)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "\udcff"], ids=["empty", "torn", "deep", "bytes"])
def test_what_is_not_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "instances.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=r"instances\.json is not a JSON file"):
        read_json(path)


@pytest.mark.parametrize(
    "value", [{"iscrowd": value} for value in ("1", "0", "", 2, -1, 0.5, [], None, float("nan"))], ids=str
)
def test_a_crowd_is_0_or_1(tmp_path: Path, value: Any) -> None:
    content = changed(CONTENT, ("annotations", 1), CONTENT["annotations"][1] | value)
    with pytest.raises(ValueError, match=r"instances\.json: annotation 1: 'iscrowd' must be 0 or 1, got "):
        read_instances(write(tmp_path, content))


@pytest.mark.parametrize(("value", "crowd"), [(1, True), (1.0, True), (True, True), (0, False), (0.0, False)])
def test_crowds_are_known_by_any_number(tmp_path: Path, value: Any, crowd: bool) -> None:
    content = changed(CONTENT, ("annotations", 1, "iscrowd"), value)
    assert read_instances(write(tmp_path, content)).annotations[2].iscrowd is crowd


@pytest.mark.parametrize(
    "place", [("images", 0, "id"), ("annotations", 0, "id"), ("annotations", 0, "image_id")]
)
@pytest.mark.parametrize("value", ["9", 9.0, None, [9]], ids=str)
def test_ids_are_whole_numbers(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(ValueError, match=rf"{place[0][:-1]} 0: '{place[-1]}' must be int, got "):
        read_instances(write(tmp_path, changed(CONTENT, place, value)))


JSON = json_values("size", "counts", "id")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from(places(CONTENT)), value=JSON)
def test_any_change_is_read_or_refused_cleanly(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    path = write(tmp_path, changed(CONTENT, place, value))
    refusal = "instances.json"
    masks: list[rle.RLE] = []
    try:
        instances = read_instances(path)
        masks = [instances.mask(number) for number in instances.annotations]
    except ValueError as error:
        refusal = str(error)
    assert "instances.json" in refusal
    for mask in masks:
        assert rle.decode(mask).shape == tuple(mask["size"])
