"""SegLLM's dialogues, from small files written by hand."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, places
from pycocotools import mask as coco
from segllm_samples import (
    DIALOGUES,
    RECTANGLES,
    TAGGED_JSON,
    A,
    B,
    instances,
    rectangle,
    write_root,
)

from samtok_bench import rle
from samtok_tasks.multi_round.reader import Dialogues, Piece
from samtok_tasks.multi_round.segllm_dialogues import SegLLMReader


def read_dialogues(root: Path, split: str) -> Dialogues:
    return SegLLMReader().read(root, split)


def shown(pieces: tuple[Piece, ...]) -> list[Any]:
    """Texts as they are, masks by annotation id."""
    by_mask = {(*rectangle(id)["size"], rectangle(id)["counts"]): id for id in RECTANGLES}
    return [p if isinstance(p, str) else by_mask[(*p["size"], p["counts"])] for p in pieces]


def test_dialogues_by_hand(tmp_path: Path) -> None:
    data = read_dialogues(write_root(tmp_path), "refcoco_val")
    first, second = data.dialogues
    assert [shown(said) for said in first[-1].turns] == [
        [" Segment a box."],
        [11, "."],
        [11, " Segment the box right of instance 1."],
        [12, "."],
        ["What is below ", 12, " and right of ", 11, "?"],
    ]
    assert [asked.turns for asked in first] == [first[-1].turns[:length] for length in (1, 3, 5)]
    assert [shown(asked.targets) for asked in first] == [[11], [12], [13]]
    assert [asked.tags["reference"] for asked in first] == ["none", "relational", "relational"]
    assert {(asked.size, asked.tags["dataset"]) for asked in first} == {((80, 120), "refcoco")}
    assert [(asked.number, asked.place) for asked in first] == [(1, "0/1"), (2, "0/2"), (3, "0/3")]
    (only,) = second
    assert [shown(said) for said in only.turns] == [[21, " Segment the other one [of two]."]]
    assert (shown(only.targets), only.tags["reference"], only.place) == ([22], "mask", "1/1")
    assert not data.dropped.counts


@pytest.mark.parametrize(
    "place",
    ["segllm/images_folder/coco/train2014", "images/mscoco/images/train2014", "images/train2014"],
)
def test_images_are_found_where_they_are(tmp_path: Path, place: str) -> None:
    root = write_root(tmp_path)
    (root / place).mkdir(parents=True)
    path = root / place / Path(A).name
    path.touch()
    first, second = read_dialogues(root, "refcoco_val").dialogues
    assert first[0].image == path
    assert second[0].image == root / "segllm/images_folder" / B, "where it belongs"


def test_the_folders_may_lie_in_the_root_itself(tmp_path: Path) -> None:
    write_root(tmp_path)
    assert len(read_dialogues(tmp_path / "segllm", "refcoco_val").dialogues) == 2


def test_names_that_segllm_takes_for_one_image(tmp_path: Path) -> None:
    renamed = json.loads(json.dumps(DIALOGUES[:1]).replace("train2014_", "val2014_"))
    assert len(read_dialogues(write_root(tmp_path, renamed), "refcoco_val").dialogues) == 1


def test_paco_has_a_file_a_split(tmp_path: Path) -> None:
    text = json.dumps(DIALOGUES).replace("refcoco]", "paco_lvis]").replace("|refcoco|", "|paco_lvis|")
    root = write_root(tmp_path, json.loads(text), name="mr_paco_val.json")
    content = instances()
    for image in content["images"]:
        image["file_name"] = f"train2017/{image['file_name']}"
    path = root / "segllm/annotations_folder/paco_lvis/annotations/paco_lvis_v1_val.json"
    with pytest.raises(FileNotFoundError, match=r"paco_lvis_v1_val\.json is missing\. Expected below"):
        read_dialogues(root, "paco_val")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    dialogues = read_dialogues(root, "paco_val").dialogues
    assert [rounds[0].tags["dataset"] for rounds in dialogues] == ["paco_lvis", "paco_lvis"]


HELLO = {"from": "human", "value": "Hello."}


def changed_dialogue(turn: int, old: str, new: str) -> list[Any]:
    records = copy.deepcopy(DIALOGUES)
    value = records[0]["conversations"][turn]["value"]
    assert old in value
    records[0]["conversations"][turn]["value"] = value.replace(old, new)
    return records


@pytest.mark.parametrize(
    ("turn", "old", "new", "reason"),
    [
        (1, ":11:", ":99:", "dialogues with an unknown mask"),
        (1, ":11:", ":x_7:", "dialogues with an unknown mask"),
        (1, ":11:", f":{10**30}:", "dialogues with an unknown mask"),
        (1, ":11:", ":21:", "dialogues with a mask of another image"),
        (1, ":11:", ":31:", "dialogues with an empty mask"),
        (1, ":11:", ":32:", "dialogues with a broken mask"),
        (1, "MASK-DECODE", "MASK", "dialogues with an answer without a mask"),
        (2, " Segment", f"[IMAGE256:{A}] Segment", "dialogues without exactly one image at their beginning"),
    ],
)
def test_dialogues_that_cannot_be_used_are_counted(
    tmp_path: Path, turn: int, old: str, new: str, reason: str
) -> None:
    content = instances()
    broken = {"image_id": 1, "category_id": 1, "iscrowd": 0}
    content["annotations"] += [
        {**broken, "id": 31, "segmentation": []},
        {**broken, "id": 32, "segmentation": {"size": [80, 120], "counts": [1]}},
    ]
    data = read_dialogues(write_root(tmp_path, changed_dialogue(turn, old, new), content), "refcoco_val")
    assert [rounds[0].place for rounds in data.dialogues] == ["1/1"]
    assert data.dropped.counts == {reason: 1} | ({"empty annotations": 1} if new == ":31:" else {})
    assert "mr_refcoco_val.json: dialogue 0" in data.dropped.first[reason]


@pytest.mark.parametrize(
    ("mask_on", "same"),
    [
        ("0001.jpg", True),
        ("one/0001.jpg", True),
        ("set/one/0001.jpg", True),
        ("train2017/0001.jpg", True),
        ("two/0001.jpg", False),
        ("one/0002.jpg", False),
        ("other/one/0001.jpg", False),
    ],
)
def test_frames_of_two_videos_are_two_images(tmp_path: Path, mask_on: str, same: bool) -> None:
    asked = json.loads(json.dumps(DIALOGUES[:1]).replace(A, "set/one/0001.jpg"))
    content = changed(instances(), ("images", 0, "file_name"), mask_on)
    data = read_dialogues(write_root(tmp_path, asked, content), "refcoco_val")
    assert len(data.dialogues) == same
    assert data.dropped.counts == ({} if same else {"dialogues with a mask of another image": 1})


def test_polygons_that_cannot_be_drawn_are_counted_beside_good_ones(tmp_path: Path) -> None:
    content = instances()
    content["annotations"][0]["segmentation"] += [[0, 0, 2, 2], [30, 30, 50, 30, 50, 50, 30]]
    content["annotations"][3]["segmentation"] += [[1]]  # no dialogue has this one
    data = read_dialogues(write_root(tmp_path, content=content), "refcoco_val")
    first = data.dialogues[0][0].targets[0]
    by_coco = coco.merge(coco.frPyObjects(content["annotations"][0]["segmentation"], *first["size"]))
    assert rle.area(first) == coco.area(by_coco) == 200 + 190
    assert data.dropped.counts == {rle.UNDRAWN: 1, rle.HALF_POINTS: 1}
    assert "refcoco/instances.json: annotation 11: polygon 1: " in data.dropped.first[rle.UNDRAWN]
    assert "refcoco/instances.json: annotation 11: polygon 2 has 7" in data.dropped.first[rle.HALF_POINTS]


@pytest.mark.parametrize(
    ("dialogues", "message"),
    [
        ({}, "expected a list, got dict"),
        ([3], "dialogue 0: expected a dictionary, got int"),
        ([{"conversations": []}], "dialogue 0: expected questions and answers by turns, got 0 turns"),
        ([{"conversations": [{}]}], "dialogue 0: conversations.0.from: Field required"),
        ([{"conversations": [HELLO]}], "expected questions and answers by turns, got 1 turns"),
        ([{"conversations": [HELLO, HELLO]}], "conversations: turn 1: 'from' must be gpt, got 'human'"),
        (changed_dialogue(1, ":refcoco", ""), "turn 1: cannot read the tag [MASK-DECODE:none:none:11:"),
        (changed_dialogue(2, "|refcoco|11]", "]"), "turn 2: cannot read the tag [MASK-ENCODE:"),
        (changed_dialogue(1, "refcoco", "../refcoco"), "'dataset' must be a path below the folder"),
        (changed_dialogue(0, A, f"/{A}"), "'image' must be a path below the folder"),
        (
            changed_dialogue(0, " Segment", f"[MASK-DECODE:{A}|refcoco|11]"),
            "turn 0: a question has a MASK-DE",
        ),
        (
            [{"conversations": [HELLO | {"from": "gpt"}, HELLO]}],
            "conversations: turn 0: 'from' must be human, got 'gpt'",
        ),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, dialogues: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"mr_refcoco_val\.json") as error:
        read_dialogues(write_root(tmp_path, dialogues), "refcoco_val")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_files_tell_the_layout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"mr_refcoco_val\.json is missing\. Expected below the data"):
        read_dialogues(tmp_path, "refcoco_val")
    (write_root(tmp_path) / "segllm/annotations_folder/refcoco/instances.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"instances\.json is missing\. Expected below the data root"):
        read_dialogues(tmp_path, "refcoco_val")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from(places(DIALOGUES)), value=TAGGED_JSON)
def test_any_change_of_a_dialogue_is_read_or_refused_cleanly(
    tmp_path: Path, place: tuple[Any, ...], value: Any
) -> None:
    try:
        data = read_dialogues(write_root(tmp_path, changed(DIALOGUES, place, value)), "refcoco_val")
    except (ValueError, OSError):
        return
    asked = [each for rounds in data.dialogues for each in rounds]
    assert all(not rle.is_empty(mask) for each in asked for mask in each.targets)


@pytest.mark.skipif("SAMTOK_BENCH_REAL_DATA" not in os.environ, reason="real files are not here")
@pytest.mark.parametrize("split", ["refcoco_val", "refcoco+_val", "refcocog_val", "paco_val"])
def test_the_published_files(split: str) -> None:
    root = Path(os.environ["SAMTOK_BENCH_REAL_DATA"])
    if not (root / "segllm" / "conversations_folder").is_dir():
        pytest.skip("SegLLM's files are not here")
    data = read_dialogues(root, split)
    assert len(data.dialogues) > 100
    assert data.dropped.counts.total() < 0.1 * len(data.dialogues)
