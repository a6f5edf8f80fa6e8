"""What a gate writes: table, JUnit, step summary, pictures; and the examples that go with it."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from PIL import Image
from synthetic_runs import COUNT, Synthetic, write_run

from samtok_bench import registry
from samtok_bench.gate import report as gate_report
from samtok_bench.gate import verdicts as gate
from samtok_bench.gate.file import Check, read_gate
from samtok_bench.gate.verdicts import CheckResult, Verdict
from samtok_bench.runs.changes import Change
from samtok_bench.showing import tables

EXAMPLES = Path(__file__).parents[3] / "examples" / "gate"
PLAIN = [0.8] * COUNT
HALF_LOST = [0.8 if k % 2 else 0.6 for k in range(COUNT)]
"""Against PLAIN: mean difference -0.1, interval -0.131 to -0.069."""


class Silent:
    """A reporter for gates that make no runs."""


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A current folder with the runs now and base; the images of every second sample are there."""
    monkeypatch.setattr(registry, "load", lambda kind, name: Synthetic)
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    data.mkdir()
    for k in range(0, COUNT, 4):
        Image.new("RGB", (12, 10), "white").save(data / f"image{k}.png")
    write_run(Path("now"), HALF_LOST, data_root=data)
    write_run(Path("base"), PLAIN, data_root=data)
    return tmp_path


def decide(*entries):
    checks = [Check(**{"name": f"check {k}", "metric": "mean", **e}) for k, e in enumerate(entries)]
    return gate.evaluate(checks, [], Silent())


EACH = (
    {"run": "now", "floor": 0.1},
    {"run": "now", "floor": 0.9},
    {"run": "now", "baseline": "base", "tolerance": 0.1},
    {"run": "now", "baseline": "base", "tolerance": 0.1, "inconclusive": "warn"},
    {"run": "nowhere", "floor": 0.1},
    {"run": "failed", "floor": 0.1},
)


@pytest.fixture
def each(work):
    """Every kind of verdict."""
    write_run(Path("failed"), PLAIN, failed=1)
    return decide(*EACH)


def made(name="a", verdict=Verdict.REGRESSION, reason="r", losses=0, notes=()):
    """A result that no run stands behind."""
    return CheckResult(
        Check(metric="mean", floor=0.5),
        name,
        findings=[(verdict, reason)],
        losses=[Change(f"sample{k}", 0.9, 0.1) for k in range(losses)],
        notes=list(notes),
    )


def test_the_table(each):
    rows = gate_report.text(each, {}).split("\n\n")[0].splitlines()
    assert rows[0].split("  ")[0] == "check"
    assert [" ".join(row.split()) for row in rows[2:]] == [
        "check 0 70.00 n/a n/a n/a pass 70.00 keeps the floor 10.00",
        "check 1 70.00 n/a n/a n/a regression 70.00 below the floor 90.00",
        "check 2 70.00 80.00 -10.00 -13.00 to -7.00 inconclusive"
        " a drop of more than 10.00 is neither certain nor ruled out",
        "check 3 70.00 80.00 -10.00 -13.00 to -7.00 inconclusive (warning)"
        " a drop of more than 10.00 is neither certain nor ruled out",
        "check 4 n/a n/a n/a n/a not comparable nowhere is not a results folder: it has no run.json",
        "check 5 80.00 n/a n/a n/a too many failed"
        " 1 of 40 samples failed (0 % may), the first: model_error, RuntimeError: boom",
    ]


def test_values_with_a_unit_are_shown_as_they_are(work):
    (result,) = decide({"run": "now", "baseline": "base", "metric": "bits", "tolerance": 0.1})
    row = gate_report.text([result], {}).splitlines()[2]
    assert " ".join(row.split()).startswith(
        "check 0 0.70 0.80 -0.10 -0.13 to -0.07 pass a rise of more than 0.10"
    )


def test_the_samples_that_lost_most_are_listed(each):
    block = gate_report.text(each, {"check 2": Path("p.png")}).split("\n\n")[1].splitlines()
    assert block[:2] == ["check 2", "samples that lost most"]
    assert [line.split() for line in block[4:14]] == [
        [f"s{k:02d}", "80.00", "60.00"] for k in range(0, 20, 2)
    ]
    assert block[14] == "picture: p.png"


def test_junit_is_true_to_the_verdicts(each):
    root = ElementTree.fromstring(gate_report.junit(each))
    suite = root.find("testsuite")
    for element in (root, suite):
        got = {name: element.get(name) for name in ("tests", "failures", "errors", "skipped")}
        assert got == {"tests": "6", "failures": "2", "errors": "2", "skipped": "1"}
    assert [(case.get("name"), [child.tag for child in case]) for case in suite] == [
        ("check 0", []),
        ("check 1", ["failure"]),
        ("check 2", ["error"]),
        ("check 3", ["skipped"]),
        ("check 4", ["error"]),
        ("check 5", ["failure"]),
    ]
    assert suite[1][0].get("message") == "regression: 70.00 below the floor 90.00"
    assert "s00: 80.00 before, 60.00 now" in suite[2][0].text


