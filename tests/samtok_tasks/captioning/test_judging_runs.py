"""Judging runs of captions with a judge that replies without a server: what is asked, kept and compared."""

import copy
import json
import re
import shutil

import pytest
from caption_samples import DLC, write
from judged_captions import Judge, Silent, dlc_reply, run_task, values_of
from typer.testing import CliRunner

from samtok_bench import registry
from samtok_bench.cli.main import build_app
from samtok_bench.comparison.compare import compare
from samtok_bench.comparison.given_runs import read_given_runs
from samtok_bench.judging.client import JudgeClient, JudgeError
from samtok_bench.judging.judge import judge
from samtok_bench.judging.judged_run import as_judged, judged_by
from samtok_bench.judging.transcript import SUMMARY, TRANSCRIPT, JudgeFile, read_judges, read_transcript
from samtok_bench.runs.comparable import comparability
from samtok_bench.runs.reading import open_run
from samtok_bench.serving.chat import Reply
from samtok_bench.showing.run_tables import judge_table
from samtok_tasks.dlc_bench.task import DLCBench
from samtok_tasks.vg_caption.task import VGCaption


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / "data", "dlc")


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    def run(protocol="standard"):
        return run_task(monkeypatch, DLCBench, root, tmp_path / f"run-{protocol}", protocol)

    return run


def test_judged_runs_are_compared_by_what_the_judge_said(run):
    """The second run's judge sees a recognised pair of scissors: 1 instead of 0 on one of two samples."""
    first, second = run(), run("released")
    judge(first, Judge(dlc_reply), Silent())
    with pytest.raises(ValueError, match=r"0 judges judge-1 of all samples; judged by nobody"):
        read_given_runs([first, second], "judge-1")
    judge(second, Judge(lambda messages: "A"), Silent())
    with pytest.raises(ValueError, match="protocol standard there, released now"):
        compare(read_given_runs([first, second], "judge-1"))
    record = json.loads((second / "run.json").read_text())
    record["settings"]["protocol"] = "standard"
    (second / "run.json").write_text(json.dumps(record))
    summary = json.loads((second / "summary.json").read_text())
    (second / "summary.json").write_text(json.dumps({**summary, "protocol": "standard"}))
    found = compare(read_given_runs([first, second], "judge-1"), show=1)
    assert (found.headline, found.samples) == ("average", 2)
    assert found.notes[0].startswith("metrics and scores of the judge judge-1")
    (pair,) = found.pairs
    by_id = {metric.id: metric for metric in pair.metrics}
    stored = [read_judges(folder)[0].headline.value for folder in (first, second)]
    assert (by_id["average"].first, by_id["average"].second) == tuple(stored)
    assert by_id["average"].wins + by_id["average"].losses > 0
    (first / TRANSCRIPT).write_text("")
    with pytest.raises(ValueError, match=r"judge\.jsonl lacks 2 of 2 samples: judge it again"):
        read_given_runs([first, second], "judge-1")


def test_a_judge_that_changes_meanwhile_is_told(run):
    folder, other = run(), run("released")
    servers = iter([Reply("A", model="judge-1-may", system_fingerprint="fp_1")] * 2)
    with_one = judge(folder, Judge(lambda messages: "A"), Silent())
    assert with_one.served == []
    assert "replies by" not in judge_table(with_one)

    def changing(messages):
        return next(servers, Reply("A", model="judge-1-june"))

    changed = judge(other, Judge(changing, model="alias"), Silent(), jobs=1)
    assert [(one.model, one.system_fingerprint, one.replies) for one in changed.served] == [
        ("judge-1-june", "", 4),
        ("judge-1-may", "fp_1", 2),
    ]
    said = "the judge changed while it judged; replies by judge-1-june: 4, judge-1-may (fp_1): 2"
    assert said in judge_table(changed)
    kept = [exchange for judged in read_transcript(other) for exchange in judged.exchanges]
    assert [exchange.model for exchange in kept] == ["judge-1-may"] * 2 + ["judge-1-june"] * 4
    assert judge(other, Judge(lambda messages: pytest.fail("asked"), model="alias"), Silent()) == changed


