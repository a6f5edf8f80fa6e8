"""Runs: outcomes, resuming, refusing."""

import codecs
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notes import Notes

from samtok_bench.predictor import Predictor
from samtok_bench.running.options import RunOptions
from samtok_bench.running.rescore import rescore
from samtok_bench.running.run import run
from samtok_bench.running.samples import shares
from samtok_bench.runs.folder import JOURNAL, RUN, SUMMARY, RunFolder
from samtok_bench.runs.journal import Journal
from samtok_bench.sample import Outcome, Prediction, content_id
from samtok_bench.showing.run_tables import run_table


def journal_ids(folder) -> list[str]:
    return [json.loads(line)["id"] for line in (folder / JOURNAL).read_text().splitlines()]


def test_a_run_by_hand(go):
    notes = Notes()
    result = go("a", notes)
    summary = result.summary
    assert summary.samples == 24
    assert summary.clusters == 8
    assert summary.outcomes == {"ok": 24, "parse_error": 0, "model_error": 0, "truncated": 0, "skipped": 0}
    assert summary.metric("giou").value == 1
    # floors: refusing is right on 6 of 24; the whole image has IoU 0.4 on 18 and 0 on 6
    assert (summary.metric("giou").floor, summary.metric("giou").floor_by) == (pytest.approx(0.3), "whole")
    assert (summary.metric("n_acc").floor, summary.metric("n_acc").floor_by) == (1, "refuse")
    assert summary.metric("ciou").floor == pytest.approx(18 * 40 / 2400)
    assert summary.metric("giou").ceiling == 1
    assert summary.metric("no_target_share").floor is None
    odd, even = summary.breakdown["parity"]["odd"], summary.breakdown["parity"]["even"]
    assert (odd.samples, odd.metrics["no_target_share"]) == (12, 0)
    assert (even.samples, even.metrics["no_target_share"]) == (12, 0.5)
    assert (odd.metrics["giou"], odd.images, odd.interval) == (1, 4, None)
    assert notes.notes == ["left out by the reader: 2 crowds"]
    assert RunFolder(result.folder).record().status == "complete"


def test_a_byte_order_mark_that_an_editor_left_is_passed_over(go):
    result = go("a")
    journal, lines = result.folder / JOURNAL, dict(result.lines)
    journal.write_bytes(codecs.BOM_UTF8 + journal.read_bytes())
    assert go("a").lines == lines


def test_samples_of_one_image_are_asked_together(go, fakes):
    go("a", batch_size=3)
    asked = fakes.Perfect.asked
    assert asked[:3] == [content_id("squares", str(k)) for k in (0, 8, 16)]


def test_two_runs_have_equal_summaries(go):
    first, second = go("a"), go("b")
    assert (first.folder / SUMMARY).read_bytes() == (second.folder / SUMMARY).read_bytes()


def test_the_default_folder_names_the_configuration(go, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def folder(**options):
        chosen = {"task": "squares", "model": "perfect:x/y", "limit": 3, **options}
        return run(RunOptions(**chosen), Notes()).folder

    first = folder()
    assert first.parent.name == "runs"
    assert first.name.startswith("squares-y-val-")
    assert len(first.name.rsplit("-", 1)[1]) == 8
    assert folder() == first
    assert folder(limit=4) != first
    assert folder(protocol="released") != first


def test_an_interrupted_run_continues(go, fakes, tmp_path, monkeypatch):
    whole = go("whole")
    predict, calls = fakes.Perfect.predict, []

    def interrupted(self, samples):
        calls.append(len(samples))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return predict(self, samples)

    monkeypatch.setattr(fakes.Perfect, "predict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go("cut")
    monkeypatch.undo()
    cut = RunFolder(tmp_path / "cut").record()
    assert (cut.status, [s.answered for s in cut.sessions]) == ("running", [None])
    fakes.Perfect.asked.clear()
    notes = Notes()
    result = go("cut", notes)
    assert notes.starts[0] == ("predict", 24, 10)
    assert len(fakes.Perfect.asked) == 14
    ids = journal_ids(result.folder)
    assert len(ids) == len(set(ids)) == 24
    assert (result.folder / SUMMARY).read_bytes() == (whole.folder / SUMMARY).read_bytes()
    assert [s.answered for s in RunFolder(result.folder).record().sessions] == [10, 14]
    go("cut")
    sessions = RunFolder(result.folder).record().sessions
    assert [s.answered for s in sessions] == [10, 14, 0]
    assert [s.seconds is None for s in sessions] == [True, False, False]


@pytest.mark.parametrize("cut", [1, 7, 200])
def test_a_torn_last_line_is_redone(go, fakes, cut):
    result = go("a")
    before = (result.folder / SUMMARY).read_bytes()
    journal = result.folder / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-cut])
    fakes.Perfect.asked.clear()
    again = go("a")
    assert len(fakes.Perfect.asked) == 1
    assert len(set(journal_ids(again.folder))) == 24
    assert (again.folder / SUMMARY).read_bytes() == before


