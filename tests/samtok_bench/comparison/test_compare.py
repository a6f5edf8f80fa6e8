"""`compare`: figures by hand on runs with known intervals, what does not compare, and every format."""

import csv
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from synthetic_runs import COUNT, HALF_LOST, PLAIN, Synthetic, edit, write_run

from samtok_bench.comparison.compare import compare
from samtok_bench.comparison.given_runs import read_given_runs
from samtok_bench.runs.folder import JOURNAL, RUN, SUMMARY

THIRDS = [0.8 + 0.1 * (k % 3 - 1) for k in range(COUNT)]
"""Against PLAIN: a third each wins, ties and loses."""


@pytest.fixture
def compared(command):
    """Compare with --json: the object."""

    def compared(*arguments: str) -> dict:
        code, out, err = command("compare", *arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return compared


@pytest.fixture
def refused(command):
    """A comparison that is a mistake: the error line."""

    def refused(*arguments: str) -> str:
        code, out, err = command("compare", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        return err.removeprefix("error: ").rstrip("\n")

    return refused


def rewrite(path: Path, old: str, new: str) -> None:
    """Exchange a text that is in a file."""
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


@pytest.fixture
def pair(work):
    """The runs `first` and `second`."""
    write_run(Path("first"), PLAIN)
    write_run(Path("second"), HALF_LOST)
    return "first", "second"


def metrics(found: dict, place: int = 0) -> dict[str, dict]:
    return {metric["metric"]: metric for metric in found["pairs"][place]["metrics"]}


def summarized(folder: str, bounds: tuple[float, float] | None = None) -> Path:
    """Take the answers away; the summary keeps an interval of `mean` and of the groups by side."""

    def change(summary):
        if bounds:
            summary["metrics"][0]["low"], summary["metrics"][0]["high"] = bounds
        group = {"samples": 20, "metrics": {"mean": 0.5}, "low": 0.4, "high": 0.6}
        summary["breakdown"] = {"side": {"left": group, "right": {**group, "metrics": {"mean": 0.7}}}}

    (Path(folder) / JOURNAL).unlink()
    edit(Path(folder) / SUMMARY, change)
    return Path(folder)


# figures


def test_a_pair_by_hand(compared, pair):
    found = compared(*pair)
    assert (found["samples"], found["images"], found["pairs"][0]["paired"]) == (40, 40, True)
    mean = metrics(found)["mean"]
    half = 1.96 * 0.1 / COUNT**0.5
    assert (mean["first_value"], mean["second_value"]) == pytest.approx((0.8, 0.7))
    assert mean["difference"] == pytest.approx(-0.1)
    assert (mean["low"], mean["high"]) == pytest.approx((-0.1 - half, -0.1 + half), abs=0.1 * half)
    assert (mean["wins"], mean["ties"], mean["losses"]) == (0, 20, 20)
    # 20 losses of one size against none: 2 of 2^20 signings are as large, so none of 10,000 is likely to be
    assert mean["p"] == pytest.approx(1 / 10_001)
    # of which less is better
    miss = metrics(found)["miss"]
    assert (miss["wins"], miss["ties"], miss["losses"]) == (20, 20, 0)
    assert miss["difference"] == pytest.approx(-0.1)


def test_metrics_without_a_direction_are_left_out_and_without_interval_have_no_test(compared, pair):
    found = metrics(compared(*pair))
    assert list(found) == ["mean", "part", "miss", "bits", "middle", "used"]
    used = found["used"]
    assert (used["first_value"], used["second_value"], used["difference"]) == (1, 2, 1)
    assert [used[name] for name in ("low", "high", "p", "p_holm", "wins")] == [None] * 5


def test_few_losses_have_an_exact_p(compared, work):
    write_run(Path("first"), PLAIN)
    write_run(Path("second"), [0.7] * 5 + PLAIN[5:])
    found = compared("first", "second")
    assert metrics(found)["mean"]["p"] == 2 / 2**5
    # mean, part, miss, bits, middle; the medians are equal
    assert metrics(found)["middle"]["p"] == 1
    assert found["test"]["adjusted_over"] == 5
    assert [metric["p_holm"] for metric in metrics(found).values()] == [
        5 / 16,
        5 / 16,
        5 / 16,
        5 / 16,
        1,
        None,
    ]


def test_images_change_sides(compared, work):
    """Five images with four samples each."""
    for name, xs in (("first", PLAIN[:20]), ("second", [0.7] * 20)):
        write_run(Path(name), xs, clusters=5)
    assert metrics(compared("first", "second"))["mean"]["p"] == 2 / 2**5


def test_wins_and_losses_are_of_samples_that_take_part_in_both(compared, work):
    ys = [0.0] * 10 + [1.0] * 30
    write_run(Path("first"), PLAIN, ys=ys)
    write_run(Path("second"), THIRDS)
    found = metrics(compared("first", "second"))
    assert [found["mean"][name] for name in ("wins", "ties", "losses")] == [13, 13, 14]
    assert sum(found["part"][name] for name in ("wins", "ties", "losses")) == 30


def test_holm_goes_over_all_pairs(compared, pair):
    write_run(Path("third"), THIRDS)
    found = compared(*pair, "third", "--metric", "mean")
    assert [(pair["first"], pair["second"]) for pair in found["pairs"]] == [
        ("first", "second"),
        ("first", "third"),
    ]
    small, large = (metrics(found, place)["mean"] for place in (0, 1))
    assert small["p_holm"] == pytest.approx(2 * small["p"])
    assert large["p_holm"] == large["p"]
    every = compared(*pair, "third", "--metric", "mean", "--all-pairs")
    assert [(pair["first"], pair["second"]) for pair in every["pairs"]][2] == ("second", "third")
    assert every["test"]["adjusted_over"] == 3


def test_an_undefined_metric_is_told(command, compared, work):
    for name in ("first", "second"):
        write_run(Path(name), PLAIN, ys=[0.0] * COUNT)
    write_run(Path("third"), PLAIN)
    found = compared("first", "second")
    assert "part" not in metrics(found)
    assert "undefined in all runs: part" in found["notes"]
    assert metrics(compared("first", "second", "--metric", "part"))["part"]["difference"] is None
    # in one run only: a value, no difference, no test
    part = metrics(compared("first", "third"))["part"]
    assert part["second_value"] == pytest.approx(0.8)
    assert [part[name] for name in ("first_value", "difference", "low", "p")] == [None] * 4


def test_a_score_that_is_no_number_makes_its_metrics_undefined(compared, work):
    write_run(Path("first"), PLAIN)
    write_run(Path("second"), [float("nan"), *PLAIN[1:]])
    edit(Path("second") / SUMMARY, lambda summary: summary["metrics"][4].update(value=None))
    found = metrics(compared("first", "second", "--metric", "mean", "--metric", "middle"))
    for id in ("mean", "middle"):
        assert [found[id][name] for name in ("second_value", "difference", "p", "wins")] == [None] * 4


# break-downs and single samples


def test_by_tag(compared, pair):
    (left, right) = compared(*pair)["pairs"][0]["groups"]
    assert (left["tag"], left["value"], left["samples"]) == ("side", "left", 20)
    assert (left["difference"], left["low"], left["high"]) == pytest.approx((-0.2, -0.2, -0.2))
    assert (right["value"], right["difference"]) == ("right", 0)
    assert compared(*pair, "--metric", "miss")["pairs"][0]["groups"][0]["metric"] == "miss"


def test_tags_that_tell_nothing_apart_are_shown_only_when_asked_for(compared, work):
    for name, xs in (("first", PLAIN[:1]), ("second", HALF_LOST[:1])):
        write_run(Path(name), xs)
    assert compared("first", "second")["pairs"][0]["groups"] == []
    (group,) = compared("first", "second", "--by", "side")["pairs"][0]["groups"]
    assert (group["samples"], group["low"]) == (1, None)  # one image says nothing of others


def test_the_samples_that_changed_most(compared, work):
    write_run(Path("first"), PLAIN)
    write_run(Path("second"), [0.8 + 0.01 * (k - 3) for k in range(8)] + PLAIN[8:])
    found = compared("first", "second", "--show", "2")["pairs"][0]
    assert [change["id"] for change in found["better"]] == ["s07", "s06"]
    assert [change["id"] for change in found["worse"]] == ["s00", "s01"]
    assert found["worse"][0] == {"id": "s00", "before": 0.8, "after": pytest.approx(0.77)}
    assert len(compared("first", "second", "--show", "9")["pairs"][0]["better"]) == 4
    less = compared("first", "second", "--show", "1", "--metric", "miss")["pairs"][0]
    assert less["better"][0]["id"] == "s00"  # less is better
    noted = compared("first", "second", "--show", "1", "--metric", "used")
    assert "no single samples: used is not defined for a single sample" in noted["notes"]


def test_pictures(command, pair, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for k in range(0, COUNT, 4):
        Image.new("RGB", (12, 10), "white").save(data / f"image{k}.png")
    write_run(Path("here"), PLAIN, data_root=data)
    code, out, _ = command("compare", "here", "second", "--show", "2", "--pictures", "drawn")
    assert code == 0
    picture = Path("drawn/01-second-minus-here-worse.png")
    assert f"picture: {picture}\n" in out
    with Image.open(picture) as image:
        assert (image.width // 256, image.height // 256) == (3, 2)
    assert "1 images cannot be read" in out  # s02's
    assert [path.name for path in Path("drawn").iterdir()] == [picture.name]


def test_without_the_data_one_line_takes_the_pictures_place(command, pair):
    code, out, _ = command("compare", *pair, "--show", "2", "--pictures", "drawn")
    assert code == 0
    assert "note: no pictures of second-minus-first: no data in nowhere" in out.splitlines()
    assert "-10.00" in out


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
        ("first second --format html", "unknown format 'html'; there are text, markdown, csv, json"),
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


# formats


def test_the_text(command, pair):
    code, out, _ = command("compare", *pair, "--metric", "mean", "--metric", "used", "--show", "1")
    assert code == 0
    blocks = [block.splitlines() for block in out.rstrip("\n").split("\n\n")]
    assert blocks[0][0] == (
        "synthetic on val, protocol standard: 2 runs, paired by sample, 40 samples on 40 images"
    )
    assert [" ".join(line.split()) for line in blocks[1] if not line.startswith("---")] == [
        "second minus first",
        "metric better first second difference 95 % interval p p (Holm) wins ties losses",
        "mean higher 80.00 70.00 -10.00 -13.00 to -7.00 <0.0001 <0.0001 0 20 20",
        "used higher 1.00 2.00 +1.00 n/a n/a n/a n/a n/a n/a",
    ]
    assert [line.split() for line in blocks[2][3:]] == [
        ["side", "left", "20", "80.00", "60.00", "-20.00", "-20.00", "to", "-20.00"],
        ["right", "20", "80.00", "80.00", "0.00", "0.00", "to", "0.00"],
    ]
    assert blocks[3][0] == "mean, second minus first: samples that changed most for the better: none"
    assert blocks[4][3].split() == ["s00", "80.00", "60.00", "-20.00"]
    assert "p (Holm): p adjusted for all tests shown (1)" in blocks[5]


def test_all_runs_side_by_side(command, pair):
    write_run(Path("third"), THIRDS)
    _, out, _ = command("compare", *pair, "third", "--metric", "mean")
    block = out.split("\n\n")[1].splitlines()
    assert block[1].split() == ["metric", "better", "first", "second", "third"]
    assert block[3].split()[:4] == ["mean", "higher", "80.00", "70.00"]


def test_markdown(command, work):
    for name, xs in (("fir|st", PLAIN), ("second", HALF_LOST)):
        write_run(Path(name), xs)
    _, out, _ = command("compare", "fir|st", "second", "--metric", "mean", "--format", "markdown")
    lines = out.splitlines()
    assert lines[0].startswith("### synthetic on val")
    assert "| metric | better | fir\\|st | second | difference | 95 % interval |" in out
    rows = [line for line in lines if line.startswith("| mean |")]
    assert rows[0].startswith("| mean | higher | 80.00 | 70.00 | -10.00 | -13.00 to -7.00 | \\<0.0001 |")


def test_csv_reads_back_as_json_has_it(command, compared, pair):
    found = compared(*pair)
    _, out, _ = command("compare", *pair, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    expected = [*found["pairs"][0]["metrics"], *found["pairs"][0]["groups"]]
    assert len(rows) == len(expected) == 8
    for row, difference in zip(rows, expected, strict=True):
        assert row["metric"] == difference["metric"]
        for name in ("first_value", "second_value", "difference", "low", "high", "p", "p_holm", "wins"):
            assert (float(row[name]) if row[name] else None) == difference[name]
    assert [row["tag_value"] for row in rows[6:]] == ["left", "right"]
    assert rows[0]["samples"] == "40"


def test_the_file(command, pair):
    _, printed, _ = command("compare", *pair, "--format", "markdown")
    code, out, err = command("compare", *pair, "--format", "markdown", "--out", "deep/er/report.md")
    assert (code, out, err) == (0, "", "comparison: deep/er/report.md\n")
    assert Path("deep/er/report.md").read_text() == printed


def test_runs_of_one_model_are_called_by_their_folders(compared, work):
    for name in ("a/run", "b/run", "c"):
        write_run(Path(name), PLAIN)
        edit(Path(name) / SUMMARY, lambda summary: summary.update(model="owner/model"))
    assert [run["run"] for run in compared("a/run", "c")["runs"]] == ["run", "c"]
    assert [run["run"] for run in compared("a/run", "b/run")["runs"]] == ["a/run", "b/run"]
    edit(Path("c") / SUMMARY, lambda summary: summary.update(model="owner/other"))
    assert [run["run"] for run in compared("a/run", "c")["runs"]] == ["model", "other"]
