"""What `samtok-bench data check` finds in a data root."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from refer_samples import INSTANCES, grefcoco
from typer.testing import CliRunner

from samtok_bench.leaderboard.published import shipped
from samtok_bench.sample import Sample, Target
from samtok_bench.task import Dropped, Generation, SampleSet, Task
from samtok_tasks.data.check import CheckReport, check
from samtok_tasks.data.cli import _show, app
from samtok_tasks.gres.task import GRES
from samtok_tasks.mini.cache import ensure_mini
from samtok_tasks.mini.writer import MARKER
from samtok_tasks.reasonseg.reader import FOLDER
from samtok_tasks.reconstruction.task import Reconstruction


def look(root: Path) -> CheckReport:
    return check(GRES(), root, GRES.splits)


def test_counts(tmp_path: Path) -> None:
    root = grefcoco(tmp_path)
    report = look(root)
    assert not report.ok
    assert "2 images are missing, the first is " in str(report.problem)
    val = report.splits["val"]
    assert val.dropped.counts == {"crowd targets": 2, "sentences about crowds": 2}
    assert (val.images, val.samples, val.no_target, val.one_target, val.several_targets) == (1, 3, 1, 0, 2)
    assert set(report.absent) == {"testB", "train"}
    (root / "images/train2014").mkdir(parents=True)
    for image in INSTANCES["images"]:
        (root / "images/train2014" / image["file_name"]).touch()
    assert look(root).ok
    told = json.loads(look(root).to_json())
    assert told["splits"]["testA"]["one_target"] == 2
    assert told["splits"]["testA"]["dropped"]["counts"]["crowd targets"] == 2


def test_other_counts_than_the_official_ones_and_a_default_split_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    schema = SimpleNamespace(
        official=lambda *given: asked.append(given) or ((3,) if given[1] == "one" else ())
    )
    monkeypatch.setattr("samtok_tasks.data.check.shipped", lambda: (schema, []))
    monkeypatch.setattr(Left, "default_split", lambda self, root: "three")
    (tmp_path / "a.png").touch()
    report = check(Left(), tmp_path, ["one"])
    report.absent["three"] = "no file"
    assert report.ok
    assert asked == [("left", "one", None)]
    _show(report)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "run needs --split one: by default it takes three",
        f"left in {tmp_path}: can be run, but one has 1 samples, officially 3",
    ]
    (tmp_path / MARKER).touch()
    assert check(Left(), tmp_path, ["one"]).verdict == "complete"


def test_a_split_that_is_named_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = grefcoco(tmp_path)
    (root / "images/train2014").mkdir(parents=True)
    for image in INSTANCES["images"]:
        (root / "images/train2014" / image["file_name"]).touch()
    assert check(GRES(), root, ["val", "tset"]).ok
    report = check(GRES(), root, ["val", "tset"], every=True)
    assert "has no split 'tset'" in str(report.problem)
    _show(report)
    told = capsys.readouterr().out.splitlines()
    assert f"not there: split tset: {report.absent['tset']}" in told
    assert told[-1] == f"gres in {root}: {report.absent['tset']}"


def test_an_image_that_is_cut_is_found_by_decoding_it(tmp_path: Path) -> None:
    Image.effect_noise((64, 64), 80).save(tmp_path / "a.png")
    assert check(Left(), tmp_path, ["one"], decode=True).ok
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    assert check(Left(), tmp_path, ["one"]).ok
    problem = check(Left(), tmp_path, ["one"], decode=True).problem
    assert str(problem).startswith("1 of 1 images cannot be read, the first: ")
    assert str(tmp_path / "a.png") in str(problem)
    assert CliRunner().invoke(app, ["data", "check", "--images", "--split", "val", "--json"]).exit_code == 0


def test_the_official_counts_are_those_of_the_leaderboard() -> None:
    schema, _ = shipped()
    assert schema.official("multi_round", "refcoco_val", "rounds") == (6678,)
    assert schema.official("multi_round", "no split", "rounds") == ()


def test_the_first_problem(tmp_path: Path) -> None:
    assert "is missing" in str(look(tmp_path).problem)
    broken = copy.deepcopy(INSTANCES)
    broken["annotations"][3]["segmentation"] = {"size": [4, 4], "counts": [3]}
    assert "annotation 60: RLE counts cover 3 pixels" in str(
        look(grefcoco(tmp_path, instances=broken)).problem
    )
    assert "has no split 'val'" in str(look(grefcoco(tmp_path, [])).problem)


@pytest.mark.parametrize("task", [GRES(), Reconstruction()])
def test_mini_is_complete(task) -> None:
    report = check(task, ensure_mini(), task.splits)
    assert report.ok, report.problem
    assert not any(split.dropped.counts for split in report.splits.values())
    assert report.splits["val"].images == 100


class Left(Task):
    """A sample in each split, and a reader that leaves some out."""

    name = "left"
    splits = ("one", "two")
    metrics = ()
    generation = Generation(1)
    score = None  # type: ignore[assignment]

    def samples(self, root, split):
        dropped = Dropped()
        dropped.add("crowds", "all.json: record 3", count=2)
        count = dropped.add if split == "one" else dropped.lose
        count("boxes" if split == "one" else "lost boxes", f"{split}.json: box 1")
        sample = Sample("a", root / "a.png", (4, 4), (), "a", Target())
        return SampleSet([sample], dropped)


def test_what_cannot_be_read_for_want_of_a_file_is_a_problem(tmp_path: Path) -> None:
    assert check(Left(), tmp_path, ["one"]).problem == f"1 images are missing, the first is {tmp_path}/a.png"
    (tmp_path / "a.png").touch()
    assert check(Left(), tmp_path, ["one"]).ok
    report = check(Left(), tmp_path, Left.splits)
    assert report.problem == "1 lost boxes, the first: two.json: box 1"
    assert report.splits["one"].dropped.counts == {"crowds": 2, "boxes": 1}


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:9])])
def test_a_file_that_a_reader_needs_is_missed(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    name = f"{FOLDER}/val/a"
    outline = {"label": "target", "points": [[0, 0], [9, 0], [9, 9]]}
    (tmp_path / name).parent.mkdir(parents=True)
    for stem in "ab":
        content = {"text": ["the thing"], "is_sentence": False, "shapes": [outline]}
        (tmp_path / name).with_name(f"{stem}.json").write_text(json.dumps(content))
        Image.new("RGB", (30, 20)).save((tmp_path / name).with_name(f"{stem}.jpg"))
    told = ("data", "check", "--task", "reasonseg", "--data-root", str(tmp_path), "--split", "val")
    assert CliRunner().invoke(app, told).exit_code == 0
    harm(tmp_path / f"{name}.jpg")
    result = CliRunner().invoke(app, told)
    assert (result.exit_code, f"the first: {tmp_path / name}" in result.output) == (1, True)


def test_what_all_splits_leave_out_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _show(check(Left(), tmp_path, Left.splits))
    assert capsys.readouterr().out.splitlines()[5:-1] == [
        "left out of one, two: 2 crowds, the first: all.json: record 3",
        "left out of one: 1 boxes, the first: one.json: box 1",
        "left out of two: 1 lost boxes, the first: two.json: box 1",
    ]