def test_junit_has_the_notes_of_what_passes(work):
    write_run(Path("old"), PLAIN[:30], settings={"data": "e" * 64})
    results = decide({"run": "base", "baseline": "old", "tolerance": 0.1, "force": True})
    ((case,),) = ElementTree.fromstring(gate_report.junit(results))
    assert [child.tag for child in case] == ["system-out"]
    note = (
        "value, baseline and difference are of the 30 samples in common: 10 of the run and 0 of the baseline"
    )
    for written in (case[0].text, gate_report.markdown(results), gate_report.text(results, {})):
        assert note in written


def test_junit_holds_any_text(work):
    hostile = "<a>&\"']]>\x00\x0b\ud800\ufffe é🙂"
    written = gate_report.junit([made(name=hostile, reason=hostile, notes=[hostile])])
    (case,) = ElementTree.fromstring(written).find("testsuite")
    kept = "<a>&\"']]> é🙂"
    assert case.get("name") == kept
    assert case[0].get("message") == f"regression: {kept}"
    assert case[0].text == kept


def test_markdown(each):
    lines = gate_report.markdown(each).splitlines()
    assert lines[0] == "### samtok-bench gate: regression"
    assert lines[2] == "| check | value | baseline | difference | 95 % interval | verdict | reason |"
    assert lines[3] == "| --- | ---: | ---: | ---: | ---: | --- | --- |"
    # what passes comes last
    assert [line.split(" | ")[0] for line in lines[4:10]] == [f"| check {k}" for k in (1, 2, 3, 4, 5, 0)]
    assert "#### check 2" in lines
    assert "| s00 | 80.00 | 60.00 |" in lines


def test_an_improvement_says_how_to_take_it_over(work):
    results = decide({"run": "base", "baseline": "now", "tolerance": 0})
    command = "cp -- base/run.json base/samples.jsonl base/summary.json now/"
    assert f"make it the new baseline:\n{command}" in gate_report.text(results, {})
    assert f"make it the new baseline:\n\n    {command}\n" in gate_report.markdown(results)


def test_text_is_no_markup():
    got = tables.markdown_table(["a", "b"], [["<img src=x>|*c*\n`d`", "\\"]], right=(1,))
    assert got.splitlines() == [
        "| a | b |",
        "| --- | ---: |",
        "| \\<img src=x\\>\\|\\*c\\* \\`d\\` | \\\\ |",
    ]


@pytest.mark.parametrize("limit", [0, 100, 300, 600, 2000, 5000, 20_000, 1 << 20])
def test_markdown_keeps_to_the_limit_and_counts_what_it_leaves_out(limit):
    results = [made(f"chéck {k}", reason="é" * 50, losses=10) for k in range(40)]
    got = gate_report.markdown(results, limit)
    assert len(got.encode()) <= limit
    rows = sum(line.startswith("| chéck") for line in got.splitlines())
    samples = sum(line.endswith("| 90.00 | 10.00 |") for line in got.splitlines())
    if got and (rows, samples) != (40, 400):
        left = f"Left out because of GitHub's limit: {40 - rows} rows of the table, {400 - samples} samples."
        assert got.splitlines()[-1] == left
    else:
        assert "Left out" not in got


def test_the_step_summary_is_appended_up_to_a_mebibyte(tmp_path):
    results = [made(f"check {k}", reason="x" * 3000, losses=10) for k in range(400)]
    file = tmp_path / "summary.md"
    file.write_bytes(b"before\n" * 1000)
    gate_report.append_step_summary(results, file)
    content = file.read_bytes()
    assert content.startswith(b"before\n" * 1000 + b"### samtok-bench gate")
    assert (1 << 20) - 5000 < len(content) <= 1 << 20
    assert b"Left out because of GitHub's limit: " in content
    gate_report.append_step_summary(results, file)
    assert len(file.read_bytes()) <= 1 << 20


