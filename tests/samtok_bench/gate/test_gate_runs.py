"""Runs that a gate is given or makes, baselines that it refreshes, and the samples that lost."""

import json
import shlex
import shutil
import subprocess

import pytest
from gate_files import FORCE, write_gate
from synthetic_runs import COUNT, HALF_LOST, PLAIN, edit, pair, write_run

from samtok_bench.runs.folder import CEILING, JOURNAL, RUN, SUMMARY, RunFolder

# runs


def test_runs_on_the_command_line_go_to_the_checks_they_fit(command, refused, work):
    pair(PLAIN, PLAIN)
    write_run(work / "a-testA", PLAIN, settings={"split": "testA"})
    write_run(work / "b-testA", PLAIN, settings={"split": "testA"})
    checks = [
        {"name": "val", "metric": "mean", "baseline": "base", "tolerance": 0.1},
        {"name": "testA", "metric": "mean", "baseline": "a-testA", "tolerance": 0.1},
    ]
    write_gate(work / "gate.yaml", *checks)
    code, out, _ = command("gate", "gate.yaml", "b-testA", "now", "--json")
    assert code == 0
    assert [found["run"] for found in json.loads(out)["checks"]] == ["now", "b-testA"]
    tolerance = {"baseline": "base", "tolerance": 0.1}
    assert "b-testA (synthetic, standard, testA) fits no check" in refused("now", "b-testA", **tolerance)
    assert "now (synthetic, standard, val) fits no check" in refused("now", run="now", floor=0.1)
    assert "fits no check" in refused("now", metric="nope", floor=0.1)
    assert "checks.0 (mean) fits several of the given folders: now, now" in refused("now", "now", floor=0.1)
    assert "nowhere is not a results folder" in refused("nowhere", floor=0.1)


def test_an_old_run_on_the_command_line_is_exit_code_2(refused, work):
    edit(write_run(work / "now", PLAIN) / RUN, lambda record: record.update(schema_version=2))
    assert "now/run.json is of schema version 2" in refused("now", floor=0.1)


def test_a_run_on_the_command_line_does_not_stand_in_for_the_baseline(check):
    pair(PLAIN, PLAIN)
    assert check("now", baseline="base", tolerance=0.1)[0] == 0
    assert check("now", baseline="nowhere", tolerance=0.1)[0] == 3
    assert check("base", baseline="base", tolerance=0.1)[0] == 3


def test_a_run_is_made_once_and_resumed(command, work):
    run = {"task": "squares", "model": "faulty", "batch_size": 4, "out": "out"}
    checks = [
        {"run": run, "metric": "giou", "floor": 0.95, "max_failed": 0.05},
        {"run": run, "metric": "t_acc", "floor": 0.5, "max_failed": 0.05, "tag": {"parity": "even"}},
    ]
    write_gate(work / "gate.yaml", *checks)
    code, out, err = command("gate", "gate.yaml")
    assert code == 0, err
    assert err.count("predict: 0 of 24") == 1
    assert RunFolder(work / "out").record().sessions[0].command == ["samtok-bench", "gate", "gate.yaml"]
    assert "squares giou" in out
    assert "squares t_acc, parity even" in out
    code, _, err = command("gate", "gate.yaml")
    assert code == 0
    assert "predict" not in err
    checks[0]["max_failed"] = 0
    write_gate(work / "gate.yaml", *checks)
    assert command("gate", "gate.yaml")[0] == 4


def test_a_run_against_its_baseline(check, command):
    command("run", "--task", "squares", "--model", "perfect", "--out", "base")
    run = {"task": "squares", "model": "constant:whole"}
    entry = {"baseline": "base", "metric": "giou", "tolerance": 0.5, "min_images": 8}
    code, found = check(run=run, **entry)
    assert (code, found["value"], found["difference"]) == (1, pytest.approx(0.3), pytest.approx(-0.7))
    assert len(found["losses"]) == 10
    assert found["losses"][0]["before"] == 1
    assert not any("predictor" in note for note in found["notes"])  # it is what the gate is for
    code, found = check(run={**run, "limit": 9}, **entry)
    assert (code, found["verdict"]) == (3, "not comparable")
    assert found["reason"].endswith(f" now, 9 samples in common {FORCE}")
    code, found = check(run={**run, "model": "short"}, **entry)
    assert code == 1  # before 4
    assert "24 of 24 samples failed" in found["reason"]
    assert "drop of more than 50.00 is certain" in found["reason"]