def test_a_complete_run_asks_nothing_again(go, fakes):
    go("a")
    fakes.Perfect.asked.clear()
    go("a")
    assert fakes.Perfect.asked == []


def test_malformed_and_repeated_lines_are_named(go):
    folder = go("a").folder
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    for text in (b"{oops\n", b"[]\n", b"[" * 100_000 + b"\n"):
        (folder / JOURNAL).write_bytes(b"".join([lines[0], text, *lines[2:]]))
        with pytest.raises(ValueError, match=r"samples\.jsonl: line 2 is malformed"):
            go("a")
    (folder / JOURNAL).write_bytes(b"".join([lines[0], lines[0], *lines[2:]]))
    with pytest.raises(ValueError, match=r"line 2 repeats the sample"):
        go("a")


BROKEN_COUNTS = [
    ("", "RLE counts are empty"),
    ("0", "RLE counts cover 0 pixels"),
    ("1" * 200, "RLE counts cover"),
    ("é", "RLE counts contain characters outside COCO's alphabet"),
]
"""Without a check, C code crashes on these or reads them for ever."""


@pytest.mark.parametrize(("counts", "message"), BROKEN_COUNTS)
def test_broken_masks_in_the_journal_are_named(go, counts, message):
    folder = go("a").folder
    lines = (folder / JOURNAL).read_text().splitlines(keepends=True)
    record = json.loads(lines[1])
    record["masks"] = [{"size": [10, 10], "counts": counts}]
    (folder / JOURNAL).write_text("".join([lines[0], json.dumps(record) + "\n", *lines[2:]]))
    with pytest.raises(ValueError, match=rf"samples\.jsonl: line 2 is malformed \(mask 0: {message}"):
        rescore(folder, Notes())


@pytest.mark.parametrize(
    "mask", [None, [], "x", *({"size": [10, 10], "counts": c} for c, _ in BROKEN_COUNTS)]
)
def test_broken_masks_are_an_error_of_the_model(go, fakes, monkeypatch, mask):
    monkeypatch.setattr(fakes.Misshapen, "predict", lambda self, samples: [Prediction(masks=(mask,))])
    line = next(iter(go("a", model="misshapen", limit=1).lines.values()))
    assert line.prediction.outcome is Outcome.MODEL_ERROR
    assert line.prediction.masks == ()


def test_another_configuration_is_refused(go):
    go("a")
    with pytest.raises(ValueError, match=r"batch_size 5 there, 4 now") as caught:
        go("a", batch_size=4)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"predictor\.argument \"?.*there, other now"):
        go("a", model="perfect:other")
    with pytest.raises(ValueError, match=r"limit null there, 3 now"):
        go("a", limit=3)


def test_a_folder_with_other_files_is_refused(go, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "thesis.tex").write_text("x")
    with pytest.raises(FileExistsError, match="holds other files"):
        go("a")


