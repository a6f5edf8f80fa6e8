"""Names of lmms-eval's tasks, without lmms-eval; what it computes is in tests/samtok_bench/lmms."""

import pytest

from samtok_bench import registry


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("refcoco_bbox_rec_val", "val"),
        ("refcoco+_bbox_rec_testA", "testA"),
        ("refcocog_bbox_rec_test", "test"),
    ],
)
def test_rec_tasks_are_found_by_their_names(name, split):
    task = registry.task_class(f"lmms:{name}")()
    assert (task.name, task.splits) == (f"lmms:{name}", (split,))
    assert "SAMTok prompt, box of the mask" in task.summary
    headline = next(info for info in task.metrics if info.id == task.primary)
    assert headline.display == "ACC@0.5 (SAMTok prompt, box of the mask)"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("refcoco_seg_val", "it asks for a caption of a region"),
        ("refcoco+_seg_testB", "it asks for a caption of a region"),
        ("refcoco_bbox_val", "it asks for a caption of a region"),
        ("refcocog_bbox_test", "it asks for a caption of a region"),
        ("refcoco_bbox_val_lite", "it asks for a caption of a region"),
        ("refcoco_grounding_val", "it scores the best of the boxes in an answer"),
        ("refcoco_bbox_rec", "it is a group of splits"),
        ("mme", "of lmms-eval's tasks those of REC run here"),
        ("", "unknown task lmms:;"),
    ],
)
def test_others_are_refused_with_the_reason(called, name, reason):
    code, out, err = called("run", "--task", f"lmms:{name}", "--model", "constant:refuse")
    assert (code, out) == (2, "")
    assert reason in err
    assert err.count("\n") == 1


def test_without_lmms_eval_the_way_to_it_is_said(called, tmp_path, monkeypatch):
    monkeypatch.setattr("samtok_bench.lmms.environment.find_spec", lambda name: None)
    asked = (
        "--task",
        "lmms:refcoco_bbox_rec_val",
        "--data-root",
        str(tmp_path),
        "--model",
        "constant:refuse",
    )
    code, out, err = called("run", *asked)
    assert (code, out) == (2, "")
    assert "`make lmms` sets one up" in err
