"""RefCOCO-M, those of its form, and ReasonSeg's copies, on parquet files of the form that cards state."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_hub_masks import DENSE, MASK, SIZE, picture, write

from samtok_bench import rle
from samtok_bench.sample import Prediction, prompt_text
from samtok_tasks.reasonseg_hub.task import ReasonSegHub
from samtok_tasks.refcoco_m.task import RefCOCOM, RefCOCOPlusRuns, RefCOCORuns

OTHER = rle.rectangle(0, 0, 2, 6, *SIZE)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMTOK_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("kind", [RefCOCOM, RefCOCORuns, RefCOCOPlusRuns])
def test_each_sentence_is_a_sample(tmp_path: Path, kind: type[RefCOCOM]) -> None:
    row = {
        "image": {"bytes": picture(), "path": "COCO_train2014_000000000009.jpg"},
        "image_id": 9,
        "samples": [
            {
                "mask": dict(MASK),
                "sentences": ["left man", "man in red"],
                "ref_id": 1,
                "bbox": [2.0, 1, 5, 3],
            },
            {"mask": dict(OTHER), "sentences": ["the wall"], "ref_id": 2, "bbox": [0.0, 0, 2, 6]},
        ],
    }
    write(tmp_path / kind.folder / "data" / "validation-00000-of-00001.parquet", [row])
    task = kind()
    assert task.data_status(tmp_path).ready
    samples = task.samples(tmp_path, task.default_split(tmp_path)).samples
    assert [prompt_text(sample.turns) for sample in samples] == [
        f"user: <image>Please segment {phrase} in this image."
        for phrase in ("left man", "man in red", "the wall")
    ]
    assert [sample.target.masks for sample in samples] == [(MASK,), (MASK,), (OTHER,)]
    # cIoU and mIoU of the referring benchmarks, by hand: 15 of 15 pixels, 15 of 15, none of 15 + 12
    scores = [task.score(sample, Prediction(masks=(MASK,))) for sample in samples]
    values = task.summarize(scores, ["a"] * 3)
    assert values["ciou"] == pytest.approx(30 / 57)
    assert values["miou"] == pytest.approx(2 / 3)


def test_reasonsegs_copies_count_ignored_pixels_as_target(tmp_path: Path) -> None:
    labels = np.where(DENSE, 1, 0)
    labels[0] = 255  # what LISA ignores
    row: dict[str, Any] = {
        "image": {"bytes": picture(), "path": None},
        "text": "Which thing keeps the rain off?",
        "mask": labels.astype(bool).tolist(),
        "image_id": "1",
        "ann_id": "1",
        "img_height": SIZE[0],
        "img_width": SIZE[1],
    }
    write(tmp_path / "ReasonSeg_test" / "data" / "test-00000-of-00001.parquet", [row])
    task = ReasonSegHub()
    assert task.default_split(tmp_path) == "test"
    assert task.data_status(tmp_path).ready
    [sample] = task.samples(tmp_path, "test").samples
    assert prompt_text(sample.turns) == (
        "user: <image>Which thing keeps the rain off? Please output segmentation mask."
    )
    assert sample.target.ignore is None
    score = task.score(sample, Prediction(masks=(MASK,)))
    assert score == {"intersection": 15, "union": 23, "iou": 15 / 23}, "with LISA's labels it would be 1"
    with pytest.raises(FileNotFoundError, match=r"no parquet file in .*ReasonSeg_val"):
        task.samples(tmp_path, "val")