def test_a_folder_in_use_is_refused(go, tmp_path):
    with RunFolder(tmp_path / "a").locked(), pytest.raises(OSError, match="another run is writing"):
        go("a")


def test_one_bad_sample_costs_one_sample(go):
    notes = Notes()
    result = go("a", notes, model="faulty")
    assert result.summary.outcomes["model_error"] == 1
    assert result.summary.outcomes["ok"] == 23
    line = result.lines[content_id("squares", "5")]
    assert line.prediction.outcome is Outcome.MODEL_ERROR
    assert line.prediction.detail == "RuntimeError: boom"
    # the error stays in the denominators: 23 of 24, and 17 of 18 with a target
    assert result.summary.metric("giou").value == pytest.approx(23 / 24)
    assert result.summary.metric("t_acc").value == pytest.approx(17 / 18)
    assert result.summary.metric("ciou").value == pytest.approx(17 / 18)
    assert notes.notes[-1] == "1 samples ended as model_error, the first: RuntimeError: boom"


def test_too_few_predictions_are_an_error_of_the_model(go):
    result = go("a", model="short", max_failures=0)
    assert result.summary.outcomes["model_error"] == 24
    assert result.summary.metric("giou").value == 0


def test_a_run_whose_first_batches_all_fail_stops_and_keeps_none_of_them(go, fakes, tmp_path):
    with pytest.raises(
        OSError, match="the first 10 samples all ended as model_error, the first: RuntimeError"
    ):
        go("a", model="short", max_failures=2)
    assert RunFolder(tmp_path / "a").record().status == "running"
    assert RunFolder(tmp_path / "a").journal.count() == 0
    go("b", model="short", max_failures=5)  # 24 samples are fewer than 5 batches
    assert RunFolder(tmp_path / "b").record().status == "complete"
    with pytest.raises(ValueError, match="--max-failures must not be negative, got -1"):
        go("c", max_failures=-1)


def test_a_run_with_answers_is_completed_however_many_of_the_others_fail(go, fakes, monkeypatch):
    """Also when it asks again: what was complete stays so."""
    predict = fakes.Perfect.predict

    def few(self, samples):
        if content_id("squares", "3") not in {sample.id for sample in samples}:
            raise RuntimeError("boom")
        return predict(self, samples)

    monkeypatch.setattr(fakes.Perfect, "predict", few)
    before = go("a", batch_size=1, max_failures=0)
    assert before.summary.outcomes["model_error"] == 23
    again = go("a", batch_size=1, max_failures=2, retry_errors=True)
    assert RunFolder(again.folder).record().status == "complete"
    assert again.summary.outcomes == before.summary.outcomes


def test_a_shuffled_limit_is_drawn_by_its_seed_and_recorded(go, fakes, tmp_path, monkeypatch):
    drawn = [go(str(seed), limit=6, shuffle=seed) for seed in (0, 1)]
    ids = [set(result.lines) for result in drawn]
    first = {content_id("squares", str(k)) for k in range(6)}
    assert len(ids[0]) == len(ids[1]) == 6
    assert ids[0] != ids[1] != first != ids[0]
    settings = RunFolder(tmp_path / "1").record().settings
    assert (settings.limit, settings.shuffle, settings.partial) == (6, 1, True)
    assert set(go("more", limit=9, shuffle=0).lines) > ids[0]
    assert rescore(tmp_path / "1", Notes()).summary == drawn[1].summary
    samples = fakes.Squares.samples

    def turned(self, root, split):
        read = samples(self, root, split)
        return type(read)(read.samples[::-1], read.dropped)

    monkeypatch.setattr(fakes.Squares, "samples", turned)
    assert set(go("turned", limit=6, shuffle=0).lines) == ids[0]
    for wrong in ({"shuffle": 1}, {"shuffle": -1, "limit": 2}, {"shuffle": 1, "limit": 1, "sample": ("a",)}):
        with pytest.raises(ValueError, match="--shuffle takes a seed from 0"):
            go("wrong", **wrong)


