"""lmms-eval itself, in its own environment (`make test-lmms`)."""

import json
from pathlib import Path

import pytest

from samtok_bench import registry, rle
from samtok_bench.measures.boxes import pixel_box
from samtok_bench.runs.journal import Journal
from samtok_bench.sample import Prediction

pytestmark = pytest.mark.lmms
COUNT = 24


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))


def values(folder: Path) -> dict[str, float]:
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["outcomes"]["ok"] == summary["samples"]
    return {metric["id"]: metric["value"] for metric in summary["metrics"]}


def test_gres_has_the_same_scores_each_way(called, tmp_path):
    ours = ("--task", "gres", "--limit", str(COUNT), "--no-ceiling")
    assert called("run", *ours, "--out", "ours")[0] == 0
    expected = values(tmp_path / "ours")

    assert called("lmms", "export", "tasks", "--task", "gres")[0] == 0
    asked = (
        "--model",
        "samtok",
        "--model_args",
        "pretrained=nano",
        "--batch_size",
        "16",
        "--limit",
        str(COUNT),
    )
    named = ("--tasks", "samtok_gres_val", "--include_path", "tasks", "--output_path", "logs")
    assert called("lmms", "run", *asked, *named)[0] == 0
    (results,) = (tmp_path / "logs").rglob("*_results.json")
    theirs = json.loads(results.read_text())["results"]["samtok_gres_val"]
    assert {name: theirs[f"{name},none"] for name in expected} == pytest.approx(expected, abs=1e-12)

    assert called("lmms", "import", "logs", "--limit", str(COUNT), "--out", "back")[0] == 0
    assert values(tmp_path / "back") == expected
    said, heard = (Journal(tmp_path / name / "samples.jsonl").read() for name in ("ours", "back"))
    assert {id: line.prediction.masks for id, line in said.items()} == {
        id: line.prediction.masks for id, line in heard.items()
    }


def test_a_failure_of_lmms_eval_is_one(called):
    assert called("lmms", "export", "tasks", "--task", "gres")[0] == 0
    named = ("--tasks", "samtok_gres_val", "--include_path", "tasks", "--output_path", "logs")
    code, _, err = called("lmms", "run", "--model", "samtok", "--model_args", "pretrained=no-such", *named)
    assert code == 1
    assert "lmms-eval ended with exit code 0, but: it wrote no results below logs" in err


@pytest.fixture
def rec(tmp_path):
    """A data set of lmms-eval's form from mini's RefCOCO: the folder, and our samples by sentence and image.

    An object is a row with all its sentences, as on the hub. Images are PNG: lmms-eval writes JPEG anew.
    """
    import datasets
    from PIL import Image

    task = registry.task_class("refcoco")()
    samples = task.samples(task.default_root(), "val").samples[:COUNT]
    rows: dict[tuple[str, str], dict] = {}
    sentences = {}
    for sample in samples:
        mask = sample.target.masks[0]
        sentence = (
            sample.turns[0].parts[1].text.removeprefix("Please segment ").removesuffix(" in this image.")
        )
        x0, y0, x1, y1 = pixel_box(mask)
        png = tmp_path / f"{sample.image.stem}.png"
        Image.open(sample.image).save(png)
        row = rows.setdefault(
            (sample.image.name, mask["counts"]),
            {
                "question_id": str(len(rows)),
                "image": str(png),
                "question": "",
                "answer": [],
                "bbox": [float(x0), float(y0), float(x1 - x0), float(y1 - y0)],
                "file_name": sample.image.name,
            },
        )
        row["answer"].append(sentence)
        sentences.setdefault((row["question_id"], sentence), sample)
    table = datasets.Dataset.from_list(list(rows.values())).cast_column("image", datasets.Image())
    (tmp_path / "hub" / "data").mkdir(parents=True)
    table.to_parquet(tmp_path / "hub" / "data" / "val-00000-of-00001.parquet")
    return tmp_path / "hub", sentences


def test_rec_is_scored_by_lmms_eval_itself(called, tmp_path, rec):
    from samtok_tasks.lmms_rec.reader import rec_config

    folder, sentences = rec
    name = "refcoco_bbox_rec_val"
    asked = ("--task", f"lmms:{name}", "--data-root", str(folder), "--out", "rec", "--no-ceiling")
    code, out, err = called("run", *asked)
    assert code == 0, err
    assert "ACC@0.5 (SAMTok prompt, box of the mask)" in out
    found = values(tmp_path / "rec")
    journal = Journal(tmp_path / "rec" / "samples.jsonl").read()
    assert len(journal) == COUNT

    # the same sentences through our own benchmark give the same hits, and lmms-eval's sums the same values
    ours = registry.task_class("refcoco")()
    task = registry.task_class(f"lmms:{name}")()
    config = rec_config(name)
    raw: dict[str, list] = {}
    for sample in task.samples(folder, "val").samples:
        line = journal[sample.id]
        same = sentences[sample.truth["question_id"], sample.truth["answer"]]
        scored = ours.score(same, Prediction(masks=line.prediction.masks))
        assert line.scores["acc50"] == scored["rec50"]
        assert line.scores["iou"] == pytest.approx(scored["box_iou"], abs=1e-6)
        box = pixel_box(rle.union(line.prediction.masks, sample.size))
        height, width = sample.size
        shares = [box[0] / width, box[1] / height, box[2] / width, box[3] / height]
        for metric, item in config.config["process_results"](sample.truth, [str(shares)]).items():
            raw.setdefault(metric, []).append(item)
    sums = {entry["metric"]: entry["aggregation"] for entry in config.config["metric_list"]}
    assert sums["refcoco_ACC@0.5"](raw["refcoco_ACC@0.5"]) == pytest.approx(found["acc50"])
    assert sums["refcoco_IoU"](raw["refcoco_IoU"]) == pytest.approx(found["iou"], abs=1e-6)
    assert sums["refcoco_Center_ACC"](raw["refcoco_Center_ACC"]) == pytest.approx(found["center"])


def test_rec_data_that_is_not_there_ends_in_one_line(called, tmp_path):
    (tmp_path / "empty").mkdir()
    asked = ("--task", "lmms:refcoco_bbox_rec_val", "--data-root", "empty", "--model", "constant:refuse")
    code, _, err = called("run", *asked)
    assert code == 2
    assert "error: lmms-eval cannot load refcoco_bbox_rec_val from empty: " in err
