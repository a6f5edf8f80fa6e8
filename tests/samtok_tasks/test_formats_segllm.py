import copy
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import places
from segllm_samples import (
    DIALOGUES,
    RECTANGLES,
    WORDS,
    A,
    B,
    instances,
    ready_rounds,
    rectangle,
    write_root,
    write_rounds,
)

from samtok_bench import rle
from samtok_tasks.multi_round.reader import Piece, read_dialogues, read_rounds


def shown(pieces: tuple[Piece, ...]) -> list[Any]:
    """Texts as they are, masks by annotation id."""
    by_mask = {(*rectangle(id)["size"], rectangle(id)["counts"]): id for id in RECTANGLES}
    return [p if isinstance(p, str) else by_mask[(*p["size"], p["counts"])] for p in pieces]


def test_dialogues_by_hand(tmp_path: Path) -> None:
    data = read_dialogues(write_root(tmp_path), "refcoco_val")
    first, second = data.dialogues
    assert [shown(one.question) for one in first.rounds] == [
        [" Segment a box."],
        [11, " Segment the box right of instance 1."],
        ["What is below ", 12, " and right of ", 11, "?"],
    ]
    assert [shown(one.answer) for one in first.rounds] == [[11, "."], [12, "."], ["It is ", 13, "."]]
    assert [one.reference for one in first.rounds] == ["none", "relational", "relational"]
    assert [len(one.targets) for one in first.rounds] == [1, 1, 1]
    assert (first.height, first.width, first.dataset, first.place) == (80, 120, "refcoco", 0)
    assert shown(second.rounds[0].question) == [21, " Segment the other one [of two]."]
    assert shown(second.rounds[0].answer) == [22]
    assert second.rounds[0].reference == "mask"
    assert not data.dropped


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
    assert first.image == path
    assert second.image == root / "segllm/images_folder" / B, "where it belongs"


def test_the_folders_may_lie_in_the_root_itself(tmp_path: Path) -> None:
    write_root(tmp_path)
    assert len(read_dialogues(tmp_path / "segllm", "refcoco_val").dialogues) == 2


def test_names_that_segllm_takes_for_one_image(tmp_path: Path) -> None:
    changed = json.loads(json.dumps(DIALOGUES[:1]).replace("train2014_", "val2014_"))
    assert len(read_dialogues(write_root(tmp_path, changed), "refcoco_val").dialogues) == 1


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
    assert [one.dataset for one in dialogues] == ["paco_lvis", "paco_lvis"]


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
    assert [one.place for one in data.dialogues] == [1]
    assert data.dropped == {reason: 1}
    assert "mr_refcoco_val.json: dialogue 0" in data.first[reason]


