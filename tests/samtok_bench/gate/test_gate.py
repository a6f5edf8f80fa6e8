"""Gates: verdicts by hand on runs with known intervals, and every way in which nothing must not pass."""

import json
from pathlib import Path

import pytest
from gate_files import FORCE, write_gate
from synthetic_runs import COUNT, HALF_LOST, PLAIN, SPREAD, edit, pair, write_run

from samtok_bench.runs.folder import JOURNAL, RUN, SUMMARY, RunFolder

# verdicts


@pytest.mark.parametrize(
    ("metric", "floor", "code"),
    [
        ("mean", 0.79, 0),
        ("mean", 0.8, 0),
        ("mean", 0.81, 1),
        ("miss", 0.81, 0),
        ("miss", 0.8, 0),
        ("miss", 0.79, 1),
        ("bits", 5, 0),
        ("bits", 0.5, 1),
        ("used", 1, 0),
        ("used", 2, 1),
    ],
)
def test_a_floor(check, metric, floor, code):
    write_run(Path("now"), PLAIN)
    got, found = check(run="now", metric=metric, floor=floor)
    assert got == code
    assert found["verdict"] == ("regression" if code else "pass")
    assert found["value"] == pytest.approx(1 if metric == "used" else 0.8)


@pytest.mark.parametrize(
    ("metric", "now", "before", "tolerance", "verdict"),
    [
        ("mean", HALF_LOST, PLAIN, 0.05, "regression"),
        ("mean", HALF_LOST, PLAIN, 0.1, "inconclusive"),
        ("mean", HALF_LOST, PLAIN, 0.15, "pass"),
        ("mean", SPREAD, PLAIN, 0.02, "inconclusive"),
        ("mean", SPREAD, PLAIN, 0.04, "pass"),
        ("mean", PLAIN, HALF_LOST, 0, "pass"),
        ("mean", PLAIN, PLAIN, 0, "pass"),
        # less is better: what was a loss is a gain
        ("miss", HALF_LOST, PLAIN, 0, "pass"),
        ("miss", PLAIN, HALF_LOST, 0.05, "regression"),
        ("miss", PLAIN, HALF_LOST, 0.1, "inconclusive"),
        ("miss", PLAIN, HALF_LOST, 0.15, "pass"),
        ("bits", PLAIN, HALF_LOST, 0.05, "regression"),
        # a constant drop has the interval [-0.1, -0.1]; exactly the tolerance is allowed
        ("mean", [0.7] * COUNT, PLAIN, 0.1, "pass"),
        ("mean", [0.7] * COUNT, PLAIN, 0.0999, "regression"),
        ("middle", [0.7] * COUNT, PLAIN, 0.05, "regression"),
    ],
)
def test_a_tolerance(check, metric, now, before, tolerance, verdict):
    code, found = check(**pair(now, before), metric=metric, tolerance=tolerance)
    assert found["verdict"] == verdict
    assert code == {"pass": 0, "regression": 1, "inconclusive": 3}[verdict]


def test_the_interval_is_the_textbook_one(check):
    _, found = check(**pair(HALF_LOST, PLAIN), tolerance=0.1)
    half = 1.96 * 0.1 / COUNT**0.5
    assert found["difference"] == pytest.approx(-0.1)
    assert found["low"] == pytest.approx(-0.1 - half, abs=0.1 * half)
    assert found["high"] == pytest.approx(-0.1 + half, abs=0.1 * half)


def test_images_are_resampled_not_samples(check):
    """Twenty pairs of equal samples: the interval is that of twenty images."""
    lost = [0.8 if k % 20 < 10 else 0.6 for k in range(COUNT)]
    _, found = check(**clustered(lost), tolerance=0.1)
    half = 1.96 * 0.1 / 20**0.5
    assert found["high"] == pytest.approx(-0.1 + half, abs=0.1 * half)


def clustered(now, clusters=20):
    write_run(Path("now"), now, clusters=clusters)
    write_run(Path("base"), PLAIN, clusters=clusters)
    return {"run": "now", "baseline": "base"}


