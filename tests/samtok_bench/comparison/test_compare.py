"""`compare`: figures by hand on runs with known intervals, what does not compare, and every format."""

import csv
import io
from pathlib import Path

import pytest
from comparisons import THIRDS, metrics
from PIL import Image
from synthetic_runs import COUNT, HALF_LOST, PLAIN, edit, write_run

from samtok_bench.report.collect import collect
from samtok_bench.runs.folder import SUMMARY, RunFolder
from samtok_bench.showing.tables import span

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


def test_a_group_on_few_images_shows_their_number(command, compared, work):
    for name, xs in (("first", PLAIN), ("second", THIRDS)):
        write_run(Path(name), xs, clusters=12)
    groups = compared("first", "second")["pairs"][0]["groups"]
    assert [(group["samples"], group["images"], group["low"]) for group in groups] == [(20, 6, None)] * 2
    _, out, _ = command("compare", "first", "second")
    assert [line.split()[-2:] for line in out.splitlines() if "   20 " in line] == [["6", "images"]] * 2
    assert "\na group of fewer than 10 images has no interval: their number stands there\n" in out


def test_a_report_has_the_interval_of_the_comparison(compared, work):
    """In the order of the data there, and by id here."""
    for name, xs in (("first", PLAIN), ("second", THIRDS)):
        journal = RunFolder(write_run(Path(name), xs, clusters=17)).journal
        journal.replace(reversed(journal.read().values()))
    found = metrics(compared("first", "second"))["mean"]
    shown = collect([Path("first"), Path("second")]).metrics[0].difference
    assert shown.interval == span(found["low"], found["high"])


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
        "used higher 1 2 +1 n/a n/a n/a n/a n/a n/a",
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


def test_latex(command, work):
    for name, xs in (("first_50%", PLAIN), ("second", HALF_LOST)):
        write_run(Path(name), xs)
    asked = ("compare", "first_50%", "second", "--metric", "mean", "--format", "latex")
    lines = command(*asked)[1].splitlines()
    assert r"first\_50\% & \textbf{80.00} \\" in lines
    assert r"second & \underline{70.00} \\" in lines
    difference = r"mean & 80.00 & 70.00 & $-$10.00 & $-$13.00 to $-$7.00 & \textless{}0.0001 & "
    assert sum(line.startswith(difference) for line in lines) == 1
    edit(Path("second") / SUMMARY, lambda summary: summary["metrics"][0].update(low=0.6, high=0.8))
    with_intervals = command(*asked, "--intervals")[1].splitlines()
    assert r"second & \underline{70.00} {\scriptsize (60.00 to 80.00)} \\" in with_intervals
    assert "error: --intervals needs --format latex" in command(*asked[:-2], "--intervals")[2]


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