def test_runs_whose_judges_were_served_by_other_models_are_told_apart(run, tmp_path):
    first = run()
    second = shutil.copytree(first, tmp_path / "second")
    judge(first, Judge(lambda messages: Reply("A", model="judge-1-may")), Silent())
    judge(second, Judge(lambda messages: Reply("A", model="judge-1-june")), Silent())
    notes = compare(read_given_runs([first, second], "judge-1")).notes
    assert any("the judge's replies by judge-1-may there, judge-1-june now" in note for note in notes)


def test_nothing_is_asked_twice_and_another_judge_is_another_row(run):
    folder = run()
    first = judge(folder, Judge(dlc_reply), Silent())
    again = Judge(lambda messages: pytest.fail("asked again"))
    assert judge(folder, again, Silent()) == first
    other = Judge(lambda messages: "?", model="judge-2")
    second = judge(folder, other, Silent())
    assert len(other.asked) == 6
    assert values_of(second)["unreadable"] == 1
    assert values_of(second)["average"] == 0
    stored = JudgeFile.model_validate_json((folder / SUMMARY).read_bytes())
    assert [summary.model for summary in stored.judges] == ["judge-1", "judge-2"]
    assert judge(folder, Judge(dlc_reply), Silent()) == first, "the first judge's transcript is still there"


def wordy(messages):
    """The same in words that the official script cannot read, of one object; its first reply is cut."""
    return f"```\n({dlc_reply(messages)[0]})\n```" if "apple" in str(messages) else "Perhaps\x1b[2J."


def test_unread_replies_are_counted_and_another_reading_asks_for_nothing(run):
    folder = run()
    official = judge(folder, Judge(wordy), Silent())
    unread = official.unread
    assert (unread.count, unread.replies, unread.mended) == (6, 6, 0)
    assert "reading" not in official.settings
    assert "6 of 6 replies cannot be read by the official script, the first: '" in judge_table(official)
    assert "\x1b" not in judge_table(official)

    silent = Judge(lambda messages: pytest.fail("asked again"))
    lenient = judge(folder, silent, Silent(), reading="lenient")
    assert lenient.settings == {**official.settings, "reading": "lenient"}
    assert 0 < lenient.unread.mended < lenient.unread.count == 6
    assert values_of(lenient)["unreadable"] == (6 - lenient.unread.mended) / 6
    assert f"the reading lenient understands {lenient.unread.mended} of them" in judge_table(lenient)
    assert judge_table(lenient).startswith("judged by judge-1 (lenient), 2 samples")
    assert [said.name for said in read_judges(folder)] == ["judge-1", "judge-1 (lenient)"]
    # each keeps its own scores, in whichever order they were read
    assert judge(folder, silent, Silent()) == official
    assert judge(folder, silent, Silent(), reading="lenient") == lenient
    assert judged_by(open_run(folder), "judge-1 (lenient)").summary.headline == lenient.headline
    assert judged_by(open_run(folder), "judge-1").summary.headline == official.headline
    with pytest.raises(ValueError, match="has no reading 'kind' of replies, but: official, lenient"):
        judge(folder, silent, Silent(), reading="kind")


def test_readings_do_not_compare(run, tmp_path):
    folders = [run(), tmp_path / "again"]
    shutil.copytree(*folders)
    runs = []
    for folder, reading in zip(folders, ("official", "lenient"), strict=True):
        said = judge(folder, Judge(wordy), Silent(), reading=reading)
        runs.append(as_judged(open_run(folder), said))
    (fatal,) = comparability(*runs).fatal
    assert fatal.setting == "judge"
    assert "lenient" in fatal.text


def test_what_all_read_is_not_counted(run):
    folder = run()
    assert judge(folder, Judge(dlc_reply), Silent()).unread is None
    stored = json.loads((folder / SUMMARY).read_text())
    del stored["judges"][0]["unread"]  # as files of before have none
    (folder / SUMMARY).write_text(json.dumps(stored))
    assert read_judges(folder)[0].unread is None


