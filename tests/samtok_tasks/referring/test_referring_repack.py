"""SAMTok's repack of RefCOCO's sentences, and VLM-R1's list of them."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values
from sentence_samples import NAME, SECOND, SENTENCES, write_lines, write_root

from samtok_bench import rle
from samtok_tasks.referring.repack import RepackReader, image_number, read_second_list
from samtok_tasks.referring.task import RefCOCO, RefCOCOg

REPACK = RepackReader()


@pytest.fixture
def root(tmp_path) -> Path:
    return write_root(tmp_path)


def test_repack_by_hand(root):
    data = REPACK.read(root, "refcoco", "val")
    assert [(sentence.place, sentence.text) for sentence in data.sentences] == [
        (str(n), text) for n, (_, _, text) in enumerate(SENTENCES, start=1)
    ]
    assert not data.dropped.counts
    write_lines(root, [LINE | {"objects": [*LINE["objects"], {}, {}]}])
    data = REPACK.read(root, "refcoco", "val")
    assert rle.area(data.sentences[0].mask) == 3
    assert data.dropped.counts == {"further objects": 2}
    assert data.dropped.first["further objects"].endswith("refcoco_val.json: line 1")


def test_second_list_by_hand(root):
    expected = tuple(("42", said["normal_caption"]) for said in SECOND)
    assert read_second_list(root, "refcoco", "val") == expected
    assert read_second_list(root, "refcoco+", "val") is None
    folder = root / "RefCOCO" / "rec_jsons_processed"
    (folder / "refcocop_val.json").write_text("[]")
    assert read_second_list(root, "refcoco+", "val") == ()
    (folder / "refcocop_val.json").write_text("{}")
    with pytest.raises(ValueError, match=r"refcocop_val\.json: expected a list.*, got dict"):
        read_second_list(root, "refcoco+", "val")
    (folder / "refcocop_val.json").write_text('[{"image": "a.jpg"}]')
    with pytest.raises(ValueError, match="record 0: normal_caption: Field required"):
        read_second_list(root, "refcoco+", "val")
    assert image_number("COCO_train2014_000000581857.jpg") == image_number("x/000000581857.jpg") == "581857"


def line_with(size: list[object], counts: list[int]) -> dict[str, object]:
    return {"id": 42, "image": NAME, "objects": [{"rle": {"size": size, "counts": counts}, "label": "a"}]}


LINE = line_with([2, 2], [1, 3])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "expected a dictionary, got list"),
        (LINE | {"objects": []}, "objects: List should have at least 1 item"),
        (LINE | {"objects": [1]}, "expected a dictionary, got int"),
        (LINE | {"image": "../a.jpg"}, "must be a path below the folder"),
        (line_with([2, 2], [5]), "RLE counts cover 5"),
        (line_with([2, True], [4]), "rle.size.1: Input should be a valid integer, got True"),
        (line_with([2, 1 << 16], [4]), "rle.size.1: Input should be less than or equal to 65535, got 65536"),
        (LINE | {"objects": [{"rle": {"size": [2, 2], "counts": [4]}}]}, "label: Field required"),
    ],
)
def test_broken_lines_are_named(root, line, message):
    write_lines(root, [LINE, line])
    with pytest.raises(ValueError, match=r"refcoco_val\.json: line 2: ") as error:
        REPACK.read(root, "refcoco", "val")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_and_torn_files_are_one_clear_error(root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"refcoco_testA\.json is missing.*PaDT-MLLM.*VLM-R1"):
        REPACK.read(root, "refcoco", "testA")
    with pytest.raises(ValueError, match="a split is a plain name"):
        REPACK.read(root, "refcoco", "../val")
    with pytest.raises(FileNotFoundError, match=r"refs\(umd\)\.p is missing"):
        RefCOCOg().samples(tmp_path / "nowhere", "val")
    (root / "RefCOCO" / "refcoco_val.json").write_text('{"id": 1')
    with pytest.raises(ValueError, match="line 1 is not JSON"):
        REPACK.read(root, "refcoco", "val")


VALUES = json_values("rle", "size", "counts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(
    place=st.sampled_from(
        [("image",), ("objects",), ("objects", 0), ("objects", 0, "label"), ("objects", 0, "rle"),
         ("objects", 0, "rle", "size"), ("objects", 0, "rle", "counts")]
    ),
    value=VALUES,
)  # fmt: skip
def test_any_change_is_read_or_refused_cleanly(root, place, value):
    write_lines(root, [changed(LINE, place, value)])
    samples, refusal = [], "line 1"
    try:
        samples = RefCOCO("released", "repack").samples(root, "val").samples
    except ValueError as error:
        refusal = str(error)
    assert "line 1" in refusal
    assert all(rle.decode(sample.target.masks[0]).shape == sample.size for sample in samples)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(value=VALUES, name=st.sampled_from(["image", "normal_caption"]))
def test_any_second_list_is_read_or_refused_cleanly(root, value, name):
    path = root / "RefCOCO" / "rec_jsons_processed" / "refcoco_val.json"
    for content in (value, [value], [SECOND[0] | {name: value}]):
        path.write_text(json.dumps(content))
        refusal = "refcoco_val.json"
        try:
            read_second_list(root, "refcoco", "val")
        except ValueError as error:
            refusal = str(error)
        assert "refcoco_val.json" in refusal
