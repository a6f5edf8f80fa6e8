"""What `samtok-bench data check` finds in a data root."""

import copy
import json
from pathlib import Path

import pytest
from test_formats_referring import INSTANCES, grefcoco

from samtok_tasks.check import CheckReport, check
from samtok_tasks.gres.task import GRES
from samtok_tasks.mini.writer import ensure_mini, write_mini
from samtok_tasks.reconstruction.task import Reconstruction


def look(root: Path) -> CheckReport:
    return check(GRES(), root, GRES.splits)


def test_counts(tmp_path: Path) -> None:
    root = grefcoco(tmp_path)
    report = look(root)
    assert not report.ok
    assert "2 images are missing, the first is " in str(report.problem)
    assert report.dropped == {"crowd targets": 2, "sentences about crowds": 2}
    val = report.splits["val"]
    assert (val.images, val.samples, val.no_target, val.one_target, val.several_targets) == (1, 3, 1, 0, 2)
    assert set(report.absent) == {"testB", "train"}
    (root / "images/train2014").mkdir(parents=True)
    for image in INSTANCES["images"]:
        (root / "images/train2014" / image["file_name"]).touch()
    assert look(root).ok
    assert json.loads(look(root).to_json())["splits"]["testA"]["one_target"] == 2


def test_the_first_problem(tmp_path: Path) -> None:
    assert "is missing" in str(look(tmp_path).problem)
    broken = copy.deepcopy(INSTANCES)
    broken["annotations"][3]["segmentation"] = {"size": [4, 4], "counts": [3]}
    assert "annotation 60: RLE counts cover 3 pixels" in str(
        look(grefcoco(tmp_path, instances=broken)).problem
    )
    assert "has no split 'val'" in str(look(grefcoco(tmp_path, [])).problem)


@pytest.mark.parametrize("task", [GRES(), Reconstruction()])
def test_mini_is_complete(task, tmp_path: Path) -> None:
    root = write_mini(tmp_path, only=["val", "testA"]).root
    report = check(task, root, ("val", "testA"))
    assert report.ok, report.problem
    assert report.dropped == {}
    assert report.splits["val"].images == 100


def test_the_cached_mini_is_complete(tmp_path: Path) -> None:
    assert check(GRES(), ensure_mini(tmp_path), GRES.splits).ok
