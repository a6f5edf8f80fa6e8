"""What does not compare, what compares by its summary alone, and mistakes."""

import re
from pathlib import Path

import pytest
from comparisons import THIRDS, metrics, rewrite, summarized
from synthetic_runs import HALF_LOST, PLAIN, Synthetic, edit, write_run

from samtok_bench.comparison.compare import compare
from samtok_bench.comparison.given_runs import read_given_runs
from samtok_bench.runs.folder import JOURNAL, RUN, SUMMARY

# what does not compare


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"protocol": "released"}, "protocol standard there, released now"),
        ({"split": "testA"}, "split val there, testA now"),
        ({"options": {"prompt": "b"}}, "options.prompt a there, b now"),
        ({"data_format": "lvis"}, "data_format coco there, lvis now"),
    ],
)
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_runs_of_different_things_never_compare(refused, work, settings, reason, force, monkeypatch):
    monkeypatch.setattr(Synthetic, "data_formats", ("coco", "lvis"))
    monkeypatch.setattr(Synthetic, "option_values", {"prompt": ("a", "b")})
    write_run(Path("first"), PLAIN)
    write_run(Path("other"), PLAIN, settings=settings)
    assert refused("first", "other", *force) == f"other does not compare with first: {reason}"


def test_another_version_of_a_metric_never_compares(refused, compared, pair):
    edit(Path("second") / SUMMARY, lambda summary: summary["metrics"][0].update(version=2))
    for force in ([], ["--force"]):
        assert refused(*pair, *force) == "second has version 2 of mean, first version 1: rescore them"
    assert compared(*pair, "--metric", "miss")
    edit(Path("first") / SUMMARY, lambda summary: summary["metrics"][0].update(version=2))
    assert refused(*pair) == "first has version 2 of mean, not 1: rescore it"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"batch_size": 8}, "batch_size 16 there, 8 now"),
        ({"max_new_tokens": 64}, "max_new_tokens 8 there, 64 now"),
        ({"reading": "lenient"}, "reading standard there, lenient now"),
        ({"predictor": {"weights": "w", "dtype": "bfloat16"}}, "dtype float32 there, bfloat16 now"),
        (
            {"predictor": {"kind": "oracle", "codec": {"weights": "w", "dtype": "bfloat16"}}},
            "dtype float32 there, bfloat16 now",
        ),
    ],
)
def test_other_arithmetic_is_refused_and_flagged_when_forced(command, refused, pair, settings, reason):
    write_run(Path("other"), PLAIN, settings=settings)
    assert refused("first", "other") == (
        f"other does not compare with first: {reason} (--force compares them anyway)"
    )
    flag = f"other differs from first: {reason}"
    for format, shown in (("text", f"\nFORCED: {flag}\n"), ("csv", flag), ("json", flag)):
        code, out, _ = command("compare", "first", "other", "--force", "--format", format)
        assert code == 0
        assert shown in out


def test_samples_that_are_described_otherwise_are_noted(compared, pair):
    assert not any("tags" in note for note in compared(*pair)["notes"])
    rewrite(Path("second") / JOURNAL, '"side":"left"', '"side":"west"')
    rewrite(Path("second") / JOURNAL, '"cluster":"image3.png"', '"cluster":"other.png"')  # a new name only
    rewrite(Path("second") / JOURNAL, '"cluster":"image1.png"', '"cluster":"image5.png"')
    what = "tags or image of 21 of 40 samples; those of the subtracted run are used"
    assert f"second differs from first: {what}" in compared(*pair)["notes"]


def test_without_weights_there_is_no_arithmetic(compared, pair):
    write_run(Path("constant"), PLAIN, settings={"predictor": {"kind": "constant"}, "batch_size": 1})
    assert compared("first", "constant")["forced"] == []
    # but two runs with weights are beside each other in the table
    write_run(Path("small"), PLAIN, settings={"batch_size": 1})
    with pytest.raises(ValueError, match="small does not compare with first"):
        compare(read_given_runs([Path(name) for name in ("constant", "first", "small")]))


def test_what_is_compared_is_no_difference_and_the_rest_is_noted(compared, pair):
    packages = {"torch": "2.2"}
    settings = {"constrained": True, "predictor": {"weights": "x", "dtype": "float32"}}
    write_run(Path("other"), PLAIN, settings=settings, packages=packages)
    found = compared("first", "other")
    assert found["forced"] == []
    (note,) = found["notes"]
    assert note.startswith("other differs from first: ")
    assert "constrained false there, true now" in note
    assert "packages.torch null there, 2.2 now" in note


def test_other_data_compare_in_what_they_share_when_forced(command, compared, refused, pair):
    write_run(Path("half"), HALF_LOST[:20], settings={"data": "e" * 64})
    shared = "data dddddddddddd... there, eeeeeeeeeeee... now, 20 samples in common"
    assert refused("first", "half") == (
        f"half does not compare with first: {shared} (--force compares them anyway)"
    )
    found = compared("first", "half", "--force")
    assert found["forced"] == [
        f"half differs from first: {shared}",
        "20 of the 40 samples of first are left out",
    ]
    assert (found["samples"], found["images"]) == (20, 20)
    assert metrics(found)["mean"]["difference"] == pytest.approx(-0.1)
    assert found["runs"][0]["outcomes"]["ok"] == 20
    # all runs are shown on the same samples
    three = compared("first", "second", "half", "--force", "--metric", "mean")
    assert [run["metrics"]["mean"]["value"] for run in three["runs"]] == pytest.approx([0.8, 0.7, 0.7])
    low = three["runs"][1]["metrics"]["mean"]["low"]
    assert low == pytest.approx(0.7 - 1.96 * 0.1 / 20**0.5, abs=0.005)