def test_pictures_show_target_baseline_and_run(work):
    (result,) = results = decide({"run": "now", "baseline": "base", "tolerance": 0.15, "name": "a/b: c"})
    drawn = gate_report.write_pictures(results, Path("deep") / "er")
    assert drawn == {"a/b: c": Path("deep/er/01-a-b-c.png")}
    with Image.open(drawn["a/b: c"]) as picture:
        width, height = picture.size
    assert (width // 256, height // 256) == (3, 11)  # ten strips of 256 + 34 pixels
    # of the ten samples that lost, every second one has no image
    assert len(result.notes) == 1
    assert result.notes[0].startswith("5 images cannot be read, the first: ")


def test_without_the_data_a_note_takes_the_pictures_place(work):
    write_run(Path("elsewhere"), HALF_LOST)
    entry = {"baseline": "base", "tolerance": 0.01}
    results = decide({"run": "elsewhere", **entry}, {"run": "now", **entry}, {"run": "now", "floor": 0.1})
    (work / "file").touch()
    assert gate_report.write_pictures(results, work / "file") == {}
    assert results[0].notes == ["no picture: FileNotFoundError: no data in nowhere"]
    assert results[1].notes[0].startswith("no picture: FileExistsError: ")
    assert results[2].notes == []
    assert gate.exit_code(results) == 1


def test_samples_that_left_the_data_are_noted(work, monkeypatch):
    monkeypatch.setattr("synthetic_runs.COUNT", 4)
    (result,) = results = decide({"run": "now", "baseline": "base", "tolerance": 0.01})
    assert list(gate_report.write_pictures(results, Path("p"))) == ["check 0"]
    assert result.notes[0] == "8 samples are not in the data any more"
    monkeypatch.setattr("synthetic_runs.COUNT", 0)
    (result,) = results = decide({"run": "now", "baseline": "base", "tolerance": 0.01})
    assert gate_report.write_pictures(results, Path("q")) == {}
    assert result.notes == ["no picture: ValueError: none of the samples is in the data any more"]


# the command line


def test_the_command_writes_all_of_it(work, monkeypatch):
    from typer.testing import CliRunner

    from samtok_bench.cli.main import build_app

    entry = {"run": "now", "baseline": "base", "metric": "mean", "tolerance": 0.01}
    Path("gate.yaml").write_text(yaml.safe_dump({"checks": [entry]}))
    arguments = ["gate", "gate.yaml", "--junit", "reports/gate.xml", "--pictures", "drawn"]
    done = CliRunner().invoke(build_app(), arguments, env={"GITHUB_STEP_SUMMARY": "summary.md"})
    assert done.exit_code == 1
    assert "picture: drawn/01-synthetic-mean.png" in done.stdout
    assert Path("drawn/01-synthetic-mean.png").is_file()
    assert ElementTree.parse("reports/gate.xml").getroot().get("failures") == "1"
    assert Path("summary.md").read_text().startswith("### samtok-bench gate: regression\n")


# the examples


def lint(path, schema="vendor.github-workflows") -> int:
    arguments = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(arguments, capture_output=True).returncode


def test_the_example_workflow_is_valid(tmp_path):
    workflow = EXAMPLES / "workflow.yml"
    assert lint(workflow) == 0
    assert lint(workflow, "custom.github-workflows-require-timeout") == 0
    content = yaml.safe_load(workflow.read_text())
    assert content["permissions"] == {"contents": "read"}
    del content["jobs"]["gate"]["runs-on"]
    broken = tmp_path / "workflow.yml"
    broken.write_text(yaml.safe_dump(content))
    assert lint(broken) == 1


def test_the_example_gate_parses():
    checks = read_gate(EXAMPLES / "gate.yaml")
    assert {check.run.task for check in checks} == {"reconstruction", "gres"}
    for check in checks:
        gate.gated_metric(check, registry.task_class(check.run.task)(check.run.protocol))


def test_the_example_workflow_calls_the_gate_as_it_is(monkeypatch, tmp_path):
    from typer.testing import CliRunner

    from samtok_bench.cli.main import build_app

    monkeypatch.chdir(tmp_path)
    steps = yaml.safe_load((EXAMPLES / "workflow.yml").read_text())["jobs"]["gate"]["steps"]
    (line,) = (step["run"] for step in steps if step.get("name") == "Gate")
    done = CliRunner().invoke(build_app(), line.split()[1:])
    # all it lacks is the file
    assert isinstance(done.exception, FileNotFoundError)
    assert done.exception.filename == "gate.yaml"


def test_the_example_workflow_installs_from_the_repository(tmp_path):
    steps = yaml.safe_load((EXAMPLES / "workflow.yml").read_text())["jobs"]["gate"]["steps"]
    (step,) = (step for step in steps if step.get("name") == "Install")
    assert step["env"] == {"SAMTOK_BENCH": "${{ vars.SAMTOK_BENCH }}"}
    (tmp_path / "pip").write_text('#!/bin/sh\necho "$2"\n')
    (tmp_path / "pip").chmod(0o755)

    def installed(**place: str) -> subprocess.CompletedProcess:
        path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        return subprocess.run(["bash", "-ec", step["run"]], env=path | place, capture_output=True, text=True)

    place = "git+https://example.org/a/samtok-bench@0123abc"
    assert installed(SAMTOK_BENCH=place).stdout.splitlines() == ["torch>=2.13,<2.14", place]
    nowhere = installed()
    assert nowhere.returncode != 0
    assert "SAMTOK_BENCH: set this variable to git+https://" in nowhere.stderr
