"""Code that a run, or a gate's file, names does not run; only what the user types does."""

import json
from pathlib import Path

import pytest

from samtok_bench import registry

CODE = "from pathlib import Path\nPath('ran').touch()\n"


@pytest.fixture
def hostile(plugin, monkeypatch, tmp_path, called):
    """A finished run whose run.json names a file beside it as its task."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_trusted", {})
    assert called("run", "--task", "squares", "--model", "perfect", "--out", "given/run")[0] == 0
    assert called("run", "--task", "squares", "--model", "perfect", "--limit", "8", "--out", "own")[0] == 0
    record = json.loads(Path("given/run/run.json").read_text())
    record["settings"]["task"] = "given/run/notes.py"
    Path("given/run/run.json").write_text(json.dumps(record))
    Path("given/run/notes.py").write_text(CODE)
    Path("results").mkdir()
    Path("gate.yaml").write_text("checks: [{metric: giou, floor: 0.5}]")
    Path("making.yaml").write_text("checks: [{metric: giou, floor: 0.5, run: {task: given/run/notes.py}}]")
    return Path("given/run")


@pytest.mark.parametrize(
    "command",
    [
        "show given/run",
        "show given/run --sample 0",
        "rescore given/run",
        "report given/run",
        "compare own given/run",
        "judge given/run --judge-model m --judge http://localhost:9/v1",
        "gate gate.yaml given/run",
        "gate making.yaml",
        "gate --power given/run",
        "leaderboard add given/run --name stranger --results results",
    ],
)
def test_it_does_not_run(hostile, called, command):
    code, out, err = called(*command.split())
    assert code != 0
    assert not Path("ran").exists()
    assert "Traceback" not in err
    assert "samtok-bench --task-file notes.py COMMAND trusts your copy of it" in out + err


@pytest.mark.parametrize("command", ["runs given", "leaderboard --results given"])
def test_listing_does_not_run_it(hostile, called, command):
    code, _, err = called(*command.split())
    assert code == 0, err
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("show own", "24 samples on 8 images"),
        ("rescore own", "24 samples on 8 images"),
        ("compare own other", "N-acc"),
        ("report own --out report.html", "report: report.html"),
        ("leaderboard --results .", "mine"),
        ("runs . --task mine", "own"),
    ],
)
def test_runs_of_a_task_in_a_file(plugin, monkeypatch, tmp_path, called, command, said):
    """Without the file, one line says what to type; with it, all commands read the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_trusted", {})
    Path("own.py").write_text("from bench_fakes import Squares\nclass Mine(Squares):\n    name = 'mine'\n")
    for out, model in (("own", "perfect"), ("other", "constant:refuse")):
        assert called("run", "--task", "own.py", "--model", model, "--out", out)[0] == 0
    registry._trusted.clear()
    if command.split()[0] not in ("leaderboard", "runs"):
        code, _, err = called(*command.split())
        assert code == 2
        assert "the task 'mine' is no installed one, a Python file defined it (defined in" in err
        assert err.endswith("samtok-bench --task-file FILE.py COMMAND reads its runs)\n")
    code, out, err = called("--task-file", "own.py", *command.split())
    assert code == 0, err
    assert said in out


@pytest.mark.parametrize(
    "command", ["show own", "rescore own", "report own --out r.html", "compare own other"]
)
def test_a_task_in_a_file_is_not_read_as_the_installed_one_of_its_name(
    plugin, monkeypatch, tmp_path, called, command
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_trusted", {})
    Path("own.py").write_text("from bench_fakes import Squares\nclass Mine(Squares):\n    pass\n")
    for out, model in (("own", "perfect"), ("other", "constant:refuse")):
        assert called("run", "--task", "own.py", "--model", model, "--out", out)[0] == 0
    registry._trusted.clear()
    code, _, err = called(*command.split())
    assert (code, err.count("\n")) == (2, 1)
    assert "the task 'squares' is no installed one, a Python file defined it" in err
    assert called("--task-file", "own.py", *command.split())[0] == 0
    # and the installed one is another task
    assert called("run", "--task", "squares", "--model", "perfect", "--out", "installed")[0] == 0
    code, _, err = called("--task-file", "own.py", "compare", "own", "installed", "--force")
    assert code == 2
    assert "task_in_file true there, false now" in err


def test_the_users_own_file_runs(hostile, called):
    Path("mine").mkdir()
    squares = "from bench_fakes import Squares\nclass Mine(Squares):\n    name = 'squares'\n"
    Path("mine/notes.py").write_text(squares)
    code, out, _ = called("--task-file", "mine/notes.py", "show", "given/run")
    assert code == 0
    assert "24 samples on 8 images" in out
    assert not Path("ran").exists()
