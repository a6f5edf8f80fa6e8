"""`lmms run` on a stand-in for lmms-eval that ends with 0 whatever it does, as the real one."""

import importlib
import json
import sys

import pytest

STAND_IN = """
import json, pathlib, sys
arguments = sys.argv[1:]
pathlib.Path("arguments.json").write_text(json.dumps(arguments))
plan = json.loads(pathlib.Path("plan.json").read_text())
out = pathlib.Path(arguments[arguments.index("--output_path") + 1]) / "model"
if "results" in plan:
    out.mkdir(parents=True, exist_ok=True)
    (out / "20261126_120000_results.json").write_text(plan["results"])
    for task, ids in plan["samples"].items():
        text = "".join(json.dumps({"doc_id": id}) + "\\n" for id in ids)
        (out / f"20261126_120000_samples_{task}.jsonl").write_text(text)
sys.exit(plan.get("code", 0))
"""
ASKED = ("lmms", "run", "--tasks", "gres", "--output_path", "out")


@pytest.fixture(autouse=True)
def _stand_in(tmp_path, monkeypatch):
    package = tmp_path / "site" / "lmms_eval"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "lmms_eval"]:
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()


def results(value=0.5, *, effective=3, **more):
    return {
        "results": {"gres": {"alias": "gres", "giou,none": value, "giou_stderr,none": 0.1}},
        "n-samples": {"gres": {"original": 5, "effective": effective}},
        "config": {"offset": 0},
        "usage": {"budget_exceeded": False},
        **more,
    }


@pytest.fixture
def plan(tmp_path):
    def plan(content=None, *, ids=(0, 1, 2), code=0):
        made = {} if content is None else {"results": content, "samples": {"gres": list(ids)}}
        (tmp_path / "plan.json").write_text(json.dumps({**made, "code": code}))

    return plan


def test_a_run_that_worked_ends_with_0_and_keeps_its_samples(called, tmp_path, plan):
    plan(json.dumps(results()))
    assert called(*ASKED) == (0, "", "")
    assert json.loads((tmp_path / "arguments.json").read_text()) == [*ASKED[2:], "--log_samples"]


@pytest.mark.parametrize(
    ("content", "ids", "message"),
    [
        (None, (), "it wrote no results below out: its own messages above say why"),
        (results(float("nan")), (0, 1, 2), "gres has no value"),
        (results(None), (0, 1, 2), "gres has no value"),
        (results(), (0, 1), "20261126_120000_samples_gres.jsonl has 2 samples, expected 3"),
        (results(), (0, 1, 1), "has 2 samples, expected 3"),
        (results(config={"offset": 4}), (4, 5), "has 2 samples, expected 1"),
        (results(usage={"budget_exceeded": True}), (0, 1, 2), "the budget of tokens ended the run early"),
        ({"results": []}, (), "is malformed: KeyError 'n-samples'"),
    ],
)
def test_a_failure_that_ends_with_0_is_one(called, plan, content, ids, message):
    plan(content and json.dumps(content), ids=ids)
    code, out, err = called(*ASKED)
    assert (code, out) == (1, "")
    assert err.startswith("lmms-eval ended with exit code 0, but: ")
    assert message in err


def test_earlier_results_are_not_taken_for_those_of_a_run(called, tmp_path, plan):
    plan(json.dumps(results()))
    assert called(*ASKED)[0] == 0
    plan()
    assert called(*ASKED)[0] == 1


def test_its_own_exit_code_stays(called, plan):
    plan(json.dumps(results()), code=5)
    assert called(*ASKED)[0] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tasks", "gres"), "--output_path FOLDER is needed"),
        (("--tasks", "gres", "--output_path"), "--output_path FOLDER is needed"),
        (("--config=a.yaml", "--output_path", "out"), "--config cannot be used here"),
        (("--tasks", "gres", "--output_path", "out", "--predict_only"), "--predict_only cannot be used here"),
    ],
)
def test_what_hides_a_failure_is_refused(called, arguments, message):
    code, out, err = called("lmms", "run", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_without_lmms_eval_the_way_to_it_is_said(called, monkeypatch, tmp_path):
    monkeypatch.setattr("samtok_bench.lmms.environment.find_spec", lambda name: None)
    code, _, err = called(*ASKED)
    assert code == 2
    assert "`make lmms` sets one up" in err
    assert err.count("\n") == 1
