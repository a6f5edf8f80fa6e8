"""How small a drop a gate can tell from chance, by the closed form."""

import json

import pytest
from synthetic_runs import COUNT, HALF_LOST, PLAIN, SPREAD, pair, write_run


def test_power_by_the_closed_form(command, work):
    write_run(work / "now", SPREAD)
    code, out, _ = command("gate", "--power", "now", "--metric", "mean", "--json")
    assert code == 0
    (found,) = json.loads(out)["metrics"]
    error = 0.1 / COUNT**0.5
    assert found["standard_error"] == pytest.approx(error, rel=0.03)
    for row, factor in zip(found["smallest_drops"], (2**0.5, 1, 0.2**0.5), strict=True):
        assert row["drop"] == pytest.approx(2.8016 * error * factor, rel=0.03)
    _, out, _ = command("gate", "--power", "now")
    assert [line.split()[0] for line in out.splitlines()[4:8]] == ["mean", "part", "miss", "bits"]
    assert "80 % power" in out
    assert "assumed correlation" in out


def test_power_of_a_pair(command, work):
    pair(HALF_LOST, PLAIN)
    arguments = ("gate", "--power", "now", "--baseline", "base", "--metric", "mean")
    code, out, _ = command(*arguments, "--json")
    assert code == 0
    (found,) = json.loads(out)["metrics"]
    assert found["smallest_drops"] == [
        {"correlation": None, "drop": pytest.approx(2.8016 * 0.1 / COUNT**0.5, rel=0.03)}
    ]
    assert "paired difference from base" in command(*arguments)[1]


def test_power_says_nothing_of_samples_that_do_not_vary(command, work):
    write_run(work / "now", PLAIN)
    _, out, _ = command("gate", "--power", "now", "--metric", "mean")
    assert out.splitlines()[4].split() == ["mean", "80.00", "0.00", "n/a", "n/a", "n/a"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--power nowhere", "nowhere is not a results folder"),
        (
            "--power now --metric maen",
            "'maen' that a tolerance can be for; did you mean 'mean'?",
        ),
        ("--power now --metric used", "has no metric 'used' that a tolerance can be for"),
        ("--power now --baseline other", "now does not compare with other: split testA there, val now"),
        ("--power one --metric mean", "mean has no interval in one"),
        ("--power one", "no metric of one has an interval"),
    ],
)
def test_power_of_nothing_is_exit_code_2(command, work, arguments, message):
    write_run(work / "now", PLAIN)
    write_run(work / "one", PLAIN, clusters=1)
    write_run(work / "other", PLAIN, settings={"split": "testA"})
    code, out, err = command("gate", *arguments.split())
    assert (code, out) == (2, "")
    assert message in err
