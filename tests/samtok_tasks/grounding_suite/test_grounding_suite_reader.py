"""GroundingSuite-Eval, from small files written by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from json_fuzz import changed
from region_samples import GROUNDING, LEFT, RIGHT, RING, grounding, packed, pixels, shown

from samtok_tasks.grounding_suite.reader import (
    GroundingRecord,
    grounding_suite_masks,
    read_grounding_suite,
)


def test_records_of_grounding_suite(tmp_path: Path) -> None:
    records = read_grounding_suite(grounding(tmp_path))
    assert list(records) == [0, 3, 2, 1]
    assert records[3] == GroundingRecord(
        idx=3,
        image_path="unlabeled2017/3.jpg",
        class_id=2,
        label="thing",
        caption="A thing.",
        box=[0.5, 0.0, 2.0, 4.0],
        segmentation=packed(RIGHT),
    )


def test_masks_of_grounding_suite(tmp_path: Path) -> None:
    records = read_grounding_suite(grounding(tmp_path)).values()
    data = grounding_suite_masks(tmp_path, records)
    assert shown(data, tmp_path) == {
        ("unlabeled2017/0.jpg", "0"): ("stuff", pixels(LEFT)),
        ("unlabeled2017/3.jpg", "3"): ("part", pixels(RIGHT)),
        ("unlabeled2017/2.jpg", "2"): ("group", pixels(RING)),
        ("unlabeled2017/1.jpg", "1"): ("object", pixels(LEFT | RIGHT)),
    }


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("idx", 0, "two records have the idx 0"),
        ("idx", "3", "idx: Input should be a valid integer, got '3'"),
        ("class_id", 5, "class_id: Input should be 1, 2, 3 or 4, got 5"),
        ("image_path", "/data/3.jpg", "image_path: must be a path below the folder, got '/data/3.jpg'"),
        ("caption", None, "caption: Input should be a valid string, got None"),
        ("label", 1, "label: Input should be a valid string, got 1"),
        ("box", [0, 0, 1], "box: List should have at least 4 items after validation, not 3, got [0, 0, 1]"),
        ("box", [0, 0, 1, float("nan")], "box.3: Input should be a finite number"),
        ("box", [0, 0, 1, True], "box.3: Input should be a valid number"),
        ("box", [0, 0, 1, 10**400], "box.3: Input should be"),
    ],
)
def test_broken_records_of_grounding_suite(tmp_path: Path, name: str, value: Any, message: str) -> None:
    root = grounding(tmp_path, changed(GROUNDING, (1, name), value))
    with pytest.raises(ValueError, match=r"GroundingSuite-Eval\.jsonl: line 2") as error:
        read_grounding_suite(root)
    assert message in str(error.value)


def test_torn_lines_of_grounding_suite(tmp_path: Path) -> None:
    line = json.dumps(GROUNDING[0])
    with pytest.raises(ValueError, match="line 2 is not JSON: "):
        read_grounding_suite(grounding(tmp_path, f"{line}\n{line[:50]}"))
    with pytest.raises(ValueError, match="line 3 is not JSON: "):
        read_grounding_suite(grounding(tmp_path, f"{line}\n\n{line[:50]}"))
    assert len(read_grounding_suite(grounding(tmp_path, f"{line}\n\n{json.dumps(GROUNDING[1])}\n"))) == 2
