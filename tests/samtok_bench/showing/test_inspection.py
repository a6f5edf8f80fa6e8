"""`runs`, `show`, and runs in a notebook."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image
from synthetic_runs import COUNT, write_run
from typer.testing import CliRunner

import samtok_bench
from samtok_bench.cli.main import build_app
from samtok_bench.judging.transcript import JudgeFile, JudgeSummary
from samtok_bench.runs.folder import JOURNAL, RUN, SUMMARY

XS = [k / COUNT for k in range(COUNT)]


def test_runs_are_found_wherever_they_lie(command, work):
    write_run(work / "results/one", XS)
    write_run(work / "runs/deep/two", XS, settings={"model": "other"})
    shutil.copytree(work / "results/one", work / "results/broken")
    (work / "results/broken" / RUN).write_text("{")
    shutil.copytree(work / "results/one", work / "results/killed")
    record = json.loads((work / "results/killed" / RUN).read_text())
    (work / "results/killed" / RUN).write_text(json.dumps({**record, "status": "running"}))
    (work / "results/killed" / SUMMARY).unlink()
    code, out, _ = command("runs")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["results/killed", "results/one", "runs/deep/two"]
    assert "running" in lines[2]
    assert "mean 48.75" in lines[3]
    assert lines[4].split()[1:5] == ["synthetic", "val", "standard", "other"]
    assert "results/broken: results/broken/run.json is malformed" in lines[-1]
    assert len(command("runs", "results", "--task", "synthetic")[1].splitlines()) == 6
    listed = json.loads(command("runs", "runs", "--json")[1])
    assert listed[0]["path"] == "runs/deep/two"
    assert listed[0]["primary"]["value"] == pytest.approx(0.4875)


def test_runs_of_a_task_and_those_that_may_be_of_it(command, work):
    write_run(work / "results/one", XS)
    shutil.copytree(work / "results/one", work / "results/broken")
    (work / "results/broken" / RUN).write_text("{")
    removed = work / "results/removed"
    write_run(removed, XS, settings={"task": "no longer installed"})
    for task, found in (("synthetic", "one"), ("no longer installed", "removed")):
        listed = json.loads(command("runs", "--task", task, "--json")[1])
        assert [Path(one["path"]).name for one in listed] == ["broken", found]
    code, out, err = command("runs", "--task", "syntetic")
    assert (code, out) == (2, "")
    assert err == "error: unknown task 'syntetic'; did you mean 'synthetic'?\n"


def test_no_runs_are_said_to_be_none(command, work):
    assert command("runs")[1] == "no runs in results and runs\n"
    assert command("runs", "--task", "gres")[1] == "no runs of gres in results and runs\n"
    assert command("runs", "nowhere") == (2, "", "error: no folder nowhere\n")


def test_a_sample_is_shown_with_what_was_asked_and_answered(command, work, data):
    write_run(work / "run", XS, data_root=data, failed=1)
    code, out, err = command("show", "run", "--sample", "s03", "--pictures", "drawn")
    assert (code, err) == (0, "")
    said = dict(line.split(maxsplit=1) for line in out.splitlines() if " " in line.strip())
    assert said["sample"] == "s03"
    assert said["image"] == str(data / "image3.png")
    assert said["tags"] == "side right"
    assert said["asked"] == "user: <image>square 3"
    assert said["target"] == "1, of 18 pixels"
    assert "x 0.075" in said["scores"]
    with Image.open(said["picture"]) as picture:
        assert picture.width > 500
    failed = command("show", "run", "--sample", "s00", "--json")[1]
    assert json.loads(failed)[0]["prediction"]["outcome"] == "model_error"
    assert json.loads(failed)[0]["target"]["masks"][0]["size"] == [10, 12]


def test_a_failure_of_several_lines_is_told_in_one(command, work):
    write_run(work / "run", XS, failed=1)
    journal = work / "run" / JOURNAL
    journal.write_text(journal.read_text().replace("RuntimeError: boom", "RuntimeError: boom\\n  at a place"))
    out = command("show", "run", "--sample", "s00")[1]
    assert "outcome  model_error, RuntimeError: boom at a place, 0 tokens, 0.00 s\n" in out


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("run --task gar", "gar-bench"),
        ("runs --task gar", "gar-bench"),
        ("leaderboard --task gar", "gar-bench"),
        ("leaderboard --benchmark gc", "gcg"),
        ("data check --task gar", "gar-bench"),
        ("data fetch --task gar", "gar-bench"),
    ],
)
def test_the_shell_completes_names(words, found):
    asked = {"COMP_WORDS": f"samtok-bench {words}", "COMP_CWORD": str(len(words.split()))}
    said = CliRunner().invoke(
        build_app(), env={**asked, "_SAMTOK_BENCH_COMPLETE": "complete_bash"}, prog_name="samtok-bench"
    )
    assert said.stdout.split() == [found]


def test_a_sample_without_its_data_is_an_answer_alone(command, work):
    write_run(work / "run", XS, data_root=work / "gone")
    code, out, err = command("show", "run", "--sample", "s03")
    assert code == 0
    assert "asked" not in out
    assert err == f"answers alone: no data in {work / 'gone'}\n"


def test_a_run_is_shown_again_as_it_ended(command, work):
    write_run(work / "run", XS)
    out = command("show", "run")[1]
    assert out.startswith("synthetic on val")
    assert "48.75" in out
    assert json.loads(command("show", "run", "--json")[1])["samples"] == COUNT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "nowhere is not a results folder: it has no run.json"),
        (("run", "--sample", "x"), "--sample x: 0 of 40 samples have such an id; the first ids are s00, s01"),
        (("run", "--sample", "s0"), "--sample s0: 10 of 40 samples have such an id"),
    ],
)
def test_what_cannot_be_shown_is_one_line(command, work, arguments, said):
    write_run(work / "run", XS)
    code, out, err = command("show", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_run_is_a_frame(work, data):
    write_run(work / "run", XS, data_root=data, failed=1)
    frame = samtok_bench.load_run(work / "run")
    assert frame["score.x"].mean() == pytest.approx(0.4875)
    assert frame.groupby("tag.side")["score.x"].mean().to_dict() == pytest.approx(
        {"left": 0.475, "right": 0.5}
    )
    assert frame.loc["s00", "outcome"] == "model_error"
    assert frame.attrs["summary"]["samples"] == len(frame) == COUNT
    assert frame.attrs["settings"]["task"] == "synthetic"
    (work / "run" / JOURNAL).write_text("")
    with pytest.raises(ValueError, match="incomplete"):
        samtok_bench.load_run(work / "run")


def test_a_run_is_displayed_in_a_notebook(work, data):
    write_run(work / "run", XS, data_root=data)
    shown = samtok_bench.display(work / "run")
    assert "mean" in repr(shown)
    assert repr(shown).split("\n")[0] in shown._repr_html_()
    one = samtok_bench.display(work / "run", "s05")
    assert "data:image/png;base64," in one._repr_html_()
    assert "&lt;image&gt;square 5" in one._repr_html_()


def test_names_are_lazy_and_known():
    assert set(dir(samtok_bench)) >= {"display", "load_run"}
    with pytest.raises(AttributeError, match="has no attribute 'lod_run'"):
        samtok_bench.lod_run  # noqa: B018


def test_the_shell_completes_names_of_tasks():
    from samtok_bench.cli.options import complete_tasks

    assert complete_tasks("gr") == ["gres", "grounding-suite"]


def test_reading_a_run_changes_nothing_in_it(command, work):
    """A torn last line is the next run's to mend: it may be a copy that is still coming."""
    journal = write_run(work / "run", XS) / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-10])
    before = journal.read_bytes()
    assert "samples.jsonl holds 39 of 40 samples" in command("show", "run")[2]
    assert journal.read_bytes() == before