def test_a_run_that_cannot_be_made_is_exit_code_2(command, work):
    run = {"task": "squares", "model": "unloadable"}
    write_gate(work / "gate.yaml", {"run": run, "metric": "giou", "floor": 0.1})
    code, out, err = command("gate", "gate.yaml")
    assert (code, out, err.splitlines()[-1]) == (2, "", "error: no weights here")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("gate", "give either a gate's file or --power RUN"),
        ("gate gate.yaml --power now", "give either a gate's file or --power RUN"),
        ("gate gate.yaml --metric mean", "--baseline and --metric belong to --power"),
        ("gate --power now --junit x.xml", "--junit needs a gate's file"),
        ("gate nowhere.yaml", "nowhere.yaml"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(command, arguments, message):
    code, out, err = command(*arguments.split())
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


# refreshing


def test_an_improvement_prints_a_command_that_refreshes_the_baseline(command, work):
    now, base = work / "it's now", work / "the base"
    write_run(now, PLAIN)
    write_run(base, HALF_LOST)
    beside = (CEILING, "judge.json", "judge.jsonl")
    for folder in (now, base):
        for name in beside:
            (folder / name).write_text(f"of {folder.name}\n")
    entry = {"run": now.name, "baseline": base.name, "metric": "mean", "tolerance": 0.01}
    write_gate(work / "gate.yaml", entry)
    code, out, _ = command("gate", "gate.yaml")
    assert code == 0
    line = next(line for line in out.splitlines() if line.startswith("cp "))
    subprocess.run(line, shell=True, check=True)
    for name in (RUN, JOURNAL, SUMMARY, *beside):
        assert (base / name).read_bytes() == (now / name).read_bytes()


@pytest.mark.parametrize("name", [CEILING, "judge.json", "judge.jsonl"])
def test_what_belongs_to_the_old_baseline_does_not_stay(command, work, name):
    pair(PLAIN, HALF_LOST)
    (work / "base" / name).write_text("old\n")
    write_gate(work / "gate.yaml", {"run": "now", "baseline": "base", "metric": "mean", "tolerance": 0.01})
    line = json.loads(command("gate", "gate.yaml", "--json")[1])["refresh"][0]
    subprocess.run(line, shell=True, check=True)
    assert not (work / "base" / name).exists()
    assert shlex.split(line)[:2] == ["rm", "--"]


def test_no_refresh_while_another_check_objects(command, work):
    pair(PLAIN, HALF_LOST)
    better = {"run": "now", "baseline": "base", "metric": "mean", "tolerance": 0.01}
    write_gate(work / "gate.yaml", better, {"run": "now", "metric": "mean", "floor": 0.9, "name": "floor"})
    code, out, _ = command("gate", "gate.yaml", "--json")
    found = json.loads(out)
    assert (code, found["checks"][0]["improved"], found["refresh"]) == (1, True, [])


def test_equal_runs_are_no_improvement(check):
    _, found = check(**pair(PLAIN, PLAIN), tolerance=0)
    assert not found["improved"]


# what got worse


def test_the_samples_that_lost_most(check, work):
    now = [0.8 - 0.01 * k for k in range(COUNT)]
    code, found = check(**pair(now, PLAIN), tolerance=0.5)
    assert code == 0
    assert [loss["id"] for loss in found["losses"]] == [f"s{k}" for k in range(39, 29, -1)]
    assert found["losses"][0] == {"id": "s39", "before": 0.8, "after": pytest.approx(0.41)}
    # a ratio is a sample's own; without a denominator it has none
    shutil.rmtree(work / "now")
    write_run(work / "now", now, ys=[2] * 38 + [0, 2])
    _, found = check(run="now", baseline="base", metric="part", tolerance=0.9)
    assert found["losses"][0] == {"id": "s39", "before": 0.8, "after": pytest.approx(0.205)}
    assert found["losses"][1]["id"] == "s37"
    _, found = check(run="base", baseline="now", metric="miss", tolerance=0.9)
    assert found["losses"][0]["id"] == "s39"


def test_a_test_that_power_predicts(check, work):
    """A drop well above the tolerance and the smallest drop is found."""
    assert check(**pair(HALF_LOST, PLAIN), tolerance=0.1 - 2.81 * 0.0158)[0] == 1
