"""Dialogues in chat form with regions as run lengths."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from samtok_bench import rle
from samtok_tasks.training.messages import messages

MASK = rle.rectangle(1, 1, 4, 3, 6, 8)
REGION = {"type": "region", "mask": MASK}


def record(*said: Any, image: str = "a.png") -> dict[str, Any]:
    roles = ("user", "assistant")
    return {
        "image": image,
        "messages": [{"role": roles[k % 2], "content": content} for k, content in enumerate(said)],
    }


GOOD = record([{"type": "image"}, {"type": "text", "text": "What is "}, REGION], "A chair.")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Image.new("RGB", (8, 6)).save(tmp_path / "a.png")
    Image.new("RGB", (1, 250)).save(tmp_path / "long.png")
    return tmp_path


def first(root: Path, records: list[Any], count: int = 1, **options: Any) -> list[Any]:
    (root / "a.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return list(islice(messages(1, file=str(root / "a.jsonl"), data_root=str(root), **options), count))


def test_parts_become_text_and_masks(root: Path) -> None:
    [dialogue] = first(root, [GOOD])
    [(asked, answered)] = dialogue["turns"]
    assert asked[0] == "What is "
    assert np.array_equal(asked[1], rle.decode(MASK))
    assert answered == ["A chair."]
    assert "tokenizer" not in dialogue
    assert first(root, [GOOD], tokenizer="nano")[0]["tokenizer"] == "nano"


def test_uncompressed_run_lengths_are_read_too(root: Path) -> None:
    runs = {"size": [6, 8], "counts": [7, 2, 39]}
    [dialogue] = first(root, [record("Where?", [{"type": "region", "mask": runs}])])
    assert dialogue["turns"][0][1][0].sum() == 2


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (record("Where?"), "malformed dialogues"),
        (record("Where?", "There.", "And?"), "user and assistant take turns"),
        (record("Where?", [REGION, {"type": "image"}]), "one image, at the beginning"),
        (record("Where?", []), "message 1 is empty"),
        (record("Where?", [{"type": "video"}]), "malformed dialogues"),
        (record("Where?", [{"type": "region", "mask": rle.rectangle(0, 0, 1, 1, 6, 9)}]), "the image [6, 8]"),
        (record("Where?", [{"type": "region", "mask": rle.empty(6, 8)}]), "a region has no pixel"),
        (record("Where?", [{"type": "region", "mask": {"size": [6, 8], "counts": "~~"}}]), "malformed"),
        (record("Where?", "There.", image="b.png"), "dialogues without a readable image"),
        (record("Where?", "There.", image="/a.png"), "below the folder"),
        (record("Where?<|image_pad|>", "There."), "a text holds <|image_pad|>"),
        (record("Where?", "There.<|im_end|>"), "a text holds <|im_end|>"),
        (record("Where?", "There.", image="long.png"), "the image has 1 x 250 pixels"),
    ],
)
def test_a_bad_dialogue_is_counted_with_its_place(
    root: Path, bad: Any, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(first(root, [GOOD, bad, GOOD], count=3)) == 3
    [line] = capsys.readouterr().err.splitlines()
    assert said in line
    assert "a.jsonl: record 1" in line
