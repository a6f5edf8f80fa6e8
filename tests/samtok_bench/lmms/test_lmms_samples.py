"""Samples that lmms-eval has logged, as runs."""

import json

import pytest

from samtok_bench.lmms.exported import exported

NAME = "20261126_120000_samples_samtok_gres_val.jsonl"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def logged(called, tmp_path):
    """The lines that lmms-eval would log of a model that refuses everything."""
    assert called("lmms", "export", "ex", "--task", "gres")[0] == 0
    documents = [
        json.loads(line) for line in (tmp_path / "ex/samtok_gres_val.jsonl").read_text().splitlines()
    ]
    lines = []
    for place, doc in enumerate(documents[:6]):
        items = exported(doc["settings"]).items(doc["id"], "No target.")
        metrics = {name: {**item, "settings": doc["settings"]} for name, item in items.items()}
        lines.append({"doc_id": place, "target": doc["id"], "filtered_resps": "No target.", **metrics})
    return lines


def write(folder, lines, results=None):
    folder.mkdir(exist_ok=True)
    (folder / NAME).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    if results is not None:
        (folder / "20261126_120000_results.json").write_text(json.dumps(results))


RESULTS = {
    "config": {"model": "dummy", "model_args": "response=No target.", "batch_size": 1, "gen_kwargs": None},
    "lmms_eval_version": "0.7.3",
}


def test_they_become_a_run_with_the_same_scores(called, tmp_path, logged):
    write(tmp_path / "logs", logged, RESULTS)
    code, _, err = called("lmms", "import", "logs", "--limit", "6", "--out", "back")
    assert code == 0, err
    assert "6 answers to 240 samples" in err
    ours = ("--task", "gres", "--limit", "6", "--model", "constant:refuse", "--out", "here")
    assert called("run", *ours, "--no-ceiling")[0] == 0
    back, here = (json.loads((tmp_path / name / "summary.json").read_text()) for name in ("back", "here"))
    assert back["metrics"] == here["metrics"]
    assert back["model"] == "dummy, response=No target. in lmms-eval (answers made elsewhere)"
    record = json.loads((tmp_path / "back" / "run.json").read_text())
    assert record["settings"]["predictor"]["settings"]["lmms_eval_version"] == "0.7.3"
    assert called("lmms", "import", "logs", "--limit", "6", "--out", "back")[0] == 0  # again, from the folder


def test_missing_and_double_ids_are_counted(called, tmp_path, logged):
    first, second, third, *_ = logged
    other = {**second, "filtered_resps": "Something else."}
    write(tmp_path / "logs", [first, second, first, other, third])
    code, out, err = called("lmms", "import", "logs", "--limit", "6", "--json")
    assert code == 0, err
    assert f"left out: 1 answers that came twice, the first: logs/{NAME}: line 3\n" in err
    assert "1 further answers to a sample, which differ from its first, the first: " in err
    assert json.loads(out)["outcomes"] == {
        "ok": 3, "parse_error": 0, "model_error": 3, "truncated": 0, "skipped": 0,
    }  # fmt: skip


def test_a_log_of_another_name_stays_as_it_is(called, tmp_path, logged):
    write(tmp_path / "logs", logged)
    log = (tmp_path / "logs" / NAME).rename(tmp_path / "answers.jsonl")
    before = log.read_bytes()
    assert called("lmms", "import", "answers.jsonl", "--limit", "6")[0] == 0
    assert log.read_bytes() == before
    assert len((tmp_path / "answers_predictions.jsonl").read_text().splitlines()) == 6
    for name in ("answers.jsonl", "./answers.jsonl"):
        code, _, err = called("lmms", "import", "answers.jsonl", "--predictions", name)
        said = "answers.jsonl is where the answers are: write the predictions to another place"
        assert (code, err.splitlines()[-1]) == (2, f"error: {said}")
    assert log.read_bytes() == before


def test_empty_answers_may_come_twice_too(called, tmp_path, logged):
    empty = {**logged[0], "filtered_resps": ""}
    write(tmp_path / "logs", [empty, empty])
    assert "1 answers that came twice" in called("lmms", "import", "logs", "--limit", "1")[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"target": "0123456789abcdef"}, "line 2: no sample of this split has the id 0123456789abcdef"),
        ({"filtered_resps": ["A", "B"]}, "line 2: filtered_resps: Input should be a valid string"),
        ({"target": None}, "line 2: target: Input should be a valid string"),
    ],
)
def test_a_wrong_line_is_named(called, tmp_path, logged, change, message):
    write(tmp_path / "logs", [logged[0], {**logged[1], **change}])
    code, out, err = called("lmms", "import", "logs")
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"target": ', '"target": "a", "target": ', "the key 'target' comes twice"),
        ("No target.", "\\udc00", "half of a character (a lone surrogate), '\\udc00'"),
    ],
)
def test_a_line_with_more_than_plain_json_is_named(called, tmp_path, logged, old, new, message):
    write(tmp_path / "logs", logged)
    log = tmp_path / "logs" / NAME
    first, second, *rest = log.read_text().splitlines()
    log.write_text("\n".join([first, second.replace(old, new, 1), *rest]))
    code, out, err = called("lmms", "import", "logs")
    assert (code, out, err) == (2, "", f"error: logs/{NAME}: line 2 is not JSON: {message}\n")


def test_blank_lines_are_passed_over(called, tmp_path, logged):
    write(tmp_path / "logs", logged)
    log = tmp_path / "logs" / NAME
    log.write_text("\n" + log.read_text().replace("\n", "\n \n", 2) + "\n")
    code, out, err = called("lmms", "import", "logs", "--limit", "6", "--json")
    assert code == 0, err
    assert json.loads(out)["outcomes"]["ok"] == 6


@pytest.mark.parametrize("text", ["", "{", "[]", '{"doc_id": 0, "target": "a", "filtered_resps": "b"}\n'])
def test_samples_of_another_task_are_refused(called, tmp_path, text):
    (tmp_path / NAME).write_text(text)
    code, _, err = called("lmms", "import", NAME)
    assert code == 2
    assert f"{NAME} is not of a task that `samtok-bench lmms export` wrote" in err


def test_a_folder_has_samples_of_one_run(called, tmp_path, logged):
    code, _, err = called("lmms", "import", ".")
    assert code == 2
    assert "lmms-eval writes it with --log_samples" in err
    write(tmp_path / "a", logged)
    write(tmp_path / "b", logged)
    code, _, err = called("lmms", "import", ".")
    assert code == 2
    assert f"holds the samples of 2 runs, name one: a/{NAME}, b/{NAME}" in err


def test_malformed_results_beside_them_are_named(called, tmp_path, logged):
    write(tmp_path / "logs", logged, {"config": {}})
    code, _, err = called("lmms", "import", "logs")
    assert code == 2
    assert "20261126_120000_results.json is malformed: KeyError 'model'" in err


def test_they_are_read_as_predictions_too(called, tmp_path, logged):
    write(tmp_path / "logs", logged)
    code, out, _ = called(
        "data", "predictions", "logs", "--from", "lmms", "--task", "gres", "--out", "a.jsonl"
    )
    assert code == 0
    assert out == "6 answers to 240 samples: a.jsonl\n"