def test_a_warning_lets_inconclusive_pass_and_nothing_else(check):
    runs = pair(HALF_LOST, PLAIN)
    assert check(**runs, tolerance=0.1, inconclusive="warn")[0] == 0
    assert check(**runs, tolerance=0.1, inconclusive="fail")[0] == 3
    assert check(**runs, tolerance=0.05, inconclusive="warn")[0] == 1
    assert check(**runs, tolerance=0.1, inconclusive="warn", min_images=41)[0] == 3


def test_a_tag_chooses_the_samples(check):
    runs = pair(HALF_LOST, PLAIN)  # the even ones, on the left, lost 0.2
    code, found = check(**runs, tolerance=0.15, tag={"side": "left"})
    assert (code, found["value"], found["difference"]) == (1, pytest.approx(0.6), pytest.approx(-0.2))
    assert check(**runs, tolerance=0, tag={"side": "right"})[0] == 0


def test_a_tag_has_the_interval_of_a_comparison(check, command):
    runs = pair([0.8 + 0.1 * (k % 3 - 1) for k in range(COUNT)], PLAIN)
    found = check(**runs, tolerance=0.15, tag={"side": "left"})[1]
    _, out, _ = command("compare", "base", "now", "--json")
    group = json.loads(out)["pairs"][0]["groups"][0]
    assert (found["low"], found["high"]) == (group["low"], group["high"])


def test_failed_samples(check):
    write_run(Path("now"), PLAIN, failed=2)
    code, found = check(run="now", floor=0.5)
    assert (code, found["verdict"]) == (4, "too many failed")
    assert "2 of 40 samples failed (0 % may), the first: model_error, RuntimeError: boom" in found["reason"]
    assert check(run="now", floor=0.5, max_failed=0.04)[0] == 4
    code, found = check(run="now", floor=0.5, max_failed=0.05)
    assert code == 0
    assert found["notes"][0].startswith("2 of 40 samples failed (5 % may)")
    # regression before failed samples before what is undecided
    assert check(run="now", floor=0.9)[0] == 1
    assert check(run="now", floor=0.5, baseline="nowhere")[0] == 4
    assert check(run="now", floor=0.5, tag={"side": "right"})[0] == 4


def test_a_failing_baseline_is_no_baseline(check):
    write_run(Path("now"), PLAIN)
    write_run(Path("base"), [0, *PLAIN[1:]], failed=1)
    code, found = check(run="now", baseline="base", tolerance=0.5)
    assert code == 3
    assert "baseline: 1 of 40 samples failed" in found["reason"]


def test_the_code_over_several_checks(command, work):
    pair(HALF_LOST, PLAIN)
    write_run(work / "failed", PLAIN, failed=1)
    entries = {
        0: {"name": "passes", "run": "now", "metric": "mean", "floor": 0.1},
        1: {"name": "regresses", "run": "now", "metric": "mean", "floor": 0.9},
        3: {"name": "undecided", "run": "nowhere", "metric": "mean", "floor": 0.1},
        4: {"name": "fails", "run": "failed", "metric": "mean", "floor": 0.1},
    }
    for codes, expected in (((0,), 0), ((0, 3), 3), ((3, 4, 0), 4), ((0, 3, 4, 1), 1), ((3, 1), 1)):
        write_gate(work / "gate.yaml", *(entries[code] for code in codes))
        assert command("gate", "gate.yaml")[0] == expected


# metrics of all answers together


def test_a_floor_on_all_answers_together(check, whole):
    runs = pair(PLAIN, PLAIN)
    whole(Path("now"), 1.4)
    whole(Path("base"), 1.5)
    code, found = check(**runs, metric="whole", floor=1.3)
    assert (code, found["reason"]) == (0, "140.00 keeps the floor 130.00")
    assert (found["value"], found["baseline_value"], found["low"]) == (1.4, 1.5, None)
    assert found["difference"] == pytest.approx(-0.1)
    assert check(run="now", metric="whole", floor=1.45)[0] == 1


def test_some_answers_have_no_value_of_all_together(check, whole, work):
    whole(write_run(work / "now", PLAIN), 1.4)
    code, found = check(run="now", metric="whole", floor=1.3, tag={"side": "left"})
    said = "now: whole is computed from all answers together, not from 20 of 40"
    assert (code, found["reason"]) == (3, said)
    whole(write_run(work / "base", PLAIN[:30], settings={"data": "e" * 64}), 1.5)
    code, found = check(run="now", baseline="base", metric="whole", floor=1.3, force=True)
    assert (code, found["reason"]) == (3, said.replace("20", "30"))