def test_changed_questions_are_asked_anew(run, root):
    folder = run()
    judge(folder, Judge(dlc_reply), Silent())
    questions = json.loads(json.dumps(DLC["annotations/qa.json"]))
    questions["12"][0]["question"] = "Which fits?"
    (root / "annotations" / "qa.json").write_text(json.dumps(questions))
    again = Judge(dlc_reply)
    judge(folder, again, Silent())
    assert len(again.asked) == 3, "those of one object"


def test_a_judge_that_fails_leaves_what_was_said_and_is_continued(run):
    folder = run()
    left = 4

    def failing(messages):
        nonlocal left
        left -= 1
        if left < 0:
            raise JudgeError("the judge at http://judge/v1 failed 5 times, the last time: HTTP 500")
        return dlc_reply(messages)

    with pytest.raises(JudgeError, match="HTTP 500"):
        judge(folder, Judge(failing), Silent(), jobs=1)
    assert len(read_transcript(folder)) == 1
    assert not (folder / SUMMARY).exists(), "no figure of half a run"
    with (folder / TRANSCRIPT).open("a") as file:
        file.write('{"sample": "torn')
    reporter, client = Silent(), Judge(dlc_reply)
    assert values_of(judge(folder, client, reporter))["average"] == 0.5
    assert len(client.asked) == 3
    assert reporter.starts == [("judge", 2, 1)]


def test_many_at_once_give_the_same(run, root):
    files = copy.deepcopy(DLC)
    annotations = files["annotations/annotations.json"]["annotations"]
    for number in range(30):
        annotations.append({**annotations[0], "id": 100 + number})
        files["annotations/class_names.json"][str(100 + number)] = "apple"
        files["annotations/qa.json"][str(100 + number)] = files["annotations/qa.json"]["11"]
    write(root, "dlc", files)
    folder = run()
    client = Judge(dlc_reply)
    judged = judge(folder, client, Silent(), jobs=8)
    assert len(client.asked) == 3 * 32
    assert len(read_transcript(folder)) == 32
    assert values_of(judged)["average"] == pytest.approx(31 / 32)


def test_a_malformed_transcript_is_named(run):
    folder = run()
    (folder / TRANSCRIPT).write_text('{"sample": 3}\n')
    with pytest.raises(ValueError, match=r"judge\.jsonl: line 1 is malformed"):
        judge(folder, Judge(dlc_reply), Silent())


def test_missing_files_for_judging_are_told_with_the_layout(run, root):
    folder = run()
    (root / "annotations" / "qa.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"qa\.json is missing\. Expected below the data root"):
        judge(folder, Judge(dlc_reply), Silent())
    assert not (folder / TRANSCRIPT).exists()


def test_what_cannot_be_judged_is_refused(run, tmp_path, root, monkeypatch):
    with pytest.raises(FileNotFoundError, match="is not a results folder"):
        judge(tmp_path, Judge(dlc_reply), Silent())
    folder = run()
    with pytest.raises(ValueError, match="--jobs must be at least 1"):
        judge(folder, Judge(dlc_reply), Silent(), jobs=0)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "status": "running"}))
    with pytest.raises(ValueError, match="is not complete"):
        judge(folder, Judge(dlc_reply), Silent())
    (folder / "run.json").write_text(json.dumps(record))
    monkeypatch.setattr(registry, "task_class", lambda *_: VGCaption)
    with pytest.raises(ValueError, match="the answers of dlc-bench are not for a judge"):
        judge(folder, Judge(dlc_reply), Silent())


def test_the_command(run, monkeypatch):
    folder = run()
    monkeypatch.setattr(JudgeClient, "ask", lambda self, messages, settings: Reply(dlc_reply(messages)))
    options = ["judge", str(folder), "--judge", "http://judge/v1", "--judge-model", "judge-1"]
    result = CliRunner().invoke(build_app(), options, catch_exceptions=False)
    assert result.exit_code == 0
    assert "judged by judge-1, 2 samples" in result.stdout
    assert re.search(r"^Avg +50\.00$", result.stdout, re.MULTILINE)
    result = CliRunner().invoke(build_app(), [*options, "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["primary"] == "average"
