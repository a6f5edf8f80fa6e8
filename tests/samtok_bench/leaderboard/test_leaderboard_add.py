"""`leaderboard add`: what is refused, what is told, what is copied."""

import json
from pathlib import Path

import pytest
from notes import Notes
from official_runs import gres_score, write_official
from synthetic_runs import edit

from samtok_bench import registry
from samtok_bench.leaderboard.board import make_board
from samtok_bench.leaderboard.published import shipped
from samtok_bench.leaderboard.submission import SUBMISSION, read_submission
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import run
from samtok_bench.runs.folder import CEILING, JOURNAL, RUN, SUMMARY, RunFolder
from samtok_bench.showing.overlays import OVERLAYS


@pytest.fixture
def add(command, work):
    """A finished run, and `samtok-bench leaderboard add`: (exit code, stdout, stderr)."""
    go("mine")
    return lambda *arguments: command("leaderboard", "add", *arguments)


def go(name: str, **options) -> Path:
    chosen = {"task": "squares", "model": "perfect", **options}
    return run(RunOptions(out=Path(name), **chosen), Notes()).folder


def test_a_good_run_is_copied(add, work):
    (work / "mine" / OVERLAYS).write_bytes(b"a picture of the data set")
    code, out, err = add("mine")
    assert (code, err) == (0, "")
    assert "ok: 24 answers, scored again, give the same scores and summary" in out
    assert "ok: the first run of its table" in out
    assert out.endswith("copied to results/squares/mine; now: samtok-bench leaderboard --write\n")
    copy = work / "results/squares/mine"
    assert {path.name for path in copy.iterdir()} == {RUN, JOURNAL, SUMMARY, CEILING}
    assert all(path.read_bytes() == (work / "mine" / path.name).read_bytes() for path in copy.iterdir())
    # nothing else is left behind
    assert [path.name for path in copy.parent.iterdir()] == ["mine"]


def test_the_run_itself_is_not_touched(add, work):
    before = {path.name: path.read_bytes() for path in (work / "mine").iterdir()}
    assert add("mine")[0] == 0
    assert {path.name: path.read_bytes() for path in (work / "mine").iterdir()} == before


def test_nothing_is_overwritten(add, work):
    assert add("mine")[0] == 0
    code, out, err = add("mine")
    assert (code, out) == (2, "")
    assert "results/squares/mine exists already and is never overwritten: give another --name" in err
    code, out, _ = add("mine", "--name", "other", "--json")
    assert code == 0
    found = json.loads(out)
    assert found["folder"] == "results/squares/other"
    assert "same data as the other runs of its table, 1" in found["checked"]


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b"])
def test_a_name_is_one_folder(add, work, name):
    code, _, err = add("mine", "--name", name)
    if name:
        assert (code, "cannot name a folder" in err) == (2, True)
    else:
        assert code == 0  # as if it were absent
    assert {path.name for path in work.iterdir()} <= {"mine", "results"}


def stale_value(folder: Path) -> None:
    edit(folder / SUMMARY, lambda content: content["metrics"][0].update(value=0.5))


def stale_interval(folder: Path) -> None:
    edit(folder / SUMMARY, lambda content: content["metrics"][0].update(low=0.5))


def stale_floor(folder: Path) -> None:
    edit(folder / SUMMARY, lambda content: content["metrics"][1].update(floor=0.0))


def other_version(folder: Path) -> None:
    edit(folder / SUMMARY, lambda content: content["metrics"][0].update(version=7))


def more_metrics(folder: Path) -> None:
    more = {"id": "more"}
    edit(folder / SUMMARY, lambda content: content["metrics"].append({**content["metrics"][0], **more}))


def fewer_metrics(folder: Path) -> None:
    edit(folder / SUMMARY, lambda content: content["metrics"].pop(1))


def better_scores(folder: Path) -> None:
    """Scores that the answers do not have, with a summary that fits them."""
    path = folder / JOURNAL
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["masks"] = []
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def other_model(folder: Path) -> None:
    edit(folder / SUMMARY, lambda content: content.update(model="best"))


def unfinished(folder: Path) -> None:
    edit(folder / RUN, lambda content: content.update(status="running"))


def limited(folder: Path) -> None:
    edit(folder / RUN, lambda content: content["settings"].update(limit=24))


def more_settings(folder: Path) -> None:
    edit(folder / RUN, lambda content: content["settings"].update(policy="strict"))


def older(folder: Path) -> None:
    edit(folder / RUN, lambda content: content.update(schema_version=2))


