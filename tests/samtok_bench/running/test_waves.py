"""Samples that come after others: waves, histories, resuming; and the options of tasks."""

import importlib
import json
import subprocess
import sys

import pytest
from killing import command, environment, kill_after
from notes import Notes

from samtok_bench.running.options import RunOptions
from samtok_bench.running.rescore import rescore
from samtok_bench.running.run import run
from samtok_bench.runs.folder import JOURNAL, SUMMARY, RunFolder


@pytest.fixture
def fakes(plugin):
    fakes = importlib.import_module("dialogue_fakes")
    fakes.Echo.batches.clear()
    return fakes


@pytest.fixture
def go(fakes, tmp_path):
    def go(out, reporter=None, **options):
        chosen = {"task": "dialogues", "model": "echo", "batch_size": 4, **options}
        return run(RunOptions(out=tmp_path / out, **chosen), reporter or Notes())

    return go


def texts(result) -> dict[str, str]:
    return {id: line.prediction.text for id, line in result.lines.items()}


def questions(batches) -> list[list[str]]:
    """What each batch asked, without the history."""
    return [[text[-2:] for text in batch] for batch in batches]


def test_each_round_is_told_the_answers_before_it(go, fakes):
    answers = texts(go("a"))
    assert answers[fakes.sample_id(2, 0)] == "2a"
    assert answers[fakes.sample_id(2, 1)] == "[ok:2a]2b"
    assert answers[fakes.sample_id(2, 2)] == "[ok:2a][ok:[ok:2a]2b]2c"
    assert answers[fakes.sample_id(2, 3)] == "[ok:2a][ok:[ok:2a]2b][ok:[ok:2a][ok:[ok:2a]2b]2c]2d"
    assert len(answers) == 17


def test_batches_are_full_across_dialogues_and_waves(go, fakes):
    go("a")
    # four of the seven first rounds fill a batch, the others wait for the second rounds that follow from it
    assert questions(fakes.Echo.batches) == [
        ["0a", "1a", "2a", "3a"],
        ["0b", "2b", "3b", "4a"],
        ["0c", "2c", "4b", "5a"],
        ["2d", "4c", "5b", "6a"],
        ["5c"],
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 16])
def test_answers_do_not_depend_on_the_batch_size(go, size):
    assert texts(go("b", batch_size=size)) == texts(go("a"))


def test_samples_that_follow_nothing_run_as_ever(go, fakes):
    go("a", option=("history=none",))
    assert [len(batch) for batch in fakes.Echo.batches] == [4, 4, 4, 4, 1]
    assert questions(fakes.Echo.batches)[0] == ["0a", "0b", "0c", "1a"]


def test_later_rounds_are_asked_after_a_failed_one(go, fakes):
    answers = texts(go("a", model="echo:faulty"))
    assert answers[fakes.sample_id(2, 1)] == ""
    assert answers[fakes.sample_id(2, 2)] == "[ok:2a][model_error:]2c"
    assert answers[fakes.sample_id(3, 1)] == "[ok:3a]3b"


def test_what_comes_after_a_failed_round_is_asked_again_with_it(go, fakes, monkeypatch):
    go("a", model="echo:faulty")
    predict = fakes.Echo.predict

    def mended(self, samples):
        self.argument = ""
        return predict(self, samples)

    monkeypatch.setattr(fakes.Echo, "predict", mended)
    fakes.Echo.batches.clear()
    again = texts(go("a", model="echo:faulty", retry_errors=True))
    assert questions(fakes.Echo.batches) == [["2b"], ["2c"], ["2d"]]
    assert again[fakes.sample_id(2, 2)] == texts(go("b"))[fakes.sample_id(2, 2)]


def test_the_ceiling_has_a_history_of_its_own(go, fakes):
    result = go("a", ceiling=True)
    ceiling = RunFolder(result.folder).ceiling.read()
    assert ceiling[fakes.sample_id(2, 2)].prediction.text == "[OK:2A][OK:[OK:2A]2B]2C"
    assert texts(result)[fakes.sample_id(2, 1)] == "[ok:2a]2b"
    assert (result.summary.metric("right").value, result.summary.metric("right").ceiling) == (0, 1)


