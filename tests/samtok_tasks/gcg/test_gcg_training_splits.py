"""GranD-f's training captions, from small files written by hand."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places
from PIL import Image

from samtok_bench import rle
from samtok_tasks.gcg.answers import marked
from samtok_tasks.gcg.reader import GroundedCaption
from samtok_tasks.gcg.task import GCG
from samtok_tasks.gcg.training_splits import read_training_split
from samtok_tasks.training.tasks import tasks

DOG, TAIL, CAT = (rle.rectangle(x, 0, x + 2, 4, 6, 9) for x in (0, 2, 6))
RECORD: dict[str, Any] = {
    "file_name": "sa_1.jpg",
    "height": 6,
    "width": 9,
    "image_id": "sa_1",
    "caption": '"A cat beside a dog."',
    "groundings": {
        "a dog": {"token_positives": [13, 18], "rle_masks": [DOG, TAIL]},
        "A cat": {"token_positives": [0, 5], "rle_masks": [CAT]},
    },
}


def write(root: Path, records: Any, name: str = "GranDf_HA_GCG_train.json") -> Path:
    folder = root / "GranDf/annotations/train"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(records))
    return root


def test_phrases_come_in_the_order_of_the_caption_with_one_mask_each(tmp_path: Path) -> None:
    [sample] = GCG().samples(write(tmp_path, [RECORD]), "train").samples
    assert sample.image == tmp_path / "GranDf_HA_images/train/sa_1.jpg"
    assert sample.size == (6, 9)
    assert sample.target.masks == (CAT, rle.union([DOG, TAIL]))
    assert sample.target.pieces == (f"{marked('A cat')} ", f" beside {marked('a dog')} ", ".")


def test_openpsg_has_images_of_coco(tmp_path: Path) -> None:
    record = changed(RECORD, ("file_name",), "train2017/000000000009.jpg")
    del record["height"], record["width"]
    [sample] = GCG().samples(write(tmp_path, [record], "OpenPsgGCG_train.json"), "train_openpsg").samples
    assert sample.image == tmp_path / "coco/train2017/000000000009.jpg"
    assert sample.size == (6, 9)


def test_they_are_taught(tmp_path: Path) -> None:
    write(tmp_path, [RECORD])
    (tmp_path / "GranDf_HA_images/train").mkdir(parents=True)
    Image.new("RGB", (9, 6)).save(tmp_path / "GranDf_HA_images/train/sa_1.jpg")
    [dialogue] = islice(tasks(1, tasks={"gcg": 1}, data_root=str(tmp_path)), 1)
    [(_, answer)] = dialogue["turns"]
    assert [part if isinstance(part, str) else int(part.sum()) for part in answer] == [
        f"{marked('A cat')} ", 8, f" beside {marked('a dog')} ", 16, ".",
    ]  # fmt: skip


def test_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    empty = changed(RECORD, ("groundings", "a dog", "rle_masks"), [rle.empty(6, 9)])
    bare = {"file_name": "sa_2.jpg", "caption": "Nothing.", "groundings": {}}
    records, dropped = read_training_split(write(tmp_path, [empty, bare]), "train")
    assert [record.labels for record in records] == [("A cat",)]
    assert dropped.counts == {"phrases without a mask": 1, "captions without a mask or a size": 1}
    assert dropped.first["phrases without a mask"].endswith("GranDf_HA_GCG_train.json: record 0, 'a dog'")


def test_missing_files_and_unknown_splits(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"GranDf_HA_GCG_train.json is missing. Expected below"):
        GCG().samples(tmp_path, "train")
    with pytest.raises(ValueError, match="no split 'all'; it has val, test, train, train_openpsg"):
        GCG().samples(tmp_path, "all")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(place=st.sampled_from(places(RECORD)), value=json_values("size", "counts", "rle_masks"))
def test_any_change_is_read_or_refused_cleanly(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    write(tmp_path, [changed(RECORD, place, value)])
    refusal, records = "GranDf_HA_GCG_train.json: record 0", list[GroundedCaption]()
    try:
        records, _ = read_training_split(tmp_path, "train")
    except ValueError as error:
        refusal = str(error)
    assert "GranDf_HA_GCG_train.json: record 0" in refusal
    for record in records:
        assert len(record.labels) == len(record.masks)
        assert all(mask["size"] == [record.height, record.width] for mask in record.masks)
