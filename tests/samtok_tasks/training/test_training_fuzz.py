"""Whatever a record holds, it is a dialogue or it is counted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places
from PIL import Image

from samtok_bench import rle
from samtok_tasks.training.llava import LlavaRecords
from samtok_tasks.training.messages import MessageRecords
from samtok_tasks.training.shards import ShardRecords
from samtok_tasks.training.streams import UnusableError

WORD = "<|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>"
MASK = {"type": "region", "mask": rle.rectangle(1, 1, 4, 3, 6, 8)}
RECORDS: dict[str, dict[str, Any]] = {
    "llava": {
        "image": "a.png",
        "conversations": [{"from": "human", "value": "<image>\nWhere?"}, {"from": "gpt", "value": WORD}],
    },
    "messages": {
        "image": "a.png",
        "messages": [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is "}, MASK]},
            {"role": "assistant", "content": "A chair."},
        ],
    },
    "shards": {"image": "a.png", "size": [6, 8], "upright": False, "dialogues": [[["Where?", WORD]]]},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fuzz")
    Image.new("RGB", (8, 6)).save(root / "a.png")
    return root


def records(name: str, root: Path, record: Any) -> Any:
    if name == "shards":
        header = {"shard": 0, "codebooks": "x", "left_out": {}}
        settings = {
            "version": 1, "task": "gres", "protocol": "standard", "data": None, "options": {},
            "split": "train", "data_root": str(root), "content": "", "most_masks": 9,
            "tokenizer": "nano", "codebooks": "x", "images": 1, "images_per_shard": 1,
        }  # fmt: skip
        (root / "dialogues.json").write_text(json.dumps(settings))
        (root / "shard-00000.jsonl").write_text(f"{json.dumps(header)}\n{json.dumps(record)}\n")
        return ShardRecords(root, None, 4)
    (root / "a.jsonl").write_text(json.dumps(record) + "\n")
    if name == "llava":
        return LlavaRecords(root / "a.jsonl", root, "nano", apart=False)
    return MessageRecords(root / "a.jsonl", root, False, None)


@pytest.mark.parametrize("name", RECORDS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_record_is_a_dialogue_or_is_counted(root: Path, name: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(list(places(RECORDS[name]))))
    record = changed(RECORDS[name], place, data.draw(json_values("type", "text", "size")))
    try:
        dialogue = records(name, root, record).read(0, np.random.default_rng(0))
    except UnusableError:
        return
    assert dialogue["image"].shape == (6, 8, 3)
    for question, answer in dialogue["turns"]:
        for part in (*question, *answer):
            assert isinstance(part, str) or part.shape == (6, 8)


@pytest.mark.parametrize("name", RECORDS)
def test_the_records_themselves_are_sound(root: Path, name: str) -> None:
    assert records(name, root, RECORDS[name]).read(0, np.random.default_rng(0))["turns"]