def unknown_task(folder: Path) -> None:
    edit(folder / RUN, lambda content: content["settings"].update(task="circles"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (stale_value, "scored again, summary.json differs in giou: rescore it"),
        (stale_interval, "scored again, summary.json differs in giou: rescore it"),
        (stale_floor, "scored again, summary.json differs in ciou: rescore it"),
        (other_version, "has version 7 of giou, not 2: rescore it"),
        (more_metrics, "the task has no metric 'more': rescore it"),
        (fewer_metrics, "summary.json has no ciou"),
        (better_scores, "in samples.jsonl now gets other scores: rescore it"),
        (other_model, "summary.json does not belong to run.json: model perfect there, best now"),
        (unfinished, "mine is incomplete: run its command again"),
        (limited, "mine was made with --limit or --sample: a table needs all samples"),
        (more_settings, "mine/run.json is malformed: settings.policy: Extra inputs are not permitted"),
        (older, "mine/run.json is of schema version 2, this samtok-bench reads version 3"),
        (unknown_task, "unknown task 'circles'"),
    ],
)
def test_what_is_refused(add, work, change, message):
    change(work / "mine")
    code, out, err = add("mine")
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (work / "results").exists()


def test_changed_data_is_refused(add, work, monkeypatch):
    monkeypatch.setenv("SQUARES_SHIFT", "1")
    code, _, err = add("mine")
    assert code == 2
    assert "changed since mine was run" in err


def test_other_data_than_the_table_has_is_refused(add, work, monkeypatch):
    assert add("mine")[0] == 0
    monkeypatch.setenv("SQUARES_SHIFT", "1")
    go("shifted")
    code, _, err = add("shifted")
    assert code == 2
    assert "shifted has other data than results/squares/mine: " in err
    # of another table it may be
    go("released", protocol="released")
    assert add("released")[0] == 0


def test_without_the_data_the_sums_are_checked_and_that_is_told(add, work):
    task = registry.task_class("gres")("released")
    write_official(Path("far"), task, "val", [gres_score(0.4)] * 4, dirty=True, failed=1)
    code, out, err = add("far")
    assert code == 0, err
    assert "the summary agrees with the scores in samples.jsonl; not scored again without the data: " in out
    assert "note: the run was made by uncommitted code on top of cccccccccccc" in out
    assert "note: run.json names the data folder of your machine: /official" in out
    stale_value(work / "far")
    code, _, err = add("far", "--name", "again")
    assert code == 2
    assert "summary.json and samples.jsonl differ in giou: rescore it" in err


def test_no_commit_and_failed_samples_are_told(add, work):
    go("faulty", model="faulty")
    edit(work / "faulty" / RUN, lambda content: content["sessions"][0].update(git_commit=None))
    out = add("faulty")[1]
    assert "note: the run has no recorded commit" in out
    assert "note: 1 of 24 samples have no answer and are scored as unanswered" in out


def test_on_what_the_checkpoint_was_selected_is_asked_kept_and_shown(add, work):
    assert (
        "note: it is not said on what data the checkpoint was selected: --selected-on TEXT" in add("mine")[1]
    )
    task = registry.task_class("gres")("released")
    write_official(Path("far"), task, "testB", [gres_score(0.4)] * 4)
    code, out, err = add("far", "--selected-on", " refcocog val, loss ")
    assert code == 0, err
    assert "note: the checkpoint was selected on refcocog val, loss: not on this split" in out
    copy = work / "results/gres/far"
    assert read_submission(copy).selected_on == "refcocog val, loss"
    board = make_board(*shipped(), [copy], task="gres")
    (row,) = [row for row in board.rows if row.run]
    assert "checkpoint selected on refcocog val, loss" in row.run.notes
    (copy / SUBMISSION).write_text('{"schema_version": 3, "selected": "x"}')
    (left,) = make_board(*shipped(), [copy], task="gres").left_out
    assert "submission.json is malformed: selected" in left.reason
    for bad in ("", " ", "two\nlines", "x" * 201):
        code, _, err = add("mine", "--name", "other", "--selected-on", bad)
        assert (code, err.count("\n")) == (2, 1)
        assert "--selected-on must be one line of 1 to 200 characters" in err


def test_a_copy_that_is_cut_short_leaves_nothing(add, work, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("samtok_bench.leaderboard.submit._rescored", lambda *_: "")
    monkeypatch.setattr("samtok_bench.leaderboard.submit.shutil.copyfile", full)
    code, _, err = add("mine")
    assert code == 2
    assert "No space left on device" in err
    assert list((work / "results/squares").iterdir()) == []
    assert RunFolder(work / "mine").exists()
