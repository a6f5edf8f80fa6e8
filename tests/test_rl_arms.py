"""The arms of reinforcement and supervised learning: their data, their recipes, their table."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from samtok.training.recipe import load_recipe
from samtok.training.reinforced import ReinforcedRecipe
from samtok.training.supervised import SupervisedRecipe

ROOT = Path(__file__).parent.parent


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its functions go to other processes
    spec.loader.exec_module(module)
    return module


arms = script("rl_arms")


def options(monkeypatch, *given):
    monkeypatch.setattr(sys, "argv", ["rl_arms", *map(str, given)])
    return arms._options()


def test_held_out_expressions_are_not_those_to_learn_from(tmp_path, monkeypatch):
    sizes = ("--prompts", 70, "--expressions", 5, "--processes", 1)
    arms.prepare(options(monkeypatch, tmp_path, *sizes))
    images = {}
    for name, expressions in (("learned", 70), ("held-out", 5)):
        root = tmp_path / "data" / name
        references = json.loads((root / "grefcoco/grefs(unc).json").read_text())
        assert sum(len(reference["sentences"]) for reference in references) == expressions
        images[name] = {path.read_bytes() for path in (root / "images/train2014").iterdir()}
        assert len(images[name]) == expressions * 2 // 5  # more than a process draws at once
        assert (root / "GranDf/annotations/val_test/val_gcg_coco_caption_gt.json").is_file()
    assert not images["learned"] & images["held-out"]


@pytest.mark.parametrize("task", arms.RL)
def test_every_arm_has_a_recipe(tmp_path, monkeypatch, task):
    given = options(monkeypatch, tmp_path, "--task", task, "--seconds", 7)
    (tmp_path / f"{arms.SAME_PROMPTS_AS}-3").mkdir()
    (tmp_path / f"{arms.SAME_PROMPTS_AS}-3" / "log.jsonl").write_text('{"step": 12}\n')
    for arm in given.arms:
        kind, content = arms._recipe(given, arm, 3)
        path = tmp_path / "recipe.yaml"
        path.write_text(json.dumps(content))
        recipe = load_recipe(path, {"rl": ReinforcedRecipe, "sft": SupervisedRecipe}[kind])
        assert (recipe.seed, recipe.seconds) == (3, 7)
        if arm == "sft-prompts":
            assert recipe.stages[-1].until == 12  # as many as the arm that it is compared with


def test_the_table_has_differences_paired_by_sample(tmp_path, monkeypatch, capsys):
    runs = {"start-0": "gres", "sft-time-1": "gres", "rl-paper-1": "gres-1425-steps"}
    for name, run in runs.items():
        shutil.copytree(ROOT / "results/nano-mini" / run, tmp_path / name / "run")
    (tmp_path / "rl-paper-1" / "log.jsonl").write_text('{"step": 2, "reward": 0.5}\n{"step": 4}\n')
    (tmp_path / "rl-paper-1" / "model" / "vlm").mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["rl_arms", str(tmp_path), "--table"])
    arms.main()
    first, second = (
        {metric["id"]: metric["value"] for metric in json.loads(path.read_text())["metrics"]}
        for path in (ROOT / "results/nano-mini" / run / "summary.json" for run in ("gres", "gres-1425-steps"))
    )
    found = {result["arm"]: result for result in json.loads((tmp_path / "results.json").read_text())}
    assert found["rl-paper"]["metrics"] == second
    assert (found["rl-paper"]["steps"], found["rl-paper"]["last_logged"]) == (4, {"step": 2, "reward": 0.5})
    rows = {
        line.split("|")[1].strip(): line for line in (tmp_path / "table.md").read_text().splitlines() if line
    }
    assert f"{100 * (second['giou'] - first['giou']):+.1f} [" in rows["rl-paper"]
    assert "+0.0 [+0.0, +0.0]" in rows["sft-time"]
    assert (tmp_path / "runs.tar.gz").is_file()
    assert (tmp_path / "best.tar.gz").is_file()
    assert "on the bias curve" not in capsys.readouterr().out  # one point is no curve
    monkeypatch.setattr(sys, "argv", ["rl_arms", str(tmp_path), "--table", "--metric", "pr90"])
    arms.main()
    assert f"{100 * (second['pr90'] - first['pr90']):+.1f} [" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["rl_arms", str(tmp_path), "--table", "--metric", "pr99"])
    with pytest.raises(SystemExit, match="no metric pr99; there are giou, "):
        arms.main()


def test_code_distance(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["code_distance", "--scenes", "1"])
    script("code_distance").main()
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["spearman"] > 0.5
