"""The task refcocom on a small data set of CRIS's form."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places, read_or_refused
from PIL import Image

from samtok_bench import rle
from samtok_bench.sample import Prediction, prompt_text
from samtok_tasks.refcocom.task import RefCOCOm

GOLDEN = Path(__file__).parents[2] / "golden" / "refcocom_prompts.txt"
NAME = "COCO_train2014_000000000009.jpg"
CONTENT: list[dict[str, Any]] = [
    {
        "img_name": NAME,
        "segment_id": 7,
        "cat": 0,
        "sentences": [{"sent": " Left Man's arm"}, {"sent": "arm"}],
    },
    {"img_name": NAME, "segment_id": "8_2", "sentences": [{"sent": "the man"}]},
]


def write(root: Path, content: Any = CONTENT, name: str = "val") -> Path:
    for folder in ("annotations", "masks"):
        (root / "RefCOCOm" / folder).mkdir(parents=True, exist_ok=True)
    (root / "RefCOCOm" / "annotations" / f"{name}.json").write_text(json.dumps(content))
    for segment, width in (("7", 3), ("8_2", 8)):
        pixels = np.zeros((6, 8), np.uint8)
        pixels[:, :width] = 255
        Image.fromarray(pixels).save(root / "RefCOCOm" / "masks" / f"{segment}.png")
    return root


def test_prompts_match_the_snapshot(tmp_path: Path) -> None:
    samples = RefCOCOm().samples(write(tmp_path), "val").samples
    assert "".join(f"{prompt_text(sample.turns)}\n" for sample in samples) == GOLDEN.read_text()
    assert {sample.image for sample in samples} == {tmp_path / "images/train2014" / NAME}


def test_miou_by_hand_is_over_sentences(tmp_path: Path) -> None:
    task = RefCOCOm()
    samples = task.samples(write(tmp_path), "val").samples
    assert [rle.area(sample.target.masks[0]) for sample in samples] == [18, 18, 48]
    arm = Prediction(masks=(rle.rectangle(0, 0, 3, 6, 6, 8),))
    values = task.summarize([task.score(sample, arm) for sample in samples], ["a"] * 3)
    assert values["miou"] == pytest.approx((1 + 1 + 18 / 48) / 3)
    assert values["ciou"] == pytest.approx(54 / 84)
    assert task.primary == "miou"


def test_any_file_of_annotations_is_a_split(tmp_path: Path) -> None:
    write(tmp_path, CONTENT[:1], "val_part")
    assert len(RefCOCOm().samples(tmp_path, "val_part").samples) == 2
    with pytest.raises(FileNotFoundError, match=r"testA\.json is missing\. Expected below"):
        RefCOCOm().samples(tmp_path, "testA")
    with pytest.raises(ValueError, match="a split is a plain name"):
        RefCOCOm().samples(tmp_path, "../val")


def test_masks_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    content = [record | {"segment_id": id} for record, id in zip(CONTENT * 2, (1, 2, 3, 7), strict=True)]
    write(tmp_path, content)
    Image.fromarray(np.zeros((6, 8), np.uint8)).save(tmp_path / "RefCOCOm/masks/2.png")
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(tmp_path / "RefCOCOm/masks/3.png")
    read = RefCOCOm().samples(tmp_path, "val")
    assert len(read.samples) == 1
    assert dict(read.dropped.counts) == {
        "references without a readable mask": 2,
        "references with an empty mask": 1,
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.sampled_from(places(CONTENT)), json_values("sent"))
def test_any_changed_value_is_read_or_refused_cleanly(tmp_path: Path, place: Any, value: Any) -> None:
    write(tmp_path, changed(CONTENT, place, value))
    for sample in read_or_refused(RefCOCOm(), tmp_path, "val", "val.json"):
        assert RefCOCOm().score(sample, Prediction(masks=sample.target.masks))["iou"] == 1
