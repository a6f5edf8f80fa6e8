"""The task pixmmvp on a small data set and on the real annotations."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places, read_or_refused
from pycocotools import mask as coco

from samtok_bench import rle
from samtok_bench.sample import Outcome, Prediction, prompt_text
from samtok_tasks.pixmmvp.reader import FILE, FOLDER, IMAGES, PHRASES
from samtok_tasks.pixmmvp.task import PixMMVP

GOLDEN = Path(__file__).parents[2] / "golden" / "pixmmvp_prompts.txt"
REAL = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
ROWS = 'Index, Object\n1, the butterfly\'s wings\n2, None\n3,"the cat, asleep"\n'
CONTENT: dict[str, Any] = {
    "images": [{"id": k, "width": 8, "height": 6, "file_name": f"{k}.jpg"} for k in (1, 2, 3)],
    "annotations": [
        {"image_id": 1, "segmentation": [[0, 0, 4, 0, 4, 2, 0, 2]], "category_id": None, "iscrowd": 0},
        {"image_id": 1, "segmentation": [[2, 0, 6, 0, 6, 2, 2, 2]], "category_id": None, "iscrowd": 0},
        {"image_id": 3, "segmentation": [[0, 0, 8, 0, 8, 3, 0, 3]], "category_id": None, "iscrowd": 0},
    ],
    "categories": [{"supercategory": "type", "id": None, "name": "Bird"}],
}


def write(root: Path, content: Any = CONTENT, rows: str = ROWS) -> Path:
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    (root / FOLDER / FILE).write_text(json.dumps(content))
    (root / FOLDER / PHRASES).write_text(rows)
    return root


def test_prompts_match_the_snapshot(tmp_path: Path) -> None:
    samples = PixMMVP().samples(write(tmp_path), "val").samples
    assert "".join(f"{prompt_text(sample.turns)}\n" for sample in samples) == GOLDEN.read_text()


def test_miou_by_hand(tmp_path: Path) -> None:
    task = PixMMVP()
    wings, none, cat = task.samples(write(tmp_path), "val").samples
    assert wings.image == tmp_path / FOLDER / IMAGES / "1.jpg"
    # two polygons of 4 x 2 pixels that share 2 x 2 are one target of 12
    assert [rle.area(mask) for mask in wings.target.masks] == [12]
    assert (none.target.masks, none.tags) == ((), {"target": "none"})
    half = Prediction(
        masks=(rle.rectangle(0, 0, 3, 2, 6, 8), rle.rectangle(0, 2, 3, 3, 6, 8))
    )  # 6 + 3 pixels
    refused, failed = Prediction(text="No."), Prediction(outcome=Outcome.MODEL_ERROR)
    scores = [task.score(wings, half), task.score(none, refused), task.score(cat, refused)]
    assert [score["iou"] for score in scores] == [6 / 15, 1, 0]
    assert task.summarize(scores, ["1", "2", "3"]) == pytest.approx({"miou": (0.4 + 1) / 3})
    assert task.score(none, failed)["iou"] == 0
    assert task.score(none, half)["iou"] == 0


def test_an_image_without_a_phrase_is_counted(tmp_path: Path) -> None:
    read = PixMMVP().samples(write(tmp_path, rows="Index, Object\n1, wings\n3,\n"), "val")
    assert [sample.image.name for sample in read.samples] == ["1.jpg"]
    [line] = read.dropped.lines()
    assert line.startswith("2 images without a phrase in Objects.csv, the first: ")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("Index,Thing\n1,wings\n", r"Objects\.csv has no column 'Object'; it has 'Index', 'Thing'"),
        ("", r"Objects\.csv has no column 'Index'; it has "),
        ("Index,Object\n1,wings\n2\n", r"Objects\.csv: line 3 has too few cells"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PixMMVP().samples(write(tmp_path, rows=rows), "val")


@pytest.mark.skipif(not (REAL / "pixmmvp").is_dir(), reason=f"no PixMMVP in {REAL}")
def test_the_real_annotations(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    for name in (FILE, PHRASES):
        shutil.copy(REAL / "pixmmvp" / name, tmp_path / FOLDER / name)
    task = PixMMVP()
    read = task.samples(tmp_path, "val")
    assert (len(read.samples), read.dropped.lines()) == (300, [])
    targets = [len(sample.target.masks) for sample in read.samples]
    assert (targets.count(0), targets.count(1)) == (53, 247)
    scores = [task.score(sample, Prediction()) for sample in read.samples]
    assert task.summarize(scores, [sample.cluster for sample in read.samples]) == {"miou": 53 / 300}
    # drawn one by one and united, as the official loader does
    content = json.loads((tmp_path / FOLDER / FILE).read_text())
    for sample in read.samples[::7]:
        number = int(sample.image.stem)
        drawn = np.zeros((224, 224), bool)
        for record in content["annotations"]:
            if record["image_id"] == number:
                drawn |= coco.decode(coco.merge(coco.frPyObjects(record["segmentation"], 224, 224))) > 0
        assert rle.union(sample.target.masks, (224, 224)) == rle.encode(drawn)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.sampled_from(places(CONTENT)), json_values("size", "counts"))
def test_any_changed_value_is_read_or_refused_cleanly(tmp_path: Path, place: Any, value: Any) -> None:
    write(tmp_path, changed(CONTENT, place, value))
    for sample in read_or_refused(PixMMVP(), tmp_path, "val", FILE):
        assert PixMMVP().score(sample, Prediction(masks=sample.target.masks))["iou"] == 1
