"""The command line: one-line errors, environment, JSON, broken plug-ins, light start."""

import json
import os
import re
import subprocess
import sys
from importlib import metadata

import pytest

from samtok_bench import registry
from samtok_bench.cli import main as cli
from samtok_bench.sample import content_id

ID = content_id("squares", "3")
HEAVY = ("torch", "numpy", "transformers", "pydantic", "PIL", "pycocotools", "samtok.qwen", "rich")


@pytest.fixture
def command(plugin, monkeypatch, tmp_path, called):
    """Call the console script in a scratch folder; see `called`."""
    monkeypatch.chdir(tmp_path)
    return called


def test_run_prints_the_table_and_the_folder(command, tmp_path):
    code, out, err = command("run", "--task", "squares", "--model", "faulty", "--batch-size", "4")
    assert code == 0
    assert "squares on val, faulty, protocol standard" in out
    assert "24 samples on 8 images: 23 ok, 1 model_error" in out
    gIoU = next(line for line in out.splitlines() if line.startswith("gIoU")).split()
    assert gIoU[1] == "95.83"
    assert gIoU[-3:] == ["30.00", "(whole)", "100.00"]
    # sample 5, which fails, is one of the twelve odd ones
    *by_tag, why = out.split("\n\n")[-2].splitlines()[2:]
    assert [line.split() for line in by_tag] == [
        ["parity", "even", "12", "100.00", "4", "images"],
        ["odd", "12", "91.67", "4", "images"],
    ]
    assert why == "a group of fewer than 10 images has no interval: their number stands there"
    folder = out.splitlines()[-1].removeprefix("results: ")
    assert (tmp_path / folder / "summary.json").is_file()
    assert "predict: 24 of 24" in err
    assert "1 samples ended as model_error, the first: RuntimeError: boom" in err


def test_json_is_the_summary_and_nothing_else(command, tmp_path):
    _, first, _ = command("run", "--task", "squares", "--model", "perfect", "--json", "--out", "a")
    _, second, _ = command("run", "--task", "squares", "--model", "perfect", "--json", "--out", "b")
    assert json.loads(first) == json.loads((tmp_path / "a" / "summary.json").read_text())
    assert first == second
    _, again, _ = command("rescore", "a", "--json")
    assert again == first


def test_options_come_from_the_environment(command, monkeypatch):
    for name, value in {"TASK": "squares", "MODEL": "perfect", "LIMIT": "3", "BATCH_SIZE": "2"}.items():
        monkeypatch.setenv(f"SAMTOK_BENCH_{name}", value)
    monkeypatch.setenv("SAMTOK_BENCH_JSON", "1")
    _, out, _ = command("run", "--out", "a")
    assert json.loads(out)["samples"] == 3
    _, out, _ = command("run", "--out", "b", "--limit", "5")
    assert json.loads(out)["samples"] == 5
    # several values, and the other half of a switch
    ids = [content_id("squares", str(k)) for k in (3, 7)]
    monkeypatch.delenv("SAMTOK_BENCH_LIMIT")
    monkeypatch.setenv("SAMTOK_BENCH_SAMPLE", " ".join(ids))
    monkeypatch.setenv("SAMTOK_BENCH_CEILING", "0")
    _, out, _ = command("run", "--out", "c")
    found = json.loads(out)
    assert (found["samples"], found["ceiling_outcomes"]) == (2, None)


def test_single_samples_show_their_answer(command):
    _, out, _ = command("run", "--task", "squares", "--model", "constant:whole", "--limit", "1")
    assert "answer" not in out
    assert "parity" not in out, "one sample has nothing to break down"
    _, out, _ = command("run", "--task", "squares", "--model", "constant:refuse", "--sample", ID)
    assert next(line for line in out.splitlines() if line.startswith(ID)).split() == [
        *(ID, "ok", "0.00", "No", "target.")
    ]


