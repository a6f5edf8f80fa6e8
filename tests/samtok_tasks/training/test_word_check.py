"""Whose words published dialogues hold."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gref_train import NUMBERS, file_name

from samtok_bench.predictor import PredictorOptions
from samtok_bench.predictors.samtok import SAMTokCodec
from samtok_bench.task import Generation
from samtok_tasks.gres.reader import read_grefcoco

Called = Callable[..., tuple[int, str, str]]


def write(path: Path, words: dict[int, str]) -> Path:
    records = []
    for k, word in words.items():
        turns = [
            {"from": "human", "value": f"<image>\nCould you segment the Square {k}?"},
            {"from": "gpt", "value": f'[{{"mask_2d": "{word}", "label": "square {k}"}}]'},
        ]
        records.append({"image": f"coco/train2014/{file_name(k)}", "conversations": turns})
    path.write_text(json.dumps(records))
    return path


@pytest.fixture(scope="module")
def right(gref: Path) -> dict[int, str]:
    """The words that nano's tokenizer gives."""
    codec = SAMTokCodec("nano", PredictorOptions(Generation(0), device="cpu"))
    words = {}
    for expression in read_grefcoco(gref):
        if expression.sent.startswith("square"):
            embedding = codec.embed(expression.image_path, (8, 10))
            mask = expression.instances.mask(expression.annotation_ids[0])
            words[int(expression.sent[-1])] = codec.text(codec.encode(embedding, [mask])[0])
    return words


def test_words_are_compared_with_the_masks_of_the_annotations(
    gref: Path, tmp_path: Path, right: dict[int, str], called: Called
) -> None:
    assert sorted(right) == list(NUMBERS)
    file = write(tmp_path / "right.json", right)
    command = ["data", "check-words", "--data-root", str(gref), "--device", "cpu"]
    code, said, _ = called(*command, str(file))
    assert code == 0
    assert "6 masks of 6 records, of 6 looked at: 6 have both words of nano, 6 the first" in said
    wrong = {k: "<|mt_start|><|mt_0000|><|mt_0256|><|mt_end|>" for k in right}
    code, said, _ = called(*command, str(write(tmp_path / "wrong.json", wrong | {1: right[1]})))
    assert code == 1
    assert "1 have both words of nano" in said
    assert "the words are another tokenizer's" in said


def test_records_about_other_images_tell_nothing(gref: Path, tmp_path: Path, called: Called) -> None:
    file = write(tmp_path / "other.json", {9: "<|mt_start|><|mt_0000|><|mt_0256|><|mt_end|>"})
    code, _, said = called("data", "check-words", "--data-root", str(gref), "--device", "cpu", str(file))
    assert code == 2
    assert "none of 1 records quotes a sentence of gRefCOCO on its image" in said