@pytest.mark.parametrize("value", [None, float("nan")])
def test_an_undefined_value_of_all_answers_is_exit_code_3(check, whole, value, work):
    whole(write_run(work / "now", PLAIN), value)
    code, found = check(run="now", metric="whole", floor=1.3)
    assert (code, found["verdict"]) == (3, "not comparable")
    if value is None:
        assert found["reason"] == "now: whole is undefined on 40 samples"


# nothing is no pass


def test_an_undecidable_comparison_is_exit_code_3(check, work):
    runs = pair(PLAIN, PLAIN)
    code, found = check(**runs, tolerance=0.1, min_images=41)
    assert (code, found["reason"]) == (3, "only 40 images inform mean, min_images is 41")
    for entry, reason in (
        ({"baseline": "nowhere"}, "nowhere is not a results folder: it has no run.json"),
        ({"run": "nowhere"}, "nowhere is not a results folder: it has no run.json"),
        ({"run": "base"}, "base does not compare with base: they are the same run"),
        ({"metric": "maen"}, "synthetic has no metric 'maen'; did you mean 'mean'?"),
        ({"tag": {"side": "top"}}, "now has no samples with side 'top'"),
        ({"tag": {"size": "left"}}, "now has no samples with size 'left'"),
    ):
        code, found = check(**{**runs, "tolerance": 0.1, "inconclusive": "warn", **entry})
        assert (code, found["verdict"], found["reason"]) == (3, "not comparable", reason)


@pytest.mark.parametrize("which", ["now", "base"])
@pytest.mark.parametrize("name", [RUN, JOURNAL, SUMMARY])
@pytest.mark.parametrize("content", [None, b"", b"{}\n"])
def test_a_missing_or_empty_file_is_exit_code_3(check, work, which, name, content):
    runs = pair(PLAIN, PLAIN)
    file = work / which / name
    file.unlink() if content is None else file.write_bytes(content)
    code, found = check(**runs, tolerance=0.1)
    assert (code, found["verdict"]) == (3, "not comparable")
    assert which in found["reason"]


@pytest.mark.parametrize("which", ["now", "base"])
def test_an_incomplete_run_is_exit_code_3(check, work, which):
    runs = pair(PLAIN, PLAIN)
    folder = RunFolder(work / which)
    folder.journal.path.write_bytes(b"".join(folder.journal.path.read_bytes().splitlines(True)[:-1]))
    code, found = check(**runs, tolerance=0.1)
    assert (code, found["reason"]) == (3, f"{which} is incomplete: samples.jsonl holds 39 of 40 samples")
    folder.write_record(folder.record().model_copy(update={"status": "running"}))
    code, found = check(**runs, tolerance=0.1)
    assert (code, found["reason"]) == (3, f"{which} is incomplete: run its command again")


@pytest.mark.parametrize("which", ["now", "base"])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), 0.7])
def test_an_undefined_or_stale_summary_is_exit_code_3(check, work, which, value):
    runs = pair(PLAIN, PLAIN)
    text = (work / which / SUMMARY).read_text()
    stored = json.loads(text)
    stored["metrics"][0]["value"] = value
    (work / which / SUMMARY).write_text(json.dumps(stored))
    code, found = check(**runs, tolerance=0.1)
    assert (code, found["verdict"]) == (3, "not comparable")


@pytest.mark.parametrize("which", ["now", "base"])
def test_a_metric_that_the_summary_lacks_is_exit_code_3(check, work, which):
    runs = pair(PLAIN, PLAIN)
    edit(work / which / SUMMARY, lambda summary: summary.update(metrics=summary["metrics"][:1]))
    code, found = check(**runs, metric="middle", floor=0.1)
    assert (code, found["reason"]) == (3, f"{which}: summary.json has no middle")


@pytest.mark.parametrize("x", [float("nan"), float("inf")])
def test_an_undefined_value_is_exit_code_3(check, x):
    runs = pair([x, *PLAIN[1:]], PLAIN)
    for entry in ({"tolerance": 0.1}, {"floor": 0.1}):
        code, found = check(**runs, **entry)
        assert (code, found["verdict"]) == (3, "not comparable")
        assert "now: mean is undefined on 40 samples" in found["reason"]
    # the median would be a number
    assert check(run="now", metric="middle", floor=0.1)[0] == 3