def test_all_samples_failing_is_exit_code_1(command):
    code, out, _ = command("run", "--task", "squares", "--model", "short", "--batch-size", "24")
    assert code == 1
    assert "24 model_error" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("run --task squares --model perfect --threads 0", "--threads must be at least 1, got 0"),
        ("run --task squares --model perfect --seed -1", "--seed must not be negative, got -1"),
        ("run --task squares --model oracle:gird16", "no codec, of which there are "),
        ("run --task squares --model oracle:gird16", "; did you mean 'grid16'?"),
        ("run --task squars", "unknown task 'squars'; did you mean 'squares'?"),
        ("run --task torn", "the task 'torn' cannot be loaded: ModuleNotFoundError"),
        (
            "run --task squares --model perfcet",
            "unknown model 'perfcet': no such folder, and no hub id OWNER/NAME; did you mean 'perfect'?",
        ),
        ("run --task squares --model constant:x", "unknown constant 'x'; known: refuse, whole"),
        ("run --task squares --model perfect --limit 0", "--limit must be at least 1, got 0"),
        ("run --task squares --model perfect --batch-size 0", "--batch-size must be at least 1, got 0"),
        ("run --task squares --model perfect --protocol x", "unknown protocol 'x'"),
        ("run --task squares --model perfect --constrained", "has no constrained decoding"),
        ("run --task gres --model oracle --data-root nowhere", "is missing. Expected below the data root"),
        ("rescore nowhere", "nowhere is not a results folder"),
        ("missing", "the commands of 'missing' cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(command, arguments, message):
    code, out, err = command(*arguments.split())
    assert code == 2
    assert out == ""
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_the_traceback_can_be_had(plugin, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["samtok-bench", "run", "--task", "squars"])
    monkeypatch.setenv("SAMTOK_BENCH_TRACEBACK", "1")
    with pytest.raises(ValueError, match="squars"):
        cli.main()


def test_a_bug_has_an_exit_code_of_its_own(command, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr("samtok_bench.gate.file.read_gate", fail)
    code, _, err = command("gate", "gate.yaml")
    assert code == cli.BUG
    assert "ZeroDivisionError: by chance" in err
    assert err.endswith("error: a bug in samtok-bench or in a plug-in; please report the lines above\n")


def test_a_broken_plug_in_is_listed_as_broken(command):
    _, out, _ = command("tasks")
    listed = {line.split()[0]: line for line in out.splitlines() if line}
    assert listed["torn"].endswith("broken: ModuleNotFoundError: No module named 'bench_fakes_missing'")
    assert listed["squares"].split() == ["squares", "shapes", "ready", "for", "tests"]
    rows = json.loads(command("tasks", "--json")[1])
    assert {row["task"] for row in rows if "problem" in row} == {"torn"}
    assert next(row for row in rows if row["task"] == "gres")["primary"] == "giou"


def test_tasks_looks_at_the_data_root(command, tmp_path):
    _, out, _ = command("tasks", "squares", "--data-root", "nowhere")
    assert re.search(r"^data +not there: no folder nowhere$", out, re.MULTILINE)
    rows = json.loads(command("tasks", "--data-root", str(tmp_path), "--json")[1])
    data = {row["task"]: row["data"] for row in rows if "data" in row}
    assert data["squares"] == {"ready": True, "detail": str(tmp_path)}
    assert not data["gres"]["ready"]
    assert "grefs(unc).json is missing" in data["gres"]["detail"]


def test_one_task_is_shown_whole(command):
    code, out, _ = command("tasks", "multi_round")
    assert code == 0
    for line in (
        r"multi_round: segmentation over the rounds .*",
        r"splits +refcoco_val, refcoco\+_val, .*",
        r"protocols +standard, released",
        r"--data +dialogues, rounds",
        r"--option history +ground-truth, own",
        r"fetched from +Marlo-Z/SegLLM_dataset",
        r"source +SegLLM, .*",
        r"cIoU 2\+ \u2191 +ciou_later +.*, ranks models",
    ):
        assert re.search(f"^{line}$", out, re.MULTILINE), line
    assert json.loads(command("tasks", "multi_round", "--json")[1])["options"] == {
        "history": ["ground-truth", "own"]
    }
    assert command("tasks", "grse")[2] == "error: unknown task 'grse'; did you mean 'gres'?\n"
    assert "torn is broken: ModuleNotFoundError" in command("tasks", "torn")[2]


def test_models_shows_what_to_write(command):
    _, out, _ = command("models")
    assert "constant:refuse, constant:whole" in out
    assert "nano, FOLDER, OWNER/NAME" in out
    assert "oracle:CODEC" in out
    assert "grid16, grid32" in out


def test_the_version_also_as_a_module(command):
    code, out, _ = command("--version")
    assert code == 0
    assert out == f"samtok-bench {metadata.version('samtok-bench')}\n"
    said = subprocess.run([sys.executable, "-m", "samtok_bench", "--version"], capture_output=True, text=True)
    assert said.stdout == out


def test_help_imports_nothing_heavy(plugin):
    program = (
        "import sys; from samtok_bench.cli.main import main; sys.argv = ['samtok-bench', '--help']\n"
        "try: main()\n"
        f"finally: print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    environment = {**os.environ, "PYTHONPATH": plugin}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.stderr.strip() == "[]", done.stderr
    text = " ".join(done.stdout.split())
    assert "run Run a task on a model. The same command resumes an interrupted run. rescore" in text
    assert "tasks List the tasks and whether their data is there, or show one" in text
    assert "train Train a tokenizer or a model from a recipe." in text


def test_unknown_commands_are_compared_with_all(command):
    for arguments, near in (
        (["rn"], "'run', 'runs'"),
        (["leaderbord"], "'leaderboard'"),
        (["data", "mimi"], "'mini'"),
    ):
        code, _, err = command(*arguments)
        assert code == 2
        assert err.endswith(f"Error: No such command {arguments[-1]!r}. Did you mean {near}?\n")


def test_all_tasks_in_one_run(command, monkeypatch, tmp_path):
    """One that cannot run is told and does not keep the others from it."""
    names = registry.names
    monkeypatch.setattr(
        registry, "names", lambda kind: ["squares", "torn"] if kind == "task" else names(kind)
    )
    code, out, _ = command("run", "--task", "all", "--model", "perfect", "--limit", "4", "--out", "many")
    assert code == 1
    row = next(line for line in out.splitlines() if line.startswith("squares")).split()
    assert row[:5] == ["squares", "val", "4", "gIoU", "100.00"]
    assert row[-2:] == ["4", "ok"]
    assert "torn: failed: the task 'torn' cannot be loaded" in out
    assert (tmp_path / "many" / "squares" / "summary.json").is_file()
    code, out, _ = command("run", "--task", "all", "--model", "perfect", "--limit", "4", "--json")
    found = json.loads(out)
    assert found["squares"]["samples"] == 4
    assert "cannot be loaded" in found["torn"]["problem"]
