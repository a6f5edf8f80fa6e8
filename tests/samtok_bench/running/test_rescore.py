"""Scoring the answers of a run again."""

import re
import shutil

import pytest
from notes import Notes

from samtok_bench.running.rescore import rescore
from samtok_bench.runs.folder import JOURNAL, RUN, SUMMARY


def test_rescoring_writes_images_and_tags_as_they_are_now(go):
    """An older samtok-bench may have told images apart by their files' names."""
    folder = go("a").folder
    before = (folder / JOURNAL).read_bytes()
    old = re.sub(rb'"cluster":"image[0-9]+', b'"cluster":"image', before).replace(
        b'"parity":"odd"', b'"old":"x"'
    )
    (folder / JOURNAL).write_bytes(old)
    rescore(folder, Notes())
    assert (folder / JOURNAL).read_bytes() == before != old


def test_rescoring_gives_the_same_without_the_model(go, plugin, monkeypatch):
    result = go("a", model="faulty")
    before = {name: (result.folder / name).read_bytes() for name in (SUMMARY, JOURNAL)}
    (result.folder / SUMMARY).unlink()
    again = rescore(result.folder, Notes())
    assert {name: (again.folder / name).read_bytes() for name in before} == before


def test_rescoring_a_run_without_a_ceiling_makes_no_file_of_one(go):
    folder = go("a", ceiling=False).folder
    before = {path.name for path in folder.iterdir()}
    rescore(folder, Notes())
    assert {path.name for path in folder.iterdir()} == before


def test_rescoring_uses_the_scorer_of_today(go, fakes, monkeypatch):
    result = go("a")
    score = fakes.Squares.score
    monkeypatch.setattr(fakes.Squares, "score", lambda *a: {**score(*a), "iou": 0.25})
    assert rescore(result.folder, Notes()).summary.metric("giou").value == 0.25


def test_rescoring_refuses_what_it_cannot_score(go, tmp_path, monkeypatch):
    result = go("a")
    partial = tmp_path / "partial"
    shutil.copytree(result.folder, partial)
    lines = (partial / JOURNAL).read_bytes().splitlines(keepends=True)
    (partial / JOURNAL).write_bytes(b"".join(lines[:20]))
    with pytest.raises(ValueError, match="4 of 24 samples are missing"):
        rescore(partial, Notes())
    monkeypatch.setenv("SQUARES_SHIFT", "1")
    with pytest.raises(ValueError, match="changed since"):
        rescore(result.folder, Notes())
    with pytest.raises(FileNotFoundError, match="not a results folder"):
        rescore(tmp_path / "nowhere", Notes())
    (result.folder / RUN).write_text("{}")
    with pytest.raises(ValueError, match=r"run\.json is malformed: it has no schema_version"):
        rescore(result.folder, Notes())
