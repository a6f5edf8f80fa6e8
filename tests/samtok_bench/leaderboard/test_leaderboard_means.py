"""The row of ours in a table that is a mean over splits."""

from dataclasses import replace
from pathlib import Path

import pytest

from samtok_bench.leaderboard.means import mean_rows
from samtok_bench.leaderboard.published import shipped
from samtok_bench.leaderboard.rows import Figure, LeftOut, OurRun, Row
from samtok_bench.runs.folder import RunFolder

SCHEMA = shipped()[0]
GOLD = next(benchmark for benchmark in SCHEMA.benchmarks if benchmark.id == "saco-gold")
SUBSETS = [split.name for split in GOLD.splits if split.task]
SETTINGS = RunFolder(Path(__file__).parents[3] / "results/nano-mini/gres").record().settings


def row(split: str, cgf1: float, name: str = "a", mcc: float | None = 0.5, **settings) -> Row:
    asked = SETTINGS.model_copy(update={"split": split, "data": split, **settings})
    figures = {"cgF1": Figure(cgf1, cgf1 - 1, cgf1 + 1)} | (
        {"IL_MCC": Figure(mcc)} if mcc is not None else {}
    )
    run = OurRun(Path("runs", f"{name}-{split}"), asked, 10, ["made by uncommitted code"])
    return Row("saco-gold", split, name, "", figures, run=run)


def test_each_figure_is_averaged_over_all_subsets_by_itself():
    rows = [row(split, float(k), mcc=0.5 if k else 0.15) for k, split in enumerate(SUBSETS)]
    [mean] = mean_rows(SCHEMA, rows)
    assert (mean.split, mean.method, mean.run.path, mean.run.samples) == ("average", "a", Path("runs"), 70)
    assert mean.figures == {"cgF1": Figure(3.0), "IL_MCC": Figure(pytest.approx(0.45))}  # and no interval
    assert mean.run.notes == ["mean of 7 runs", "made by uncommitted code"]


def test_runs_are_below_relative_and_absolute_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [row(split, 1.0) for split in SUBSETS]
    rows[3] = replace(rows[3], run=replace(rows[3].run, path=tmp_path / "others" / "a"))
    [mean] = mean_rows(SCHEMA, rows)
    assert mean.run.path == tmp_path


def test_a_figure_that_a_subset_lacks_has_no_mean():
    rows = [row(split, 1.0, mcc=None if split == "crowded" else 0.5) for split in SUBSETS]
    assert set(next(iter(mean_rows(SCHEMA, rows))).figures) == {"cgF1"}


@pytest.mark.parametrize("changed", [{"protocol": "released"}, {"batch_size": 1}, {"model": "b"}])
def test_runs_with_other_settings_make_no_mean_together(changed):
    rows = [row(split, 1.0, **(changed if split == "crowded" else {})) for split in SUBSETS]
    assert not list(mean_rows(SCHEMA, rows))


def test_without_a_subset_there_is_no_mean_and_two_runs_of_one_are_said():
    rows = [row(split, 1.0) for split in SUBSETS]
    assert not list(mean_rows(SCHEMA, rows[1:]))
    twice = replace(rows[2], run=replace(rows[2].run, path=Path("runs/again")))
    assert list(mean_rows(SCHEMA, [*rows, twice])) == [
        LeftOut(Path("runs/again"), f"no mean of the seven subsets: several runs of {SUBSETS[2]}")
    ]
