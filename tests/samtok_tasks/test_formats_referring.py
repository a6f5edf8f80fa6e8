"""gRefCOCO, and the refer family, from small files written by hand."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samtok_bench import rle
from samtok_tasks.formats.refer import ReferringData, read_refer
from samtok_tasks.gres.reader import read_grefcoco


def box(number: int, image: int, x: int, y: int, **more: Any) -> dict[str, Any]:
    """An annotation of a 2 x 2 square."""
    polygon = [x, y, x + 2, y, x + 2, y + 2, x, y + 2]
    return {"id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "segmentation": [polygon]} | more


INSTANCES: dict[str, Any] = {
    "images": [
        {"id": 5, "file_name": "COCO_train2014_000000000005.jpg", "height": 8, "width": 10},
        {"id": 6, "file_name": "COCO_train2014_000000000006.jpg", "height": 4, "width": 4},
    ],
    "annotations": [
        box(50, 5, 0, 0),
        box(51, 5, 6, 4),
        box(52, 5, 0, 0, iscrowd=1, segmentation={"size": [8, 10], "counts": [0, 80]}),
        box(60, 6, 1, 1),
    ],
}


def sentence(number: int, raw: str) -> dict[str, Any]:
    return {"sent_id": number, "raw": raw, "sent": raw.lower(), "tokens": raw.lower().split()}


def ref(number: int, ann_id: Any, image: int, split: str, *raws: str) -> dict[str, Any]:
    sentences = [sentence(10 * number + place, raw) for place, raw in enumerate(raws)]
    return {
        "ref_id": number,
        "ann_id": ann_id,
        "category_id": 1,
        "image_id": image,
        "file_name": f"COCO_train2014_{image:012d}_{number}.jpg",
        "split": split,
        "sent_ids": [one["sent_id"] for one in sentences],
        "sentences": sentences,
    }


GREFS = [
    ref(0, [50, 51], 5, "val", "Both squares", "two things"),
    ref(1, [-1], 5, "val", "A cat") | {"no_target": True},
    ref(2, [60], 6, "testA", "the Square") | {"no_target": False},
    ref(3, [51, 52], 5, "testA", "one and a crowd"),
    ref(4, [52], 5, "testA", "the crowd", "all of them"),
]
REFS = [ref(0, 50, 5, "val", "Left one", "square"), ref(1, 60, 6, "testA", "it")]


def grefcoco(root: Path, refs: Any = GREFS, instances: Any = INSTANCES, *, pickled: bool = False) -> Path:
    folder = root / "grefcoco"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(instances))
    if pickled:
        (folder / "grefs(unc).p").write_bytes(pickle.dumps(refs, 2))
    else:
        (folder / "grefs(unc).json").write_text(json.dumps(refs))
    return root


def refcoco(root: Path, refs: Any = REFS, *, name: str = "refcoco", by: str = "unc") -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(INSTANCES))
    (folder / f"refs({by}).p").write_bytes(pickle.dumps(refs, 2))
    return root


def shown(data: ReferringData) -> list[tuple[int, str, tuple[int, ...]]]:
    return [(one.sent_id, one.raw, one.annotation_ids) for one in data]


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
    one = next(iter(read_grefcoco(grefcoco(tmp_path))))
    assert (one.ref_id, one.image_id, one.split, one.height, one.width) == (0, 5, "val", 8, 10)
    assert (one.raw, one.sent, one.no_target) == ("Both squares", "both squares", False)
    assert one.image_path == tmp_path / "images/train2014/COCO_train2014_000000000005.jpg"


def test_targets_are_united(tmp_path: Path) -> None:
    both, _, none, *_ = read_grefcoco(grefcoco(tmp_path))
    expected = np.zeros((8, 10), dtype=bool)
    expected[0:2, 0:2] = expected[4:6, 6:8] = True
    assert np.array_equal(rle.decode(both.target), expected)
    assert [rle.area(one) for one in both.targets] == [4, 4]
    assert none.no_target
    assert none.targets == ()
    assert none.target == rle.empty(8, 10)


def test_crowds_are_left_out_and_counted(tmp_path: Path) -> None:
    data = read_grefcoco(grefcoco(tmp_path))
    assert data.dropped == {"crowd targets": 2, "sentences about crowds": 2}
    assert "the crowd" not in [one.raw for one in data], "it does not turn into a no-target sentence"


def test_refer_files(tmp_path: Path) -> None:
    (tmp_path / "images/mscoco/images/train2014").mkdir(parents=True)
    data = read_refer(refcoco(tmp_path))
    assert shown(data) == [(0, "Left one", (50,)), (1, "square", (50,)), (10, "it", (60,))]
    assert next(iter(data)).image_path.parent == tmp_path / "images/mscoco/images/train2014"
    umd = read_refer(refcoco(tmp_path, name="refcocog", by="umd"), "refcocog")
    assert shown(umd) == shown(data)
    google = read_refer(refcoco(tmp_path, REFS[:1], name="refcocog", by="google"), "refcocog", by="google")
    assert len(google) == 2
    with pytest.raises(
        ValueError, match=r"unknown data set 'refclef'; there are refcoco, refcoco\+, refcocog"
    ):
        read_refer(tmp_path, "refclef")


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
    with pytest.raises(FileNotFoundError, match=r"refcoco\+.refs\(unc\).p is missing.*refcoco\+.zip"):
        read_refer(tmp_path, "refcoco+")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ann_id": [50, -1]}, "says both that there is a target and that there is none"),
        ({"ann_id": []}, "'ann_id' must list whole numbers, got []"),
        ({"ann_id": [True]}, "'ann_id' must list whole numbers"),
        ({"ann_id": "50"}, "'ann_id' must be list, got str"),
        ({"ann_id": [99]}, "annotation 99 is not in"),
        ({"ann_id": [60]}, "annotation 60 is on image 6, not on 5"),
        ({"no_target": True}, "'no_target' is True but 'ann_id' is [50, 51]"),
        ({"image_id": 7}, "image 7 is not in"),
        ({"split": None}, "'split' must be str, got NoneType"),
        ({"sentences": [{"sent_id": 1}]}, "the field 'sent' is missing"),
        ({"sentences": ["text"]}, "expected a dictionary, got str"),
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
    (one,) = read_grefcoco(grefcoco(tmp_path, [old]))
    assert (one.annotation_ids, one.raw) == ((50,), "square")
    with pytest.raises(ValueError, match="expected a list of references, got dict"):
        read_grefcoco(grefcoco(tmp_path, {}))


VALUES = st.none() | st.booleans() | st.integers(-2, 99) | st.text(max_size=3) | st.lists(st.integers(-2, 99))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
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
        total = sum(len(one["sentences"]) for one in refs)
        assert len(data) + data.dropped["sentences about crowds"] == total, "nothing is lost silently"
