"""The task mmr on a small file of the README's schema."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places, read_or_refused

from samtok_bench import rle
from samtok_bench.sample import Outcome, Prediction, prompt_text
from samtok_tasks.formats.files import NoSplitError
from samtok_tasks.mmr.metrics import MMR_METRICS, mmr_scores
from samtok_tasks.mmr.task import MMR

GOLDEN = Path(__file__).parents[2] / "golden" / "mmr_prompts.txt"
A, B = rle.rectangle(0, 0, 4, 2, 6, 8), rle.rectangle(4, 2, 8, 6, 6, 8)  # 8 and 16 pixels
CONTENT: list[dict[str, Any]] = [
    {
        "file_name": "train2017/000000000009.jpg",
        "height": 6,
        "width": 8,
        "image_id": 9,
        "questions": ["What opens the door?", " Which two things hold water? "],
        "answers": [[{"segmentation": dict(A)}], [{"segmentation": dict(A)}, {"segmentation": dict(B)}]],
        "text_answers": ["The handle {seg}", "The cup {seg} and the bowl {seg}"],
    }
]


def write(root: Path, content: Any = CONTENT) -> Path:
    (root / "MMR").mkdir(exist_ok=True)
    (root / "MMR" / "MMR_val.json").write_text(json.dumps(content))
    return root


def test_prompts_match_the_snapshot(tmp_path: Path) -> None:
    samples = MMR().samples(write(tmp_path), "val").samples
    assert "".join(f"{prompt_text(sample.turns)}\n" for sample in samples) == GOLDEN.read_text()
    assert samples[0].image == tmp_path / "images/train2017/000000000009.jpg"
    assert [sample.tags["targets"] for sample in samples] == ["one", "several"]


def test_figures_by_hand(tmp_path: Path) -> None:
    task = MMR()
    one, two = task.samples(write(tmp_path), "val").samples
    half = rle.rectangle(0, 0, 2, 2, 6, 8)  # 4 of A's 8 pixels
    scores = [
        task.score(one, Prediction(masks=(half, B))),  # a surplus mask
        task.score(two, Prediction(masks=(A,))),  # one is missing
        task.score(two, Prediction(masks=(B, A))),  # the right ones in the wrong order
        task.score(two, Prediction(outcome=Outcome.MODEL_ERROR)),
    ]
    assert task.summarize(scores, ["a"] * 4) == pytest.approx(
        {
            "giou": (1 / 2 + 1) / 7,
            "ciou": (4 + 8) / (8 + (8 + 16) + (24 + 24) + (8 + 16)),
            # united: 4 of 24 pixels, 8 of 24, 24 of 24, none of 24
            "giou_united": (4 / 24 + 8 / 24 + 1 + 0) / 4,
            "ciou_united": (4 + 8 + 24) / 96,
            "surplus": 1 / 4,
        }
    )


MASKS = st.lists(st.integers(1, 255), min_size=1, max_size=4)


@given(MASKS, st.lists(st.integers(0, 255), max_size=5))
def test_scores_agree_with_dense_arrays(targets: list[int], answers: list[int]) -> None:
    def dense(bits: int) -> Any:
        return np.array([[bits >> k & 1 for k in range(8)]], bool)

    truth, said = [dense(bits) for bits in targets], [dense(bits) for bits in answers]
    scores = mmr_scores(
        [rle.encode(mask) for mask in truth], Prediction(masks=tuple(rle.encode(mask) for mask in said))
    )
    nothing = np.zeros((1, 8), bool)
    pairs = [(t, said[k] if k < len(said) else nothing) for k, t in enumerate(truth)]
    assert scores["iou_sum"] == pytest.approx(sum((t & s).sum() / (t | s).sum() for t, s in pairs))
    assert scores["union"] == sum((t | s).sum() for t, s in pairs)
    every = np.logical_or.reduce(truth)
    said_all = np.logical_or.reduce([nothing, *said])
    assert scores["iou_united"] == pytest.approx((every & said_all).sum() / (every | said_all).sum())
    assert {key for info in MMR_METRICS for key in info.keys} <= set(scores)


def test_what_cannot_be_used_is_counted_or_refused(tmp_path: Path) -> None:
    broken = changed(CONTENT, (0, "answers", 0, 0, "segmentation"), dict(rle.full(6, 9)))
    read = MMR().samples(write(tmp_path, broken), "val")
    assert len(read.samples) == 1
    assert "questions with a broken mask, the first: " in read.dropped.lines()[0]
    read = MMR().samples(write(tmp_path, changed(CONTENT, (0, "answers", 1), [])), "val")
    assert "questions with an empty mask or none" in read.dropped.lines()[0]
    with pytest.raises(ValueError, match="image 0: 1 questions, 2 answers"):
        MMR().samples(write(tmp_path, changed(CONTENT, (0, "questions"), ["?"])), "val")
    with pytest.raises(NoSplitError, match="MMR has no split 'test'; it has val, test_mixed"):
        MMR().samples(tmp_path, "test")
    with pytest.raises(FileNotFoundError, match=r"MMR_test_mixed\.json is missing\. Expected below"):
        MMR().samples(tmp_path, "test_mixed")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.sampled_from(places(CONTENT)), json_values("size", "counts"))
def test_any_changed_value_is_read_or_refused_cleanly(tmp_path: Path, place: Any, value: Any) -> None:
    write(tmp_path, changed(CONTENT, place, value))
    for sample in read_or_refused(MMR(), tmp_path, "val", "MMR_val.json"):
        scores = MMR().score(sample, Prediction(masks=sample.target.masks))
        assert scores["iou_sum"] == scores["targets"]
