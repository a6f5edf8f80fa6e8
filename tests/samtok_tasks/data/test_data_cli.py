import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from samtok_tasks.data.cli import app
from samtok_tasks.mini import writer
from samtok_tasks.mini.cache import mini_cache
from samtok_tasks.mini.contents import combined, expected_hashes
from samtok_tasks.mini.writer import read_marker, write_mini


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mini's testA alone."""
    return write_mini(tmp_path_factory.mktemp("part"), only=["testA"]).root


def test_mini_then_check(tmp_path: Path) -> None:
    sheet = tmp_path / "pictures" / "sheet.png"
    made = CliRunner().invoke(app, ["data", "mini", "--json", "--sheet", str(sheet)])
    assert made.exit_code == 0, made.output
    written = json.loads(made.output)
    assert written["content_hash"] == combined(expected_hashes())
    assert Path(written["root"]) == mini_cache()
    with Image.open(sheet) as picture:
        assert min(picture.size) > 500
    checked = CliRunner().invoke(app, ["data", "check", "--json"])
    assert checked.exit_code == 0
    report = json.loads(checked.output)
    assert report["ok"]
    assert report["splits"]["val"]["samples"] == 240


def test_tables(part: Path) -> None:
    made = CliRunner().invoke(app, ["data", "check", "--data-root", str(part)])
    assert made.exit_code == 0
    assert "complete" in made.output
    assert "testA" in made.output


def test_a_split_that_is_named_and_not_there_exits_with_one(part: Path) -> None:
    named = ["data", "check", "--data-root", str(part), "--split", "testA"]
    assert CliRunner().invoke(app, named).exit_code == 0
    result = CliRunner().invoke(app, [*named, "--split", "tset"])
    assert result.exit_code == 1
    assert "not there: split tset: " in result.output


def test_an_incomplete_root_exits_with_one(part: Path, tmp_path: Path) -> None:
    shutil.copytree(part, tmp_path / "torn")
    next((tmp_path / "torn/images/train2014").iterdir()).unlink()
    result = CliRunner().invoke(app, ["data", "check", "--data-root", str(tmp_path / "torn")])
    assert result.exit_code == 1
    assert "1 images are missing" in result.output
    empty = CliRunner().invoke(app, ["data", "check", "--data-root", str(tmp_path / "nowhere"), "--json"])
    assert empty.exit_code == 1
    assert "is missing" in json.loads(empty.output)["problem"]


def test_an_unknown_task_is_an_error() -> None:
    result = CliRunner().invoke(app, ["data", "check", "--task", "gers"])
    assert isinstance(result.exception, ValueError)
    assert "unknown task 'gers'; did you mean 'gres'?" in str(result.exception)


def test_a_group_of_tasks_is_an_error_that_names_its_members() -> None:
    result = CliRunner().invoke(app, ["data", "check", "--task", "region_vqa"])
    assert isinstance(result.exception, ValueError)
    assert "gar-bench" in str(result.exception)


def test_options_come_from_the_environment(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TASK", "gres"), ("DATA_ROOT", str(part)), ("SPLIT", "testA")):
        monkeypatch.setenv(f"SAMTOK_BENCH_{name}", value)
    checked = CliRunner().invoke(app, ["data", "check"])
    assert checked.exit_code == 0, checked.output
    assert checked.output.rstrip().endswith(f"gres in {part}: complete")
    assert "not there" not in checked.output


def test_an_interrupted_mini_leaves_no_half_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called
) -> None:
    """Into a folder that is new, one with a file of the user's, and one with mini."""
    monkeypatch.setattr(writer, "SPLITS", {"val": writer.SplitPlan(first_seed=77, images=2, expressions=4)})
    files, calls = writer.write_files, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) % 2:
            return files(*arguments)
        raise KeyboardInterrupt

    out = tmp_path / "out"
    for kept in ([], ["notes.txt"]):
        for name in kept:
            out.mkdir()
            (out / name).write_text("mine")
        monkeypatch.setattr(writer, "write_files", interrupted)
        calls.clear()
        code, _, err = called("data", "mini", "--out", str(out))
        assert (code, err) == (130, f"interrupted: {out} is not whole: the same command writes it again\n")
        assert [path.name for path in tmp_path.rglob("*")] == (["out", *kept] if kept else [])
        monkeypatch.setattr(writer, "write_files", files)
        for _ in range(2):
            code, _, err = called("data", "mini", "--out", str(out))
            assert (code, err) == (0, "")
            assert read_marker(out)["splits"]["val"]["images"] == 2
            assert (
                sorted(path.name for path in out.iterdir() if path.is_file() and path.suffix == ".txt")
                == kept
            )
        shutil.rmtree(out)