def test_a_metric_that_no_sample_informs_is_exit_code_3(check, work):
    write_run(work / "now", PLAIN, ys=[0] * COUNT)
    code, found = check(run="now", metric="part", floor=0.1)
    assert (code, found["reason"]) == (3, "now: part is undefined on 40 samples")
    # images without a say do not count
    some = [1] * 19 + [0] * 21
    write_run(work / "some", PLAIN, ys=some)
    write_run(work / "base", PLAIN, ys=some)
    code, found = check(run="some", baseline="base", metric="part", tolerance=0.1)
    assert (code, found["reason"]) == (3, "only 19 images inform part, min_images is 20")
    assert check(run="some", baseline="base", metric="part", tolerance=0.1, min_images=19)[0] == 0


def test_an_old_journal_is_exit_code_3(check, work):
    write_run(work / "now", PLAIN)
    journal = work / "now" / JOURNAL
    journal.write_text(journal.read_text().replace('"x":', '"z":'))
    code, found = check(run="now", floor=0.1)
    assert (code, found["reason"]) == (3, "now: samples.jsonl has no score 'x': rescore it")


def test_another_version_of_the_metric_is_exit_code_3(check, work):
    runs = pair(PLAIN, PLAIN)
    stored = json.loads((work / "base" / SUMMARY).read_text())
    stored["metrics"][0]["version"] = 2
    (work / "base" / SUMMARY).write_text(json.dumps(stored))
    code, found = check(**runs, tolerance=0.1)
    assert (code, found["reason"]) == (3, "base has version 2 of mean, not 1: rescore it")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"task": "squares"}, "task squares there, synthetic now"),
        ({"protocol": "released"}, "protocol released there, standard now"),
        ({"split": "testA"}, "split testA there, val now"),
    ],
)
def test_a_baseline_of_something_else_is_exit_code_3(check, work, settings, reason):
    write_run(work / "now", PLAIN)
    write_run(work / "base", PLAIN, settings=settings)
    code, found = check(run="now", baseline="base", tolerance=0.1)
    assert (code, found["reason"]) == (3, f"now does not compare with base: {reason}")


@pytest.mark.parametrize("count", [30, COUNT])
def test_other_data_is_exit_code_3_unless_forced(check, work, count):
    write_run(work / "now", PLAIN[:count])
    write_run(work / "base", HALF_LOST, settings={"data": "e" * 64})
    shared = f"data eeeeeeeeeeee... there, dddddddddddd... now, {count} samples in common"
    code, found = check(run="now", baseline="base", tolerance=0.1)
    assert (code, found["reason"]) == (3, f"now does not compare with base: {shared} {FORCE}")
    code, found = check(run="now", baseline="base", tolerance=0.1, force=True)
    assert (code, found["notes"][0]) == (0, f"differs from the baseline: {shared}")
    assert (found["value"], found["baseline_value"]) == pytest.approx((0.8, 0.7))
    of = f"value, baseline and difference are of the {count} samples in common"
    left = [] if count == COUNT else [f"{of}: 0 of the run and 10 of the baseline are left out"]
    assert found["notes"][1:] == left


def test_value_and_difference_are_of_the_samples_in_common(check, work):
    """The run has ten more, by which it is better; the floor asks all of them."""
    write_run(work / "now", [*[0.6] * 30, *[1.0] * 10])
    write_run(work / "base", [0.7] * 30, settings={"data": "e" * 64})
    code, found = check(run="now", baseline="base", floor=0.65, tolerance=0.2, force=True)
    assert (code, found["value"], found["baseline_value"]) == (0, pytest.approx(0.6), pytest.approx(0.7))
    assert found["low"] - 1e-9 <= found["difference"] <= found["high"] + 1e-9
    assert found["difference"] == pytest.approx(-0.1)
    assert found["reason"].startswith("70.00 keeps the floor 65.00; ")
    assert found["notes"][1] == (
        "value, baseline and difference are of the 30 samples in common: 10 of the run and 0 of the baseline"
        " are left out; the floor is checked on all 40 of the run"
    )


