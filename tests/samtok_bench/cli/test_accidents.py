"""Whatever writes, stopped at every moment: one line, nothing half written, and the same command goes on."""

import json
import resource
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from accidents import accident, full, interrupted, kill_at
from judged_squares import SERVER, install

from samtok_bench.cli import main as cli
from samtok_bench.files import PART, is_aside

COMMANDS = {
    "run": "run --task squares --model perfect --batch-size 9 --out out",
    "codecs": "run --task squares --codec box --codec polygon8 --limit 4 --no-ceiling --out out",
    "group": "run --task shapes --model perfect --no-ceiling --out out",
    "rescore": "rescore done",
    "judge": f"judge judged {SERVER}",
    "report": "report done --out out/page.html",
    "compare": "compare done other --out out/table.txt",
    "gate": "gate gate.yaml --junit out/junit.xml",
    "board": "leaderboard --results done --html out/board.html",
    "pages": "leaderboard --results done --write --folder pages",
    "add": "leaderboard add done --results out --name mine",
}
TIMES = ("sessions", "seconds", "timings", "asked", "first_asked", "last_asked")
QUICK = ("run", "judge", "report", "add")
CASES = [
    *(pytest.param(name, 11, id=f"{name}-some") for name in QUICK),
    *(
        pytest.param(name, 17 if name in ("pages", "codecs") else 7, marks=pytest.mark.slow, id=name)
        for name in COMMANDS
    ),
]
"""Commands, and every how many moments are tried."""


@pytest.fixture
def base(work, monkeypatch, called) -> Path:
    """A folder with finished runs."""
    install(monkeypatch)
    runs = (("squares", "perfect", "done"), ("squares", "faulty", "other"))
    for task, model, folder in (*runs, ("judged-squares", "perfect", "judged")):
        limit = ("--limit", "5") if folder == "judged" else ()
        code, _, err = called("run", "--task", task, "--model", model, "--out", folder, *limit)
        assert code == 0, err
    Path("gate.yaml").write_text("checks: [{metric: giou, floor: 0.5, run: done}]")
    Path("pages").mkdir()
    return work


@pytest.fixture
def fresh(base, tmp_path, monkeypatch):
    """Go to a new copy of that folder."""

    def fresh() -> Path:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(base, copy)
        monkeypatch.chdir(copy)
        return copy

    return fresh


def content(folder: Path) -> dict[str, Any]:
    """All files by path, without what tells the time."""
    return {str(path.relative_to(folder)): _timeless(path) for path in folder.rglob("*") if path.is_file()}


def _timeless(path: Path) -> Any:
    raw = path.read_bytes()
    if path.suffix not in (".json", ".jsonl"):
        return raw
    drop = lambda record: {name: value for name, value in record.items() if name not in TIMES}  # noqa: E731
    lines = [raw] if path.suffix == ".json" else raw.splitlines()
    records = [json.loads(line, object_hook=drop) for line in lines]
    # a judge's replies are written as they come
    return sorted(records, key=json.dumps) if path.name == "judge.jsonl" else records


def finish(called, name: str, folder: Path, wanted: dict[str, Any]) -> None:
    """The same command again ends as if nothing had happened."""
    code, _, err = called(*COMMANDS[name].split())
    taken = name == "add" and "exists already" in err
    assert code == (2 if taken else 0), err
    assert content(folder) == wanted
    assert not [path for path in folder.rglob("*") if is_aside(path.name)]


def check_listed(called) -> None:
    """What was stopped is listed as a run that is not complete, or not at all."""
    code, out, _ = called("runs", ".", "--json")
    assert code == 0
    assert [run["problem"] for run in json.loads(out) if run["problem"]] == []


def undisturbed(called, fresh, name: str) -> dict[str, Any]:
    folder = fresh()
    code, _, err = called(*COMMANDS[name].split())
    assert code == 0, err
    return content(folder)


def interrupt(called, name: str, moment: int) -> bool:
    """It says what is kept."""
    with accident(interrupted, moment) as came:
        code, _, err = called(*COMMANDS[name].split())
    if len(came) <= moment:
        return False
    assert code == 130
    *_, last = err.splitlines()
    assert last.startswith("interrupted: ")
    assert err.count("interrupted: ") == 1
    assert "the same command" in last or "is whole" in last
    return True


def fill_disk(called, name: str, moment: int) -> bool:
    """One line names the file."""
    with accident(full, moment) as came:
        code, out, err = called(*COMMANDS[name].split())
    if len(came) <= moment:
        return False
    if code:  # else it was a picture, or something else that can be done without
        in_table = name == "group" and code == 1
        assert code == (1 if in_table else 2)
        assert "[Errno 28] No space left on device: '" in (out if in_table else err)
        assert err.count("error: ") == (0 if in_table else 1)
    return True


def kill(called, name: str, moment: int) -> bool:
    """Nothing is lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["samtok-bench", *COMMANDS[name].split()])
        return kill_at(moment, cli.main)


@pytest.mark.parametrize(("name", "step"), CASES)
def test_what_is_stopped_goes_on(called, fresh, name, step):
    wanted = undisturbed(called, fresh, name)
    for stop in (interrupt, fill_disk, kill):
        folder, moment = fresh(), 0
        while stop(called, name, moment):
            assert stop is kill or not [path for path in folder.rglob("*") if is_aside(path.name)]
            check_listed(called)
            finish(called, name, folder, wanted)
            folder, moment = fresh(), moment + step
        assert moment


@pytest.mark.parametrize("name", QUICK)
def test_a_disk_that_fills_in_the_middle_of_a_file(called, fresh, name):
    """With files of a limited size as the disk."""
    wanted = undisturbed(called, fresh, name)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (1, 700, 5000):
        folder = fresh()
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            code, out, err = called(*COMMANDS[name].split())
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        if code:
            assert code == (1 if name == "group" else 2)
            assert "[Errno 27] File too large: '" in (out if name == "group" else err)
        check_listed(called)
        finish(called, name, folder, wanted)


def test_what_a_killed_start_left_does_not_block_a_folder(called, fresh):
    fresh()
    Path("out").mkdir()
    (Path("out") / f"run.json{PART}").write_bytes(b'{"half":')
    code, _, err = called(*COMMANDS["run"].split())
    assert code == 0, err
    assert not [path for path in Path("out").iterdir() if is_aside(path.name)]


def test_output_that_cannot_be_written(called, fresh, monkeypatch):
    """A full disk is said; a pipe without a reader has a code that no gate has."""
    fresh()

    def stopped(error):
        def echo(*_, **__):
            raise error

        return echo

    for error, code, said in (
        (
            OSError(28, "No space left on device"),
            2,
            "error: [Errno 28] No space left on device: 'standard output'\n",
        ),
        (BrokenPipeError(32, "Broken pipe"), 141, ""),
    ):
        monkeypatch.setattr("typer.echo", stopped(error))
        assert called("gate", "gate.yaml") == (code, "", said)


def test_an_interrupt_before_a_command(called, fresh, monkeypatch):
    fresh()
    monkeypatch.setattr(cli, "build_app", interrupted)
    begins_again = "interrupted: no file is half written; the same command begins again\n"
    assert called("runs") == (130, "", begins_again)
