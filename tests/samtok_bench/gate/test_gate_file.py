"""The files of gates: what is wrong in them, and what their paths mean."""

from pathlib import Path

import pytest
from gate_files import write_gate
from synthetic_runs import PLAIN, pair

from samtok_bench.gate.file import read_gate


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "gate.yaml: its content: "),
        ("checks: []", "gate.yaml: checks: List should have at least 1 item"),
        ("checks: [", "gate.yaml: while parsing"),
        ("checks:\n- {metric: mean, floor: 0.1}\nchecks: []", "the key 'checks' appears 2 times"),
        ("checks: [{metric: mean, floor: 0.9, floor: 0.1}]", "the key 'floor' appears 2 times"),
        ("checks: [{metric: mean}]", "checks.0: neither floor nor tolerance"),
        ("checks: [{metric: mean, tolerance: 0.1}]", "checks.0: a tolerance needs a baseline"),
        ("checks: [{floor: 0.1}]", "checks.0.metric: Field required"),
        ("checks: [{metric: mean, flor: 0.1}]", "checks.0.flor: Extra inputs are not permitted"),
        ("checks: [{metric: mean, floor: .nan}]", "checks.0.floor: Input should be a finite number"),
        ("checks: [{metric: mean, floor: -.inf}]", "checks.0.floor: Input should be a finite number"),
        ("checks: [{metric: mean, floor: yes}]", "checks.0.floor: Input should be a valid number"),
        ("checks: [{metric: mean, floor: '0.9'}]", "checks.0.floor: Input should be a valid number"),
        (
            "checks: [{metric: mean, baseline: b, tolerance: -1}]",
            "checks.0.tolerance: Input should be gr",
        ),
        ("checks: [{metric: mean, floor: 0.1, max_failed: 1}]", "checks.0.max_failed: Input should be less"),
        ("checks: [{metric: mean, floor: 0.1, min_images: 1}]", "checks.0.min_images: Input should be gr"),
        (
            "checks: [{metric: mean, floor: 0.1, inconclusive: pass}]",
            "checks.0.inconclusive: Input should",
        ),
        ("checks: [{metric: mean, floor: 0.1, tag: {round: 1}}]", "checks.0.tag.round: Input should be a va"),
        ("checks: [{metric: mean, floor: 0.1, run: {model: nano}}]", "checks.0.run.options.task: Field req"),
        (
            "checks: [{metric: mean, floor: 0.1, run: {task: squares, limt: 3}}]",
            "checks.0.run.options.limt: Unexpected keyword argument",
        ),
        (
            "checks: [{metric: mean, floor: 0.1, run: {task: squares, command: [x]}}]",
            "`command` of a run cannot be set",
        ),
        ("checks: [{metric: mean, floor: 0.1, run: {task: squars}}]", "unknown task 'squars'"),
        ("checks: [{metric: mean, floor: 0.1}]", "checks.0 (mean) names no run"),
        (
            "checks: [{metric: mean, floor: 0.1, run: a}, {metric: mean, floor: 0.2, run: a}]",
            "2 checks are called 'a mean': give each a name of its own",
        ),
    ],
)
def test_a_faulty_file_is_one_line_and_exit_code_2(command, work, content, message):
    (work / "gate.yaml").write_text(content)
    code, out, err = command("gate", "gate.yaml")
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"metric": "fact", "floor": 0.1}, "fact describes the data"),
        ({"metric": "used", "baseline": "base", "tolerance": 0.1}, "used has no interval"),
        ({"floor": 80}, "the floor 80 of mean checks nothing: 1 is best, 0 worst"),
        ({"floor": 0}, "the floor 0 of mean checks nothing"),
        ({"metric": "miss", "floor": 1}, "the floor 1 of miss checks nothing: 0 is best, 1 worst"),
        ({"baseline": "base", "tolerance": 1}, "the tolerance 1 of mean must be below 1"),
    ],
)
def test_a_senseless_check_is_exit_code_2(refused, entry, message):
    assert message in refused(**{**pair(PLAIN, PLAIN), **entry})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"floor": 11}, "the floor 11 of whole checks nothing: 10 is best, 0 worst"),
        ({"baseline": "base", "tolerance": 0.1}, "whole has no interval, so no tolerance can be checked"),
    ],
)
def test_a_senseless_check_of_all_answers_together(refused, whole, entry, message):
    assert message in refused(**{**pair(PLAIN, PLAIN), "metric": "whole", **entry})


def test_a_senseless_check_is_told_before_a_run_is_made(refused, work):
    run = {"task": "squares", "model": "perfect"}
    assert "no_target_share describes the data" in refused(run=run, metric="no_target_share", floor=0.1)
    assert not (work / "runs").exists()


def test_paths_are_relative_to_the_file(work):
    (work / "sub" / "checkpoint").mkdir(parents=True)
    entry = {"metric": "giou", "floor": 0.1, "baseline": "../base"}
    options = {"task": "gres", "model": "./checkpoint", "data_root": "data", "out": "/tmp/out"}
    write_gate(
        work / "sub" / "gate.yaml",
        {**entry, "run": options},
        {**entry, "run": "runs/a"},
        {**entry, "run": {"task": "gres", "model": "oracle:./checkpoint"}},
        {**entry, "run": {"task": "gres", "model": "owner/name"}},
    )
    first, second, third, fourth = read_gate((work / "sub" / "gate.yaml").relative_to(work))
    assert str(first.baseline) == "sub/../base"
    assert (str(first.run.data_root), str(first.run.out)) == ("sub/data", "/tmp/out")
    assert first.run.model == "sub/checkpoint"
    assert str(second.run) == "sub/runs/a"
    assert third.run.model == "oracle:sub/checkpoint"
    assert fourth.run.model == "owner/name"


@pytest.mark.parametrize(
    ("model", "tokenizer", "expected"),
    [
        ("predictions:a.jsonl", "./tok", ("predictions:sub/a.jsonl", "sub/tok")),
        ("predictions:./a.jsonl", "../tok", ("predictions:sub/a.jsonl", "sub/../tok")),
        ("predictions:/a.jsonl", "parts/tok", ("predictions:/a.jsonl", "sub/parts/tok")),
        ("./not-there", "owner/tok", ("sub/not-there", "owner/tok")),
        ("endpoint:http://localhost:8000/v1", "nano", ("endpoint:http://localhost:8000/v1", "nano")),
        ("constant:whole", None, ("constant:whole", None)),
    ],
)
def test_models_and_tokenizers_are_relative_to_the_file(work, model, tokenizer, expected):
    (work / "sub" / "parts" / "tok").mkdir(parents=True)
    elsewhere = {"answers": "words", **({"tokenizer": tokenizer} if tokenizer else {})}
    run = {"task": "gres", "model": model, "elsewhere": elsewhere}
    write_gate(work / "sub" / "gate.yaml", {"metric": "giou", "floor": 0.1, "run": run})
    (check,) = read_gate(Path("sub/gate.yaml"))
    assert (check.run.model, check.run.elsewhere.get("tokenizer")) == expected
    assert check.run.elsewhere["answers"] == "words"