@pytest.mark.parametrize("seed", [None, 3])
def test_a_stratified_limit_keeps_the_shares_of_a_tag(go, fakes, tmp_path, monkeypatch, seed):
    sample = fakes.Squares._sample

    def tagged(self, root, k, shift):
        kind = {"kind": "rare" if k > 20 else "odd" if k % 2 else "even"}  # 3, 10 and 10 of 24
        return replace(sample(self, root, k, shift), tags=kind if k else {})

    monkeypatch.setattr(fakes.Squares, "_sample", tagged)
    result = go("a", limit=8, shuffle=seed, stratify="kind")
    counts = {kind: group.samples for kind, group in result.summary.breakdown["kind"].items()}
    assert counts == {"even": 3, "odd": 3, "rare": 1}
    settings = RunFolder(tmp_path / "a").record().settings
    assert (settings.limit, settings.shuffle, settings.stratify) == (8, seed, "kind")
    assert rescore(tmp_path / "a", Notes()).summary == result.summary
    first = {content_id("squares", str(k)) for k in (0, 1, 2, 3, 4, 5, 6, 21)}
    assert (set(result.lines) == first) is (seed is None)
    with pytest.raises(ValueError, match="no sample has the tag 'kinds'; did you mean 'kind'"):
        go("wrong", limit=8, stratify="kinds")
    for wrong in ({}, {"limit": 2, "sample": ("a",)}):
        with pytest.raises(ValueError, match="--stratify spreads the samples of a --limit"):
            go("wrong", stratify="kind", **wrong)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(1, 200))
def test_shares_add_up_and_are_as_near_as_whole_numbers_come(sizes, count):
    found = shares(sizes, count)
    assert sum(found) == min(count, sum(sizes))
    for share, size in zip(found, sizes, strict=True):
        assert share <= size
        assert count >= sum(sizes) or abs(share - count * size / sum(sizes)) < 1


def test_errors_are_asked_again_and_nothing_else(go, fakes, monkeypatch):
    before = go("a", model="faulty")
    monkeypatch.setattr(fakes.Faulty, "predict", fakes.Perfect.predict)
    fakes.Perfect.asked.clear()
    go("a", model="faulty")
    assert fakes.Perfect.asked == []
    notes = Notes()
    after = go("a", notes, model="faulty", retry_errors=True)
    assert fakes.Perfect.asked == [content_id("squares", "5")]
    assert "1 samples are asked again" in notes.notes[1]
    assert (before.summary.outcomes["ok"], after.summary.outcomes["ok"]) == (23, 24)
    assert after.summary.metric("giou").value == 1


def test_a_session_that_is_killed_while_it_asks_again_has_added_what_it_answered(go, fakes, monkeypatch):
    predict = fakes.Perfect.predict

    def failing(self, samples):
        raise RuntimeError("boom")

    def answering(self, samples):
        if len(fakes.Perfect.asked) >= 7:
            raise KeyboardInterrupt
        return predict(self, samples)

    monkeypatch.setattr(fakes.Perfect, "predict", failing)
    folder = RunFolder(go("a", max_failures=0).folder)
    fakes.Perfect.asked.clear()
    monkeypatch.setattr(fakes.Perfect, "predict", answering)
    with pytest.raises(KeyboardInterrupt):
        go("a", batch_size=5, retry_errors=True)
    monkeypatch.undo()
    go("a")
    assert [s.answered for s in folder.record().sessions] == [24, 10, 14]


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried")])
def test_a_batch_that_is_too_large_for_the_memory_is_halved(go, fakes, monkeypatch, capsys, error):
    predict, sizes = fakes.Perfect.predict, []

    def narrow(self, samples):
        sizes.append(len(samples))
        if len(samples) > 3:
            raise error
        return predict(self, samples)

    monkeypatch.setattr(fakes.Perfect, "predict", narrow)
    result = go("a", limit=10, batch_size=10)
    assert sizes == [10, 5, 3, 2, 5, 3, 2]
    assert result.summary.outcomes["ok"] == 10
    assert (
        "note: out of memory with 10 samples at once, now 5: a smaller --batch-size"
        in capsys.readouterr().err
    )