@pytest.mark.parametrize("calls", range(1, 6))
def test_an_interrupted_run_continues_with_the_same_histories(go, fakes, monkeypatch, calls):
    whole = go("whole")
    predict, made = fakes.Echo.predict, []

    def interrupted(self, samples):
        made.append(len(samples))
        if len(made) == calls:
            raise KeyboardInterrupt
        return predict(self, samples)

    monkeypatch.setattr(fakes.Echo, "predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go("cut")
    monkeypatch.undo()
    fakes.Echo.batches.clear()
    result = go("cut")
    assert sum(map(len, fakes.Echo.batches)) == 17 - sum(made[:-1])
    assert texts(result) == texts(whole)
    assert (result.folder / SUMMARY).read_bytes() == (whole.folder / SUMMARY).read_bytes()


def test_a_lost_earlier_answer_is_asked_again_and_later_ones_stay(go, fakes):
    result = go("a")
    said, journal = texts(result), result.folder / JOURNAL
    lines = [line for line in journal.read_text().splitlines() if '"text":"[ok:2a]2b"' not in line]
    assert len(lines) == 16
    journal.write_text("".join(f"{line}\n" for line in lines))
    fakes.Echo.batches.clear()
    assert texts(go("a")) == said
    assert fakes.Echo.batches == [["[ok:2a]2b"]]


def test_kill_and_resume(plugin, tmp_path, fakes, go):
    killed = tmp_path / "killed"
    before = kill_after(8, killed, "dialogues", "slow-echo", plugin)
    assert 8 <= len(before) < 17
    subprocess.run(
        command(killed, "dialogues", "slow-echo"), env=environment(plugin), capture_output=True, check=True
    )
    assert (killed / JOURNAL).read_bytes().splitlines(keepends=True)[: len(before)] == before
    resumed = {id: line.prediction.text for id, line in RunFolder(killed).journal.read().items()}
    assert resumed == texts(go("whole"))


def test_a_chosen_sample_brings_those_it_comes_after(go, fakes):
    notes = Notes()
    result = go("a", notes, sample=(fakes.sample_id(2, 2), fakes.sample_id(4, 0)))
    assert set(result.lines) == {*(fakes.sample_id(2, k) for k in range(3)), fakes.sample_id(4, 0)}
    assert texts(result)[fakes.sample_id(2, 2)] == "[ok:2a][ok:[ok:2a]2b]2c"
    assert notes.notes == ["2 more samples are run: the chosen ones need their answers"]
    before = (result.folder / SUMMARY).read_bytes()
    assert (rescore(result.folder, Notes()).folder / SUMMARY).read_bytes() == before


def test_a_limit_takes_the_first_samples(go):
    notes = Notes()
    assert go("a", notes, limit=6).summary.samples == 6
    assert notes.notes == []


@pytest.mark.parametrize(
    ("how", "message"),
    [("loop", "2 samples wait for each other, one is "), ("stranger", "comes after nobody, which the split")],
)
def test_impossible_orders_are_refused(go, monkeypatch, how, message):
    monkeypatch.setenv("DIALOGUES_BROKEN", how)
    with pytest.raises(ValueError, match=message):
        go("a")


def test_options_reach_the_task_and_the_record(go, fakes):
    result = go("a", option=("tone=loud", "history=none"))
    assert texts(result)[fakes.sample_id(0, 0)] == "0A"
    assert RunFolder(result.folder).record().settings.options == {"tone": "loud", "history": "none"}
    default = go("b")
    assert RunFolder(default.folder).record().settings.options == {"tone": "plain", "history": "own"}
    with pytest.raises(ValueError, match=r"options\.tone plain there, loud now"):
        go("b", option=("tone=loud",))
    # rescoring reads the data in the same way: other prompts would be other data
    (result.folder / SUMMARY).unlink()
    again = rescore(result.folder, Notes())
    assert again.summary == result.summary


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("tone", "--option takes NAME=VALUE, got 'tone'"),
        ("=loud", "--option takes NAME=VALUE"),
        ("tone=", "--option takes NAME=VALUE"),
        ("pitch=high", "the task 'dialogues' has no option 'pitch'; there are tone, history"),
        ("tone=low", "the option tone of the task 'dialogues' is plain, loud, not 'low'"),
    ],
)
def test_unknown_options_are_one_clear_error(go, given, message):
    with pytest.raises(ValueError, match=message):
        go("a", option=(given,))


def test_an_option_set_twice_is_refused(go):
    with pytest.raises(ValueError, match="--option sets tone twice"):
        go("a", option=("tone=loud", "tone=plain"))


def test_the_command_line_takes_options(plugin, tmp_path):
    program = "from samtok_bench.cli.main import main; main()"
    options = ["--task", "dialogues", "--model", "echo", "--option", "tone=loud", "--option", "history=none"]
    out = ["--out", str(tmp_path / "out"), "--json"]
    made = subprocess.run(
        [sys.executable, "-c", program, "run", *options, *out],
        env=environment(plugin),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(made.stdout)["samples"] == 17
    settings = RunFolder(tmp_path / "out").record().settings
    assert settings.options == {"tone": "loud", "history": "none"}
