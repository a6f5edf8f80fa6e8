"""Published dialogues in LLaVA's form."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from samtok_tasks.training.llava import llava

A = "<|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>"
IMAGE = "coco/train2014/COCO_train2014_000000098304.jpg"


def answer(words: str = A) -> str:
    return f'```json\n[{{"mask_2d": "{words}", "label": "front black chair"}}]\n```'


def item(*said: str, image: Any = IMAGE) -> dict[str, Any]:
    turns = [{"from": ("human", "gpt")[k % 2], "value": text} for k, text in enumerate(said)]
    return {"image": image, "conversations": turns}


GOOD = item("<image>\nPlease segment front black chair in this image.", answer())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / IMAGE).parent.mkdir(parents=True)
    Image.new("RGB", (8, 6), (200, 10, 10)).save(tmp_path / IMAGE, quality=95)
    return tmp_path


def first(root: Path, records: list[Any], count: int = 1, **options: Any) -> list[Any]:
    (root / "a.json").write_text(json.dumps(records))
    stream = llava(1, file=str(root / "a.json"), data_root=str(root), tokenizer="nano", **options)
    return list(islice(stream, count))


def test_a_record_is_a_dialogue_with_its_words(root: Path) -> None:
    [dialogue] = first(root, [GOOD])
    assert dialogue["image"].shape == (6, 8, 3)
    assert dialogue["turns"] == [(["Please segment front black chair in this image."], [answer()])]
    assert dialogue["tokenizer"] == "nano"
    assert not dialogue["apart"]


def test_rounds_alternate_and_may_be_apart(root: Path) -> None:
    rounds = item("<image>\nOne?", answer(), "Two?", "No target.")
    [dialogue] = first(root, [rounds], apart=True)
    assert [asked for asked, _ in dialogue["turns"]] == [["One?"], ["Two?"]]
    assert dialogue["apart"]


def test_a_list_of_one_image_is_one(root: Path) -> None:
    assert len(first(root, [item("Where?", answer(), image=[IMAGE])])) == 1


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"image": IMAGE}, "malformed records, .* 'conversations'|conversations: Field required"),
        (item("<image>\nWhere?"), "malformed records"),
        (item("Where?", answer(), "And?"), "malformed records, .*human and gpt take turns"),
        (item("<image><image>Where?", answer()), "malformed records, .*one <image>, in the first"),
        (item("Where?", answer(), image=[IMAGE, IMAGE]), "malformed records"),
        (item("Where?", answer(), image="../etc/passwd"), "malformed records, .*below the folder"),
        (item("Where?", answer("<|mt_start|><|mt_0001|><|mt_end|>")), "malformed mask words, .*too_few"),
        (item("Where?", answer(), image="coco/b.jpg"), "without a readable image, .*no image file at"),
        (7, "malformed records, .*expected a dictionary, got int"),
    ],
)
def test_a_bad_record_is_counted_with_its_place(
    root: Path, bad: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dialogues = first(root, [GOOD, bad, GOOD], count=3)
    assert all(dialogue["turns"][0][1] == [answer()] for dialogue in dialogues)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("left out of the training data so far: 1 ")
    assert "a.json: record 1" in line
    import re

    assert re.search(said, line)


def test_words_of_a_larger_vocabulary_are_refused(root: Path) -> None:
    larger = item("Where?", answer("<|mt_start|><|mt_0700|><|mt_1500|><|mt_end|>"))
    with pytest.raises(ValueError, match=r"another vocabulary than 2 codebooks of 256: .*a\.json: record 0"):
        first(root, [larger, larger, GOOD])


def test_all_images_missing_is_an_error_not_an_endless_search(root: Path) -> None:
    with pytest.raises(ValueError, match="200 records in a row cannot be used: 200 records without a readab"):
        first(root, [item("Where?", answer(), image="other/b.jpg")] * 3)


def test_wrong_options_are_one_line(root: Path) -> None:
    with pytest.raises(ValueError, match="apart: Input should be a valid boolean"):
        first(root, [GOOD], apart="perhaps")


def test_places_are_known_without_those_before(root: Path) -> None:
    records = [item(f"{number}?", answer()) for number in range(12)]
    whole = first(root, records, count=12)
    late = first(root, records, count=4, start=8)
    asked = [dialogue["turns"][0][0][0] for dialogue in whole]
    assert sorted(asked) == sorted(f"{number}?" for number in range(12))
    assert [dialogue["turns"][0][0][0] for dialogue in late] == asked[8:]
    assert np.array_equal(whole[0]["image"], late[0]["image"])
