"""Groups: every member whose data is there, one table, and a word about the others."""

import json

import pytest
from PIL import Image

SHAPES = ("run", "--task", "shapes", "--model", "perfect", "--limit", "4")


@pytest.fixture
def command(plugin, monkeypatch, tmp_path, called):
    """Call the console script in a scratch folder; see `called`."""
    monkeypatch.chdir(tmp_path)
    return called


def test_a_member_without_data_is_left_out_and_says_why(command, tmp_path):
    code, out, _ = command(*SHAPES, "--out", "many")
    assert code == 0
    row = next(line for line in out.splitlines() if line.startswith("squares")).split()
    assert row[:5] == ["squares", "val", "4", "gIoU", "100.00"]
    assert "far-squares: left out: needs a --data-root: there is no generated data for it" in out
    assert (tmp_path / "many" / "squares" / "summary.json").is_file()
    assert not (tmp_path / "many" / "far-squares").exists()


def test_a_group_without_an_answer_fails_as_one_task_does(command):
    failing = ("--model", "short", "--limit", "4", "--no-ceiling")
    for task in ("squares", "shapes"):
        code, out, _ = command("run", "--task", task, *failing, "--out", task)
        assert code == 1, out


def test_every_member_whose_data_is_there_runs(command, tmp_path):
    Image.new("RGB", (10, 10)).save(tmp_path / "image0.png")
    code, out, _ = command(*SHAPES, "--data-root", ".", "--json")
    assert code == 0
    found = json.loads(out)
    assert {name: run["samples"] for name, run in found.items()} == {"squares": 4, "far-squares": 4}


def test_a_group_without_any_data_fails(command, tmp_path, monkeypatch):
    code, out, _ = command(*SHAPES, "--data-root", "nowhere")
    assert code == 1
    assert "squares: left out: no folder nowhere" in out
    assert "far-squares: left out: nowhere/image0.png is missing" in out
    code, out, _ = command(*SHAPES, "--data-root", "nowhere", "--json")
    assert code == 1
    assert json.loads(out)["squares"] == {"left_out": "no folder nowhere"}


def test_a_member_that_fails_does_not_keep_the_others_from_running(command):
    code, out, _ = command(*SHAPES[:3], "--model", "unloadable", "--limit", "4")
    assert code == 1
    assert "squares: failed: " in out
    assert "far-squares: left out: " in out


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), SystemExit("gone")])
@pytest.mark.parametrize("where", ["data_status", "samples", "score"])
def test_nor_does_one_whose_code_raises_what_it_should_not(command, tmp_path, monkeypatch, error, where):
    import bench_fakes

    def broken(*_):
        raise error

    Image.new("RGB", (10, 10)).save(tmp_path / "image0.png")
    monkeypatch.setattr(bench_fakes.FarSquares, where, broken)
    code, out, err = command(*SHAPES, "--data-root", ".")
    assert code == 1
    assert next(line for line in out.splitlines() if line.startswith("squares ")).split()[4] == "100.00"
    assert f"far-squares: failed: {type(error).__name__}: {error}" in out
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--task region_caption --data dlc",
            "--data a file format of one: instead of --task region_c",
        ),
        ("--task region_caption --data dlc", " use --task dlc-bench\n"),
        ("--task region_caption --data vg", " use --task vg-caption\n"),
        ("--task region_vqa --data visual7w", " use --task visual7w\n"),
        ("--task region_vqa --data vip-bench", " use --task vip-bench\n"),
        ("--task region_caption --data lvis", " use one of dlc-bench, ferret-bench, mdvp-bench, refcocog-c"),
        (
            "--task scene_graph --data open",
            "'open' is no data format of the task 'scene_graph': use --opt",
        ),
        (
            "--task shapes --sample 12",
            "--sample is for a single task, and 'shapes' is a group: far-",
        ),
        ("--task shapes --option a=b", "--option is for a single task, and 'shapes' is a group"),
        ("--task shapes --codec box", "'shapes' is a group of tasks; name one of them: far-squares, squares"),
    ],
)
def test_what_a_group_cannot_take(command, arguments, message):
    code, out, err = command("run", *arguments.split(), "--model", "oracle")
    assert code == 2
    assert out == ""
    assert message in err
    assert err.count("\n") == 1


def test_the_groups_of_the_benchmarks(command):
    rows = json.loads(command("tasks", "--json")[1])
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row.get("group", ""), []).append(row["task"])
    assert groups["referring"] == ["refcoco", "refcoco+", "refcocog"]
    assert groups["region_caption"] == [
        *("dlc-bench", "ferret-bench", "mdvp-bench", "refcocog-caption", "vg-caption", "videorefer-bench"),
    ]
    assert groups["region_vqa"] == ["gar-bench", "vip-bench", "visual7w"]
