"""The figures of a report: tables, differences of two runs, histograms, and where all of it comes from."""

import re
from pathlib import Path

import pytest
from report_pages import rows_of
from synthetic_runs import COUNT, VALUES, write_run

from samtok_bench.report import collect
from samtok_bench.runs.folder import RunFolder


def test_the_metric_table(command, run):
    command("report", str(run))
    page = (run / "report.html").read_text()
    rows = {row[0]: row[1:] for row in rows_of(page, "metrics")}
    assert rows["metric"] == ["value", "0 100"], "there are neither floors nor ceilings in this run"
    mean = 100 * sum(VALUES) / COUNT
    assert rows["mean \u2191"] == [f"{mean:.2f} n/a", "mean 48.75, 95 % interval n/a, floor n/a, ceiling n/a"]
    assert rows["bits \u2193"] == ["0.49", ""], "a value with a unit stays as it is"
    assert rows["used (codes) \u2191"] == ["40", ""], "a count has no decimals"
    assert "miss \u2193" in rows
    assert "fact" in rows, "no direction"
    assert "<td>40 samples" not in page
    note = re.search(r'</table>\s*</div>\s*<p class="note">(.*?)</p>', page, re.DOTALL)[1]
    assert "scale 0 to 100" in note
    assert "lower is" in note
    for absent in ("Floor", "Ceiling", "Bold", "Below a value", "Better"):
        assert absent not in note, "only what the table has is explained"


def test_the_difference_of_two_runs(command, run, work, data):
    write_run(work / "better", [v + 0.02 for v in VALUES], data_root=data)
    command("report", str(run), "better", "--out", "two.html")
    page = Path("two.html").read_text()
    rows = {row[0]: row[1:] for row in rows_of(page, "metrics several")}
    assert rows["metric"][:3] == ["A", "B", "B &minus; A"]
    # the difference is the same in every sample, so in every resample too
    assert rows["mean \u2191"][:3] == ["48.75 n/a", "50.75 n/a", "+2.00 2.00 to 2.00 better"]
    assert rows["miss \u2193"][2] == "+2.00 2.00 to 2.00 worse"
    assert rows["fact"][2] == "+2.00 2.00 to 2.00", "no direction"
    bold = re.findall(r'class="strong (best|other)">([\d.]+)', page)
    assert bold[:2] == [("other", "48.75"), ("best", "50.75")]
    assert bold[4:6] == [("best", "48.75"), ("other", "50.75")], "less is better"


@pytest.mark.parametrize(("count", "shown"), [(COUNT, "-10.00 n/a"), (30, "n/a n/a")])
def test_the_difference_of_all_answers_together(command, whole, work, data, count, shown):
    """Of the samples in common alone nobody knows it."""
    whole(write_run(work / "a", VALUES, data_root=data), 1.5)
    settings = {} if count == COUNT else {"data": "e" * 64}
    whole(write_run(work / "b", VALUES[:count], data_root=data, settings=settings), 1.4)
    assert command("report", "a", "b", "--out", "two.html")[0] == 0
    rows = {row[0]: row[1:] for row in rows_of(Path("two.html").read_text(), "metrics several")}
    assert rows["whole \u2191"][:3] == ["150.00 n/a", "140.00 n/a", shown]


def test_histogram_bins_hold_their_samples(run, work, data):
    (histogram,) = collect.collect([run]).histograms
    assert [bin.count for bin in histogram.bins] == [2] * 20
    assert (histogram.bins[0].low, histogram.bins[-1].high, histogram.tallest, histogram.undefined) == (
        0,
        1,
        2,
        0,
    )
    half = write_run(work / "half", VALUES, data_root=data)
    same = write_run(work / "same", [1.0] * COUNT, data_root=data)
    first, second = collect.collect([half, same]).histograms
    assert [bin.count for bin in second.bins] == [0] * 19 + [40]
    assert first.tallest == second.tallest == 40, "bars of both runs have one scale"


def test_provenance_is_complete(command, run):
    def tell(record):
        session = record.sessions[0].model_copy(
            update={"git_commit": "f" * 40, "git_dirty": True, "command": ["samtok-bench", "run", "--x"]}
            | {"packages": {"torch": "2.13.0"}}
        )
        return record.model_copy(update={"sessions": [session]})

    folder = RunFolder(run)
    folder.write_record(tell(folder.record()))
    command("report", str(run))
    page = (run / "report.html").read_text()
    grid = re.search(r'<dl class="facts-grid">(.*?)</dl>', page, re.DOTALL)[1]
    facts = dict(re.findall(r"<dt>(.*?)</dt><dd>(?:<code>)?(.*?)(?:</code>)?</dd>", grid))
    assert facts == {
        **{"weights": "run", "data": "d" * 12, "outcomes": "40 ok", "left out by the reader": "nothing"},
        **{"commit": "ffffffffffff (with uncommitted changes)", "started (UTC)": "2025-01-01 00:00"},
        **{"folder": str(run), "machine": "test", "command": "samtok-bench run --x"},
    }
    assert [row for row in rows_of(page, "facts") if row[0] == "torch"] == [["torch", "2.13.0"]]
