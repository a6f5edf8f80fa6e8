"""What `rescore`, and whoever reads a run, says of a file that is not as a run leaves it."""

import json
import shutil
from pathlib import Path

import pytest

from samtok_bench.runs.folder import CEILING, JOURNAL, MOST_BYTES, RUN, SUMMARY
from samtok_bench.sample import content_id

ID = content_id("squares", "7")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """Where the first test's run is kept for the others."""
    return tmp_path_factory.mktemp("finished") / "run"


@pytest.fixture
def run(plugin, monkeypatch, tmp_path, called, finished) -> Path:
    """A finished run, called "a" in the current folder."""
    monkeypatch.chdir(tmp_path)
    if not finished.exists():
        assert called("run", "--task", "squares", "--model", "perfect", "--out", "a")[0] == 0
        shutil.copytree("a", finished)
    else:
        shutil.copytree(finished, "a")
    return Path("a")


def setting(**changes):
    return lambda record: record["settings"].update(changes)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda record: record["settings"].pop("data_format"), "settings.data_format: Field required"),
        (lambda record: record["settings"].pop("seed"), "settings.seed: Field required"),
        (lambda record: record["settings"].pop("model"), "settings.model: Field required"),
        (setting(task=7), "settings.task: Input should be a valid string"),
        (setting(task=["squares"]), "settings.task: Input should be a valid string"),
        (setting(sample="7"), "settings.sample: Input should be a valid tuple"),
        (
            setting(limit="all"),
            "settings.limit: Input should be a valid integer, unable to parse string as an integer",
        ),
        (setting(limit=0), "settings.limit: Input should be greater than or equal to 1"),
        (setting(options=["x"]), "settings.options: Input should be a valid dictionary"),
        (setting(options={"x": 1}), "settings.options.x: Input should be a valid string"),
        (setting(seed=-1), "settings.seed: Input should be greater than or equal to 0"),
        (setting(**{"k" * 500: 1}), f"settings.{'k' * 500}: Extra inputs are not permitted"),
        (lambda record: record.update(sessions={}), "sessions: Input should be a valid list"),
        (lambda record: record.pop("schema_version"), "it has no schema_version"),
        (lambda record: record.update(schema_version="3"), "it has no schema_version"),
    ],
)
def test_a_field_of_the_record(called, run, change, fault):
    record = json.loads((run / RUN).read_text())
    change(record)
    (run / RUN).write_text(json.dumps(record))
    for command in ("rescore", "show", "judge --judge http://localhost:9/v1 --judge-model m"):
        name, *options = command.split()
        code, out, err = called(name, "a", *options)
        assert (code, out, err) == (2, "", f"error: a/run.json is malformed: {fault}\n")


@pytest.mark.parametrize("name", [RUN, SUMMARY])
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "Expecting value"),
        (b"\xff{}", "'utf-8' codec can't decode"),
        (b"[]", "it has no schema_version"),
        (b'{"schema_version": 3, "a": 1, "schema_version": 3}', "the key 'schema_version' comes twice"),
        (b'{"schema_version": 3, "a": NaN}', "NaN is no finite number"),
        (b'{"schema_version": 3, "a": 1e999}', "1e999 is no finite number"),
        (b'{"schema_version": 3, "a": "\xed\xa0\x80"}', "'utf-8' codec can't decode"),
        (b'{"schema_version": 3, "a": "\\uD800"}', r"half of a character (a lone surrogate), '\ud800'"),
        (b'{"schema_version": 3, "a": %s}' % (b"9" * 5000), "Exceeds the limit"),
        (b'{"schema_version": 3, "a": %s}' % (b"[" * 60 + b"]" * 60), "more than 50 levels"),
        (b'{"schema_version": 3, "a": %s}' % (b"[" * 100_000), "more than 50 levels"),
        (b" " * (MOST_BYTES + 1), f"it is larger than {MOST_BYTES} bytes"),
    ],
)
def test_the_json_of_a_file(called, run, name, content, fault):
    (run / name).write_bytes(content)
    for command in ("show", *(["rescore"] if name == RUN else [])):
        code, _, err = called(command, "a")
        assert code == 2
        assert err.startswith(f"error: a/{name} is malformed: {fault}")
        assert err.count("\n") == 1


@pytest.mark.parametrize("journal", [JOURNAL, CEILING])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "elsewhere"}, "holds the sample elsewhere, which this run does not have"),
        (
            {"masks": [{"size": [1, 1], "counts": "01"}]},
            f"the sample {ID} has a mask of size [1, 1], not [10, 10]",
        ),
        (
            {"masks": [{"size": [10**9, 10**9], "counts": "01"}]},
            "is too large: pixels are counted in 32 bits",
        ),
        ({"outcome": "fine"}, "is malformed (outcome: Input should be 'ok',"),
        ({"scores": {"iou": None}}, "is malformed (scores.iou: Input should be a valid number"),
    ],
)
def test_a_line_of_a_journal(called, run, journal, change, fault):
    lines = [json.loads(line) for line in (run / journal).read_text().splitlines()]
    next(line for line in lines if line["id"] == ID).update(change)
    (run / journal).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    for command in (("rescore", "a"), ("run", "--task", "squares", "--model", "perfect", "--out", "a")):
        code, _, err = called(*command)
        assert code == 2
        *_, last = err.splitlines()
        assert last.startswith(f"error: a/{journal}")
        assert fault in last


@pytest.mark.parametrize(
    "command", ["run --task squares --model perfect --out a", "gate --power a", "report a"]
)
def test_a_score_that_the_task_lacks(called, run, command):
    text = (run / JOURNAL).read_text()
    (run / JOURNAL).write_text(text.replace('"intersection"', '"overlap"', 1))
    code, _, err = called(*command.split())
    assert code == 2
    assert err.endswith("error: a: samples.jsonl has no score 'intersection': rescore it\n")
    assert called("rescore", "a")[0] == 0
    assert called(*command.split())[0] == 0


def test_a_negative_seed_is_told_before_the_work(called, run):
    code, _, err = called("run", "--task", "squares", "--model", "perfect", "--seed", "-1", "--out", "b")
    assert (code, err) == (2, "error: --seed must not be negative, got -1\n")
    assert not Path("b").exists()