@pytest.mark.parametrize(
    ("dialogues", "message"),
    [
        ({}, "expected a list of dialogues, got dict"),
        ([3], "dialogue 0: expected a dictionary, got int"),
        ([{"conversations": []}], "dialogue 0: expected questions and answers by turns, got 0 turns"),
        ([{"conversations": [{}]}], "expected questions and answers by turns, got 1 turns"),
        (changed_dialogue(1, ":refcoco", ""), "turn 1: cannot read the tag [MASK-DECODE:none:none:11:"),
        (changed_dialogue(2, "|refcoco|11]", "]"), "turn 2: cannot read the tag [MASK-ENCODE:"),
        (changed_dialogue(1, "refcoco", "../refcoco"), "'dataset' must be a path below the folder"),
        (changed_dialogue(0, A, f"/{A}"), "'image' must be a path below the folder"),
        (
            changed_dialogue(0, " Segment", f"[MASK-DECODE:{A}|refcoco|11]"),
            "turn 0: a question has a MASK-DE",
        ),
        ([{"conversations": [{"from": "gpt"}, {}]}], "turn 0: 'from' must be human, got 'gpt'"),
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
    with pytest.raises(FileNotFoundError, match=r"mr_paco_val_sampled\.json is missing\. Expected below"):
        read_rounds(tmp_path, "paco_val")
    (write_root(tmp_path) / "segllm/annotations_folder/refcoco/instances.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"instances\.json is missing\. Expected below the data root"):
        read_dialogues(tmp_path, "refcoco_val")


def test_ready_rounds_by_hand(tmp_path: Path) -> None:
    one, two = read_rounds(write_rounds(tmp_path, ready_rounds()), "refcoco_val").rounds
    assert (one.number, one.place, one.height, one.width) == (1, 0, 80, 120)
    assert one.history == (" Segment a box.",)
    assert one.targets == (rectangle(11),), "polygons take the image's size"
    assert two.history == (" Segment a box.", f"{WORDS}.", f"{WORDS} Segment the box right of instance 1.")
    assert two.targets == (rectangle(12), rectangle(13))
    assert two.image == tmp_path / "images" / "train2014" / Path(A).name


def test_rounds_from_0_are_counted_from_1(tmp_path: Path) -> None:
    content = {str(int(key) - 1): value for key, value in ready_rounds().items()}
    rounds = read_rounds(write_rounds(tmp_path, content), "refcoco_val").rounds
    assert [one.number for one in rounds] == [1, 2]


def test_rounds_lie_also_where_samtoks_script_has_them(tmp_path: Path) -> None:
    base = write_rounds(tmp_path, ready_rounds()) / "segllm"
    (base / "conversations_folder").rename(base / "conversation_folder")
    assert len(read_rounds(tmp_path, "refcoco_val").rounds) == 2


def test_rounds_without_a_readable_image_are_counted(tmp_path: Path) -> None:
    root = write_rounds(tmp_path, ready_rounds())
    (root / "images" / "train2014" / Path(A).name).unlink()
    data = read_rounds(root, "refcoco_val")
    assert [one.number for one in data.rounds] == [2]
    assert data.dropped == {"rounds without a readable image": 1}


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("1", 0, "history"), [], "round 1, item 0: expected 1 turns, the question last, got 0"),
        (("1", 0, "history", 0, "value"), "Segment", "the first turn must have '<image>' and a line break"),
        (("2", 0, "history", 1, "from"), "human", "round 2, item 0, turn 1: 'from' must be gpt, got 'human'"),
        (("1", 0, "target_masks"), [], "'target_masks' is empty"),
        (("1", 0, "target_masks"), [[[1, 2, 3]]], "a polygon is an even list of at least 6 numbers"),
        (("1", 0, "image"), "/etc/passwd", "'image' must be a path below the folder"),
        (("2", 0, "target_masks", 0, "size"), ["80", 120], "'height' must be int, got str"),
        (("1",), None, "'1' must be list, got NoneType"),
    ],
)
def test_malformed_rounds_are_named(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    content = ready_rounds()
    inner: Any = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(ValueError, match=r"mr_refcoco_val_sampled\.json") as error:
        read_rounds(write_rounds(tmp_path, content), "refcoco_val")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_rounds_must_be_numbers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a dictionary of rounds by their numbers"):
        read_rounds(write_rounds(tmp_path, {"one": []}), "refcoco_val")


TAGS = st.lists(
    st.sampled_from(
        [
            "[MASK-DECODE:",
            "[MASK-ENCODE:",
            "[IMAGE256:",
            "[BOX-ENCODE:",
            A,
            "|",
            "|refcoco|",
            ":",
            "11",
            "]",
            "[",
        ]
    ),
    max_size=9,
).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | TAGS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "from"]), inner)
    ),
    max_leaves=6,
)


def put(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    content = copy.deepcopy(content)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return content


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(place=st.sampled_from(places(DIALOGUES)), value=JSON)
def test_any_change_of_a_dialogue_is_read_or_refused_cleanly(
    tmp_path: Path, place: tuple[Any, ...], value: Any
) -> None:
    try:
        data = read_dialogues(write_root(tmp_path, put(DIALOGUES, place, value)), "refcoco_val")
    except (ValueError, OSError):
        return
    for one in data.dialogues:
        assert all(not rle.is_empty(mask) for each in one.rounds for mask in each.targets)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(place=st.sampled_from(places(ready_rounds())), value=JSON)
def test_any_change_of_a_ready_round_is_read_or_refused_cleanly(
    tmp_path: Path, place: tuple[Any, ...], value: Any
) -> None:
    try:
        data = read_rounds(write_rounds(tmp_path, put(ready_rounds(), place, value)), "refcoco_val")
    except (ValueError, OSError):
        return
    for one in data.rounds:
        assert all(np.prod(mask["size"]) > 0 for mask in one.targets)


@pytest.mark.skipif("SAMTOK_BENCH_REAL_DATA" not in os.environ, reason="real files are not here")
@pytest.mark.parametrize("split", ["refcoco_val", "refcoco+_val", "refcocog_val", "paco_val"])
def test_the_published_files(split: str) -> None:
    root = Path(os.environ["SAMTOK_BENCH_REAL_DATA"])
    if not (root / "segllm" / "conversations_folder").is_dir():
        pytest.skip("SegLLM's files are not here")
    data = read_dialogues(root, split)
    assert len(data.dialogues) > 100
    assert sum(data.dropped.values()) < 0.1 * len(data.dialogues)
