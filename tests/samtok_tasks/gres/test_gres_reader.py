"""gRefCOCO, from small files written by hand."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refer_samples import GREFS, grefcoco, ref, shown

from samtok_bench import rle
from samtok_tasks.gres.reader import read_grefcoco


@pytest.mark.parametrize("pickled", [False, True], ids=["json", "pickle"])
def test_every_sentence_is_a_record(tmp_path: Path, pickled: bool) -> None:
    data = read_grefcoco(grefcoco(tmp_path, pickled=pickled))
    assert shown(data) == [
        (0, "Both squares", (50, 51)),
        (1, "two things", (50, 51)),
        (10, "A cat", ()),
        (20, "the Square", (60,)),
        (30, "one and a crowd", (51,)),
    ]
    assert data.splits == ["val", "testA"]
    assert len(data.split("val")) == 3


def test_fields_of_a_record(tmp_path: Path) -> None:
    said = next(iter(read_grefcoco(grefcoco(tmp_path))))
    assert (said.ref_id, said.image_id, said.split, said.height, said.width) == (0, 5, "val", 8, 10)
    assert (said.raw, said.sent, said.annotation_ids) == ("Both squares", "both squares", (50, 51))
    assert said.image_path == tmp_path / "images/train2014/COCO_train2014_000000000005.jpg"


def test_targets_are_united(tmp_path: Path) -> None:
    both, _, none, *_ = read_grefcoco(grefcoco(tmp_path))
    expected = np.zeros((8, 10), dtype=bool)
    expected[0:2, 0:2] = expected[4:6, 6:8] = True
    assert np.array_equal(rle.decode(both.target), expected)
    assert [rle.area(mask) for mask in both.targets] == [4, 4]
    assert none.annotation_ids == ()
    assert none.targets == ()
    assert none.target == rle.empty(8, 10)


def test_crowds_are_left_out_and_counted(tmp_path: Path) -> None:
    data = read_grefcoco(grefcoco(tmp_path))
    assert data.dropped.counts == {"crowd targets": 2, "sentences about crowds": 2}
    assert "the crowd" not in [said.raw for said in data], "it does not turn into a no-target sentence"


def test_crowds_are_kept_as_samtoks_converter_keeps_them(tmp_path: Path) -> None:
    data = read_grefcoco(grefcoco(tmp_path), keep_crowds=True)
    assert shown(data.split("testA"))[1:] == [
        (30, "one and a crowd", (51, 52)),
        (40, "the crowd", (52,)),
        (41, "all of them", (52,)),
    ]
    assert [rle.area(said.target) for said in data.split("testA")] == [4, 80, 80, 80]
    assert data.dropped.counts == {}


def test_splits_match_exactly(tmp_path: Path) -> None:
    data = read_grefcoco(grefcoco(tmp_path))
    with pytest.raises(ValueError, match="has no split 'test'; it has val, testA"):
        data.split("test")


def test_missing_files_show_the_layout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"grefs\(unc\).json is missing. Expected below .*FudanCVL"):
        read_grefcoco(tmp_path)
    (grefcoco(tmp_path) / "grefcoco/instances.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"instances\.json is missing"):
        read_grefcoco(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ann_id": [50, -1]}, "says both that there is a target and that there is none"),
        ({"ann_id": []}, "ann_id: List should have at least 1 item after validation, not 0, got []"),
        ({"ann_id": [True]}, "ann_id.0: Input should be a valid integer, got True"),
        ({"ann_id": "50"}, "ann_id: Input should be a valid list, got '50'"),
        ({"ann_id": [99]}, "annotation 99 is not in"),
        ({"ann_id": [60]}, "annotation 60 is on image 6, not on 5"),
        ({"no_target": True}, "'no_target' is True but 'ann_id' is [50, 51]"),
        ({"image_id": 7}, "image 7 is not in"),
        ({"split": None}, "split: Input should be a valid string, got None"),
        ({"sentences": [{"sent_id": 1}]}, "sentences.0.sent: Field required"),
        ({"sentences": ["text"]}, "sentences.0: Input should be a valid dictionary"),
    ],
)
def test_broken_references_are_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    root = grefcoco(tmp_path, [GREFS[2], GREFS[0] | change])
    with pytest.raises(ValueError, match=r"grefs\(unc\).json: reference 1: ") as error:
        read_grefcoco(root)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_old_forms_are_read(tmp_path: Path) -> None:
    """A plain number for one object, and sentences without `raw`."""
    old = ref(0, 50, 5, "val", "Square")
    del old["sentences"][0]["raw"]
    (said,) = read_grefcoco(grefcoco(tmp_path, [old]))
    assert (said.annotation_ids, said.raw) == ((50,), "square")
    with pytest.raises(ValueError, match="expected a list of references, got dict"):
        read_grefcoco(grefcoco(tmp_path, {}))


VALUES = st.none() | st.booleans() | st.integers(-2, 99) | st.text(max_size=3) | st.lists(st.integers(-2, 99))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(
    number=st.integers(0, len(GREFS) - 1),
    name=st.sampled_from([*GREFS[0], "no_target"]),
    inner=st.sampled_from([None, "sent_id", "raw", "sent"]),
    value=VALUES,
    missing=st.booleans(),
    pickled=st.booleans(),
)
def test_any_changed_field_is_read_or_refused_cleanly(
    tmp_path: Path, number: int, name: str, inner: str | None, value: Any, missing: bool, pickled: bool
) -> None:
    refs = copy.deepcopy(GREFS)
    record = refs[number] if inner is None else refs[number]["sentences"][0]
    record[inner or name] = value
    if missing:
        del record[inner or name]
    (tmp_path / "grefcoco/grefs(unc).p").unlink(missing_ok=True)
    data, refusal = None, ""
    try:
        data = read_grefcoco(grefcoco(tmp_path, refs, pickled=pickled))
    except ValueError as error:
        refusal = str(error)
    if data is None:
        assert "grefs(unc)" in refusal
        assert f"reference {number}" in refusal
    else:
        total = sum(len(reference["sentences"]) for reference in refs)
        assert len(data) + data.dropped.counts["sentences about crowds"] == total, "nothing is lost silently"
