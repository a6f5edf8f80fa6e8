"""The task pixcv-bench on a small data set and on the real annotations of COCO."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from json_fuzz import changed, json_values, places, read_or_refused
from PIL import Image

from samtok_bench import rle
from samtok_bench.sample import Prediction, prompt_text
from samtok_tasks.pixcv_bench.reader import FILE, FOLDER, PARTS, PHRASES
from samtok_tasks.pixcv_bench.task import PixCVBench

GOLDEN = Path(__file__).parents[2] / "golden" / "pixcv_bench_prompts.txt"
REAL = Path(os.environ.get("SAMTOK_BENCH_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))
ROWS = (
    ",Id,file,Objects\n"
    '0,0,CV-Bench/ADE20K/validation/images/ADE_val_1.jpg,"curtain, drape"\n'
    "1,1,CV-Bench/COCO/coco/images/2.jpg,cat\n"
    "2,2,CV-Bench/COCO/coco/images/3.jpg,\"('sports ball', 'person')\"\n"
)
LEFT, RIGHT = rle.rectangle(0, 0, 4, 6, 6, 8), rle.rectangle(6, 0, 8, 6, 6, 8)
COCO: dict[str, Any] = {
    "categories": [{"id": 0, "name": "foreground"}],
    "images": [{"id": 0, "file_name": "2.jpg"}, {"id": 1, "file_name": "3.jpg"}],
    "annotations": [
        {"image_id": 0, "category_id": 0, "segmentation": dict(LEFT)},
        {"image_id": 0, "category_id": 0, "segmentation": dict(RIGHT)},
        {"image_id": 1, "category_id": 0, "segmentation": [[0, 0, 4, 0, 4, 6, 0, 6]]},
    ],
}
ADE = {"images": [{"id": 0, "file_name": "ADE_val_1.jpg"}], "annotations": COCO["annotations"][:1]}


def write(root: Path, coco: Any = COCO, rows: str = ROWS) -> Path:
    for content, (folders, images) in zip((ADE, coco), PARTS.values(), strict=True):
        (root / FOLDER / images).mkdir(parents=True, exist_ok=True)
        (root / FOLDER / folders[0] / FILE).write_text(json.dumps(content))
    (root / FOLDER / PHRASES).write_text(rows)
    if not (picture := root / FOLDER / "COCO/coco/images/3.jpg").exists():
        Image.new("RGB", (8, 6)).save(picture)
    return root


def test_prompts_match_the_snapshot(tmp_path: Path) -> None:
    samples = PixCVBench().samples(write(tmp_path), "all").samples
    assert "".join(f"{prompt_text(sample.turns)}\n" for sample in samples) == GOLDEN.read_text()


def test_miou_by_hand(tmp_path: Path) -> None:
    task = PixCVBench()
    drape, cat, pair = task.samples(write(tmp_path), "all").samples
    assert [s.tags["source"] for s in (drape, cat, pair)] == ["ade20k", "coco", "coco"]
    assert [s.tags["objects"] for s in (drape, cat, pair)] == ["one", "one", "two"]
    assert [rle.area(s.target.masks[0]) for s in (drape, cat, pair)] == [24, 36, 24]
    assert pair.size == (6, 8), "of the image, since polygons state none"
    left = Prediction(masks=(LEFT,))
    scores = [task.score(drape, left), task.score(cat, left), task.score(pair, Prediction())]
    assert [score["iou"] for score in scores] == [1, 24 / 36, 0]
    assert task.summarize(scores, ["1", "2", "3"]) == pytest.approx({"miou": 5 / 9})
    assert [s.id for s in task.samples(tmp_path, "coco").samples] == [cat.id, pair.id]


def test_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    broken = changed(COCO, ("annotations", 1, "segmentation"), dict(rle.full(6, 9)))
    read = PixCVBench().samples(write(tmp_path, broken, ROWS.replace("images/3", "images/4")), "coco")
    assert not read.samples
    first, second = read.dropped.lines()
    assert "images with a broken mask" in first
    assert "images that Objects.csv does not name" in second
    (tmp_path / FOLDER / "COCO/coco/images/3.jpg").write_bytes(b"no image")
    read = PixCVBench().samples(write(tmp_path), "coco")
    assert [sample.image.name for sample in read.samples] == ["2.jpg"]
    assert "images of unknown size without a readable image" in read.dropped.lines()[0]


@pytest.mark.parametrize("objects", ["(", "('cat', 3)", "(__import__('os'),)"])
def test_a_wrong_pair_is_one_line_and_no_code(tmp_path: Path, objects: str) -> None:
    rows = ROWS.replace("cat\n", f'"{objects}"\n')
    with pytest.raises(ValueError, match="line 3: 'Objects' is a name or a pair of names"):
        PixCVBench().samples(write(tmp_path, rows=rows), "coco")


@pytest.mark.skipif(not (REAL / "pixcv-bench").is_dir(), reason=f"no PixCV-Bench in {REAL}")
def test_the_real_annotations_of_coco(tmp_path: Path) -> None:
    file = REAL / "pixcv-bench" / "COCO" / FILE
    images = tmp_path / FOLDER / "COCO/coco/images"
    images.mkdir(parents=True)
    shutil.copy(file, tmp_path / FOLDER / "COCO" / FILE)
    content = json.loads(file.read_text())
    drawn = {a["image_id"] for a in content["annotations"] if isinstance(a["segmentation"], list)}
    for record in content["images"]:
        if record["id"] in drawn:  # polygons, whose images are opened for their size
            Image.new("RGB", (640, 640)).save(images / record["file_name"])
    rows = [f"{k},{k},COCO/{record['file_name']},cat" for k, record in enumerate(content["images"])]
    (tmp_path / FOLDER / PHRASES).write_text("\n".join([",Id,file,Objects", *rows]))
    read = PixCVBench().samples(tmp_path, "coco")
    assert (len(read.samples), read.dropped.lines()) == (805, [])
    assert all(sample.target.masks for sample in read.samples)
    own = [rle.validate(a["segmentation"]) for a in content["annotations"] if a["image_id"] == 0]
    assert read.samples[0].target.masks == (rle.union(own),)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.sampled_from(places(COCO)), json_values("size", "counts"))
def test_any_changed_value_is_read_or_refused_cleanly(tmp_path: Path, place: Any, value: Any) -> None:
    write(tmp_path, changed(COCO, place, value))
    for sample in read_or_refused(PixCVBench(), tmp_path, "coco", FILE):
        assert PixCVBench().score(sample, Prediction(masks=sample.target.masks))["iou"] == 1
