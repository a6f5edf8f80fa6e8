"""Ready rounds, from small files written by hand."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, places
from segllm_samples import TAGGED_JSON, WORDS, A, ready_rounds, rectangle, write_rounds

from samtok_bench import rle
from samtok_tasks.multi_round.reader import Dialogues, Round
from samtok_tasks.multi_round.ready_rounds import ReadyRoundReader


def read_rounds(root: Path) -> Dialogues:
    return ReadyRoundReader().read(root, "refcoco_val")


def rounds(data: Dialogues) -> list[Round]:
    assert all(len(dialogue) == 1 for dialogue in data.dialogues)
    return [asked for (asked,) in data.dialogues]


def test_a_missing_file_tells_the_layout(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"mr_refcoco_val_sampled\.json is missing\. Expected below"):
        read_rounds(tmp_path)


def test_ready_rounds_by_hand(tmp_path: Path) -> None:
    first, second = rounds(read_rounds(write_rounds(tmp_path, ready_rounds())))
    assert (first.number, first.place, first.size) == (1, "ready 0/1", (80, 120))
    assert first.turns == ((" Segment a box.",),)
    assert first.targets == (rectangle(11),), "polygons take the image's size"
    assert second.turns == (
        (" Segment a box.",),
        (f"{WORDS}.",),
        (f"{WORDS} Segment the box right of instance 1.",),
    )
    assert second.targets == (rectangle(12), rectangle(13))
    assert second.image == tmp_path / "images" / "train2014" / Path(A).name


def test_rounds_from_0_are_counted_from_1(tmp_path: Path) -> None:
    content = {str(int(key) - 1): value for key, value in ready_rounds().items()}
    read = read_rounds(write_rounds(tmp_path, content))
    assert [asked.number for asked in rounds(read)] == [1, 2]


def test_rounds_lie_also_where_samtoks_script_has_them(tmp_path: Path) -> None:
    base = write_rounds(tmp_path, ready_rounds()) / "segllm"
    (base / "conversations_folder").rename(base / "conversation_folder")
    assert len(rounds(read_rounds(tmp_path))) == 2


def test_rounds_without_a_readable_image_are_counted(tmp_path: Path) -> None:
    root = write_rounds(tmp_path, ready_rounds())
    (root / "images" / "train2014" / Path(A).name).unlink()
    data = read_rounds(root)
    assert [asked.number for asked in rounds(data)] == [2]
    assert data.dropped.counts == data.dropped.lost == {"rounds without a readable image": 1}


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("1", 0, "history"), [], "round 1, item 0: expected 1 turns, the question last, got 0"),
        (("1", 0, "history", 0, "value"), "Segment", "the first turn must have '<image>' and a line break"),
        (("2", 0, "history", 1, "from"), "human", "round 2, item 0: history: turn 1: 'from' must be gpt"),
        (("1", 0, "target_masks"), [], "target_masks: List should have at least 1 item"),
        (("1", 0, "target_masks"), [7], "round 1, item 0, mask 0: segmentation is a list of polygons or"),
        (("1", 0, "image"), "/etc/passwd", "image: must be a path below the folder"),
        (
            ("2", 0, "target_masks", 0, "size"),
            ["80", 120],
            "size.0: Input should be a valid integer",
        ),
        (("1",), None, "'1' must be list, got NoneType"),
    ],
)
def test_malformed_rounds_are_named(tmp_path: Path, place: tuple[Any, ...], value: Any, message: str) -> None:
    root = write_rounds(tmp_path, changed(ready_rounds(), place, value))
    with pytest.raises(ValueError, match=r"mr_refcoco_val_sampled\.json") as error:
        read_rounds(root)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_rounds_must_be_numbers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a dictionary of rounds by their numbers"):
        read_rounds(write_rounds(tmp_path, {"one": []}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.sampled_from(places(ready_rounds())), value=TAGGED_JSON)
def test_any_change_of_a_ready_round_is_read_or_refused_cleanly(
    tmp_path: Path, place: tuple[Any, ...], value: Any
) -> None:
    try:
        data = read_rounds(write_rounds(tmp_path, changed(ready_rounds(), place, value)))
    except (ValueError, OSError):
        return
    for asked in rounds(data):
        assert all(rle.decode(mask).shape == asked.size for mask in asked.targets)