def test_masks_of_another_size_are_an_error_of_the_model(go):
    line = next(iter(go("a", model="misshapen", limit=1).lines.values()))
    assert line.prediction.outcome is Outcome.MODEL_ERROR
    assert line.prediction.detail == "RuntimeError: a mask of size [3, 4] on an image of [10, 10]"


def test_a_model_that_cannot_be_loaded_leaves_no_folder(go, tmp_path):
    with pytest.raises(FileNotFoundError, match="no weights here"):
        go("a", model="unloadable")
    assert not (tmp_path / "a").exists()


def test_the_ceiling_is_cached_and_can_be_left_out(go, fakes):
    result = go("a")
    ceiling = (result.folder / "ceiling.jsonl").read_bytes()
    notes = Notes()
    go("a", notes)
    assert notes.starts == []
    assert (result.folder / "ceiling.jsonl").read_bytes() == ceiling
    before = fakes.Perfect.ceilings
    without = go("b", ceiling=False)
    assert fakes.Perfect.ceilings == before
    assert without.summary.metric("giou").ceiling is None


def test_samples_by_beginning_of_id_and_limit(go):
    wanted = content_id("squares", "7")
    assert list(go("a", sample=(wanted[:10],)).lines) == [wanted]
    for _ in range(2):  # both name one sample; a second call finds the folder whole
        assert list(go("twice", sample=(wanted, wanted[:10])).lines) == [wanted]
    assert go("b", limit=2).summary.samples == 2
    with pytest.raises(ValueError, match="0 of 24 samples have such an id"):
        go("c", sample=("zzz",))


def test_the_journal_keeps_any_text(tmp_path, go):
    result = go("a")
    stored = Journal(result.folder / JOURNAL).read()
    assert stored[content_id("squares", "1")].prediction.text == "é\n"


def test_another_schema_version_is_one_line_that_says_what_to_do(go):
    folder = go("a").folder
    for name, read in ((RUN, RunFolder(folder).record), (SUMMARY, RunFolder(folder).summary)):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, "schema_version": 2}))
        with pytest.raises(
            ValueError, match=r"is of schema version 2, this samtok-bench reads version 3: run"
        ):
            read()


def test_complete_is_written_last(go, tmp_path, monkeypatch):
    """A run that is killed while it is summarized is no complete one."""

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "write_summary", killed)
    with pytest.raises(KeyboardInterrupt):
        go("a")
    assert RunFolder(tmp_path / "a").record().status == "running"
    monkeypatch.undo()
    assert RunFolder(go("a").folder).record().status == "complete"


def test_outcomes_of_the_ceiling_are_told_like_those_of_the_run(go, fakes, monkeypatch):
    class Shy(Predictor):
        """A ceiling that fails on some samples."""

        def identity(self):
            return {}

        def predict(self, samples):
            return [
                Prediction(Outcome.SKIPPED, detail="no picture") if sample.tags["parity"] == "odd"
                else Prediction(masks=sample.target.masks)
                for sample in samples
            ]  # fmt: skip

    monkeypatch.setattr(fakes.Perfect, "ceiling", lambda self, forced: Shy("", self.options))
    notes = Notes()
    result = go("a", notes)
    told = "ceiling: 12 samples ended as skipped, the first: no picture"
    assert told in notes.notes
    assert result.summary.outcomes["ok"] == 24
    assert result.summary.ceiling_outcomes == {**dict.fromkeys(map(str, Outcome), 0), "ok": 12, "skipped": 12}
    assert run_table(result.summary).endswith("24 ok\nceiling: 12 ok, 12 skipped")
    again = Notes()
    rescore(result.folder, again)
    assert told in again.notes
    assert go("b", ceiling=False).summary.ceiling_outcomes is None