def test_data_without_a_common_sample_never_compare(refused, pair):
    write_run(Path("other"), PLAIN, settings={"data": "e" * 64})
    journal = Path("other") / JOURNAL
    journal.write_text(journal.read_text().replace('"id":"s', '"id":"t'))
    assert refused("first", "other", "--force").endswith("and no sample in common")


def test_equal_data_with_other_samples_never_compare(refused, pair):
    journal = Path("second") / JOURNAL
    journal.write_text(journal.read_text().replace('"id":"s00"', '"id":"t00"'))
    differ = "samples differ, 39 in common, although the data are the same"
    for force in ([], ["--force"]):
        assert refused(*pair, *force) == f"second does not compare with first: {differ}"


# summaries alone


def test_without_answers_the_comparison_is_unpaired(command, compared, pair):
    summarized("first", (0.74, 0.86))
    summarized("second", (0.62, 0.78))
    found = compared(*pair)
    mean = metrics(found)["mean"]
    assert found["pairs"][0]["paired"] is False
    assert (mean["low"], mean["high"]) == pytest.approx((-0.2, 0.0))  # 0.06, 0.08, 0.1
    assert [mean[name] for name in ("p", "p_holm", "wins")] == [None] * 3
    assert metrics(found)["miss"]["low"] is None
    group = found["pairs"][0]["groups"][0]
    assert (group["difference"], group["low"]) == pytest.approx((0, -0.1 * 2**0.5))
    _, out, _ = command("compare", *pair)
    lines = out.splitlines()
    assert "UNPAIRED" in lines[0]
    assert "second minus first, UNPAIRED" in lines
    assert "approximate 95 % interval" in out
    assert "paired by sample" not in out
    assert not re.search(r"\bp\b", out)


def test_a_summary_file_is_enough(compared, pair, tmp_path):
    found = compared("first", f"second/{SUMMARY}")
    assert found["pairs"][0]["paired"] is False
    (Path("second") / RUN).unlink()
    found = compared("first", f"second/{SUMMARY}")
    unknown = "it is not known whether data, options and device are the same"
    assert found["notes"] == [f"second/{SUMMARY} comes without run.json: {unknown}"]
    assert metrics(found)["mean"]["difference"] == pytest.approx(-0.1)
    # with others that can be paired
    write_run(Path("third"), THIRDS)
    found = compared("first", "third", f"second/{SUMMARY}", "--show", "1")
    assert [pair["paired"] for pair in found["pairs"]] == [True, False]
    assert "no single samples of runs without samples.jsonl" in found["notes"]


def test_summaries_of_other_data_never_compare(refused, pair):
    write_run(Path("half"), PLAIN[:20], settings={"data": "e" * 64})
    summarized("half")
    for force in ([], ["--force"]):
        line = refused("first", "half", *force)
        assert line.endswith("eeeeeeeeeeee... now, and which samples is not known")
    (Path("half") / RUN).unlink()
    assert "samples 40 there, 20 now" in refused("first", "half")


# mistakes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("first", "give two runs or more to compare"),
        ("first first/", "first is given 2 times"),
        (f"first first/{SUMMARY}", "first is given 2 times"),
        ("first nowhere", "nowhere is not a results folder: it has no run.json"),
        (f"first nowhere/{SUMMARY}", "nowhere is not a results folder: it has no summary.json"),
        ("first running", "running is incomplete: run its command again"),
        ("first short", "short is incomplete: samples.jsonl holds 39 of 40 samples"),
        ("first broken", "broken/samples.jsonl: line 1 is malformed"),
        ("first text", "text/samples.jsonl: line 1 is malformed (scores.x: Input should be a valid number"),
        ("first null", "null/samples.jsonl: line 1 is malformed (scores.x: Input should be a valid number"),
        ("first second --metric maen", "synthetic has no metric 'maen'; did you mean 'mean'?"),
        ("first second --metric fact", "fact describes the data: neither more nor less of it is better"),
        ("first second --by sied", "samples have no tag 'sied'; did you mean 'side'?"),
        ("untagged second --by side", "samples have no tag 'side'; they have no tags at all"),
        ("first second --format html", "unknown format 'html'; there are text, markdown, latex, csv, json"),
        ("first second --json --format csv", "give either --json or --format csv"),
        ("first second --pictures drawn", "--pictures needs --show N"),
        ("first second --out .", "Is a directory"),
    ],
)
def test_mistakes_are_one_line(refused, pair, arguments, message):
    for name in ("running", "short", "broken", "untagged"):
        write_run(Path(name), PLAIN)
    for side in ("left", "right"):
        rewrite(Path("untagged") / JOURNAL, f'{{"side":"{side}"}}', "{}")
    edit(Path("running") / RUN, lambda record: record.update(status="running"))
    lines = (Path("short") / JOURNAL).read_text().splitlines(keepends=True)
    (Path("short") / JOURNAL).write_text("".join(lines[:-1]))
    (Path("broken") / JOURNAL).write_text("{}\n")
    for name, score in (("text", '"x":"a"'), ("null", '"x":null')):
        write_run(Path(name), PLAIN)
        (Path(name) / JOURNAL).write_text((Path(name) / JOURNAL).read_text().replace('"x":0.8', score))
    assert message in refused(*arguments.split())