def test_data_without_a_common_sample_is_exit_code_3_even_if_forced(check, work):
    write_run(work / "now", PLAIN)
    write_run(work / "base", PLAIN, settings={"data": "e" * 64})
    journal = work / "base" / JOURNAL
    journal.write_text(journal.read_text().replace('"id":"s', '"id":"t'))
    for force in (False, True):
        code, found = check(run="now", baseline="base", tolerance=0.1, force=force)
        assert (code, found["reason"].endswith("now, and no sample in common")) == (3, True)


def test_samples_with_other_tags_are_exit_code_3_unless_forced(check, work):
    """The same samples, of which the runs say different things."""
    runs = pair(PLAIN, PLAIN)
    journal = work / "base" / JOURNAL
    first, rest = journal.read_text().split("\n", 1)
    journal.write_text(first.replace('"left"', '"right"') + "\n" + rest)
    entry = {**runs, "tolerance": 0.1, "tag": {"side": "left"}, "min_images": 19}
    code, found = check(**entry)
    reason = "now does not compare with base: 1 samples have side left in only one of them"
    assert (code, found["reason"]) == (3, reason)
    assert check(**entry, force=True)[0] == 0


def test_an_empty_run_is_exit_code_3(check, work):
    write_run(work / "now", [])
    assert check(run="now", floor=0.1)[1]["reason"] == "now has no samples"


def test_one_image_is_exit_code_3(check):
    code, found = check(**clustered(PLAIN, clusters=1), tolerance=0.1)
    assert (code, found["reason"]) == (3, "only 1 images inform mean, min_images is 20")


def test_a_missing_baseline_is_not_ignored_where_only_a_floor_is_checked(check, work):
    write_run(work / "now", PLAIN)
    assert check(run="now", baseline="nowhere", floor=0.1)[0] == 3


def test_other_arithmetic_is_exit_code_3_unless_forced(check, work):
    settings = {"batch_size": 4, "predictor": {"weights": "other", "dtype": "bfloat16"}}
    write_run(work / "now", PLAIN, settings=settings, packages={"torch": "2.14"})
    write_run(work / "base", PLAIN, packages={"torch": "2.13"})
    differing = "dtype float32 there, bfloat16 now; batch_size 16 there, 4 now"
    code, found = check(run="now", baseline="base", tolerance=0.1)
    assert (code, found["reason"]) == (3, f"now does not compare with base: {differing} {FORCE}")
    code, found = check(run="now", baseline="base", tolerance=0.1, force=True)
    assert (code, found["notes"]) == (
        0,
        [f"differs from the baseline: {differing}; packages.torch 2.13 there, 2.14 now"],
    )


def test_settings_that_may_matter_are_noted(check, work):
    """Other code is what a gate is for."""
    settings = {"code": "e" * 64, "seed": 1}
    write_run(work / "now", PLAIN, settings=settings, packages={"torch": "2.14"})
    write_run(work / "base", PLAIN, packages={"torch": "2.13"})
    code, found = check(run="now", baseline="base", tolerance=0.1)
    assert code == 0
    assert found["notes"] == [
        "differs from the baseline: seed 0 there, 1 now; packages.torch 2.13 there, 2.14 now"
    ]


@pytest.mark.parametrize("which", ["now", "base"])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda record: record.update(schema_version=2), "is of schema version 2"),
        (lambda record: record["settings"].update(policy="strict"), "is malformed: settings.policy: Extra"),
        (lambda record: record["settings"].pop("reading"), "is malformed: settings.reading: Field required"),
        (lambda record: record["settings"].update(limit="x"), "is malformed: settings.limit: Input should"),
        (lambda record: record["settings"].update(task="circles"), "unknown task 'circles'"),
    ],
)
def test_a_damaged_record_is_exit_code_3(check, work, which, change, fault):
    runs = pair(PLAIN, PLAIN)
    edit(work / which / RUN, change)
    code, found = check(**runs, tolerance=0.1)
    assert (code, found["verdict"]) == (3, "not comparable")
    assert found["reason"].startswith(f"{which}/run.json")
    assert fault in found["reason"]
    assert "\n" not in found["reason"]