def test_links_to_runs_are_followed_once(command, work):
    write_run(work / "elsewhere/run", XS)
    (work / "results").mkdir()
    (work / "results/linked").symlink_to(work / "elsewhere/run")
    (work / "results/again").symlink_to(work / "results")
    assert [line.split()[0] for line in command("runs")[1].splitlines()[2:]] == ["results/linked"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda summary: summary.update(primary="x"), "there is no metric 'x', which should be the primary"),
        (
            lambda summary: summary["breakdown"]["side"]["left"]["metrics"].clear(),
            "the samples with side 'left' have no 'mean'",
        ),
    ],
)
def test_a_summary_without_its_primary_metric_is_malformed(command, work, change, said):
    path = write_run(work / "run", XS) / SUMMARY
    summary = json.loads(path.read_text())
    summary["breakdown"] = {
        "side": {"left": {"samples": 1, "metrics": {"mean": 1.0}, "low": None, "high": None}}
    }
    path.write_text(json.dumps(summary))
    assert command("show", "run")[0] == 0
    change(summary)
    path.write_text(json.dumps(summary))
    code, _, err = command("show", "run")
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


def test_a_file_is_no_results_folder(command, work):
    write_run(work / "run", XS)
    assert "run/run.json is not a results folder" in command("show", "run/run.json")[2]


def test_what_a_judge_said_is_shown(command, work):
    folder = write_run(work / "runs/run", XS)
    score = {"id": "score", "version": 1, "display": "score", "unit": "", "direction": "higher", "value": 0.5}
    bounds = dict.fromkeys(("low", "high", "floor", "floor_by", "ceiling"))
    judge = JudgeSummary(
        url="u", model="judge-1", settings={}, judge="h", prompts="p", first_asked="a", last_asked="b",
        samples=COUNT, primary="score", metrics=[{**score, **bounds}],
    )  # fmt: skip
    judges = JudgeFile(task="synthetic", protocol="standard", judges=[judge])
    (folder / "judge.json").write_text(judges.model_dump_json())
    assert "judged by judge-1, 40 samples" in command("show", "runs/run")[1]
    assert "mean 48.75, score 50.00 by judge-1" in command("runs")[1]
    (folder / "judge.json").write_text("{}")
    assert "runs/run/judge.json is malformed" in command("runs")[1]
