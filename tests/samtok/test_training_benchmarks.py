"""Trainings whose model is benchmarked on the way."""

import json
from pathlib import Path

import pytest
import torch
from qwen_parts import base_qwen, tiny_samtok
from safetensors.torch import load_file
from test_supervised import recipe

from samtok.tokenizer import SAMTok
from samtok.training import benchmarks
from samtok.training.supervised import train

GRES = {"task": "gres", "limit": 2}


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    for part in base_qwen("qwen3_vl"):
        part.save_pretrained(folder / "base")
    tiny_samtok().save_pretrained(folder / "samtok")
    return folder


def test_values_are_logged_and_the_training_is_the_same_without(tmp_path, parts):
    options = {
        "start": {"checkpoint": str(parts / "base")}, "codes": str(parts / "samtok"), "evaluation": None,
        "stages": [{"until": 3, "images": 2}], "lora": {"rank": 2, "alpha": 4, "dropout": 0.2},
    }  # fmt: skip
    plain = load_file(train(recipe(tmp_path, **options), tmp_path / "plain") / "vlm/model.safetensors")
    looked_at = {"every": 2, "runs": [GRES, {**GRES, "name": "again", "constrained": True}]}
    final = train(recipe(tmp_path, **options, benchmarks=looked_at), tmp_path / "out")
    watched = load_file(final / "vlm/model.safetensors")
    assert all(torch.equal(plain[name], watched[name]) for name in plain)
    lines = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    values = {line["step"]: line["gres_giou"] for line in lines if "gres_giou" in line}
    assert values.keys() == {2, 3}
    assert all(0 <= value <= 1 for value in values.values())
    found = {
        path.relative_to(tmp_path / "out/benchmarks").as_posix() for path in tmp_path.rglob("summary.json")
    }
    assert found == {f"step-{step}/{name}/summary.json" for step in (2, 3) for name in ("gres", "again")}
    assert not list((tmp_path / "out/benchmarks").rglob("*.safetensors"))
    given, kept = (SAMTok.from_pretrained(folder).codebook_hash() for folder in (parts / "samtok", final))
    assert kept == given


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([{"task": "gress"}], r"benchmarks.runs.0: unknown task 'gress'; did you mean 'gres'"),
        ([{"task": "gres", "limits": 3}], r"benchmarks.runs.0.*limits"),
        ([{**GRES, "options": {"x": "1"}}], r"benchmarks.runs.0: .*x"),
        ([GRES, {**GRES, "constrained": True}], r"benchmarks: runs: two are called gres; give each a `name`"),
        ([{**GRES, "name": "a/b"}], r"benchmarks.runs.0.*name"),
    ],
)
def test_a_wrong_run_is_one_line_before_the_training(tmp_path, parts, runs, said):
    path = recipe(tmp_path, codes=str(parts / "samtok"), benchmarks={"every": 1, "runs": runs})
    with pytest.raises(ValueError, match=said) as caught:
        train(path, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ({"data_root": "nowhere"}, "nowhere.* is missing"),
        ({"split": "vall"}, "no split 'vall'"),
    ],
)
def test_missing_data_are_one_line_before_the_training(tmp_path, parts, run, said):
    options = {"start": {"checkpoint": str(tmp_path / "not looked at")}, "codes": str(parts / "samtok")}
    path = recipe(tmp_path, **options, benchmarks={"every": 9, "runs": [GRES, {**GRES, "name": "b", **run}]})
    with pytest.raises((ValueError, OSError), match=said) as caught:
        train(path, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_words_of_no_tokenizer_cannot_be_benchmarked(tmp_path):
    with pytest.raises(ValueError, match="codes: geometry has none"):
        train(recipe(tmp_path, benchmarks={"every": 1, "runs": [GRES]}), tmp_path / "out")


def test_without_a_harness_it_is_said(tmp_path, parts, monkeypatch):
    monkeypatch.setattr(benchmarks, "entry_points", lambda group: [])
    with pytest.raises(ValueError, match="no installed package offers to run benchmarks"):
        train(recipe(tmp_path, benchmarks={"every": 1, "runs": [GRES]}), tmp_path / "out")
