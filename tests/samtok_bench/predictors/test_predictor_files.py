"""`--model FILE.py`: the example of the page on predictors, and whose code runs."""

import json
import re
from pathlib import Path

import pytest
import yaml
from PIL import Image

from samtok_bench import registry

PAGE = Path(__file__).parents[3] / "docs" / "predictors.md"


@pytest.fixture
def example(command, monkeypatch, tmp_path):
    """The example as written, in the folder of the squares, whose images are bright on the left half."""
    monkeypatch.setattr(registry, "_trusted_models", set())
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    Path("brighter.py").write_text(code)
    for k in range(8):
        picture = Image.new("RGB", (10, 10), (100, 100, 100))
        picture.paste((220, 220, 220), (0, 0, 5, 10))
        picture.save(f"image{k}.png")
    return ("run", "--task", "squares", "--data-root", ".")


def test_the_example_answers(example, command):
    code, out, err = command(*example, "--model", "brighter.py", "--out", "left", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["model"], found["outcomes"]["ok"]) == ("brighter", 24)
    # 20 of 70 pixels on the 18 samples with a target, 0 on the 6 without
    giou = next(metric for metric in found["metrics"] if metric["id"] == "giou")
    assert giou["value"] == pytest.approx(0.75 * 20 / 70)
    assert command(*example, "--model", "brighter.py:50", "--out", "all", "--json")[0] == 0
    code, out, err = command("compare", "left", "all", "--metric", "giou", "--json")
    assert code == 0, err
    difference = json.loads(out)["pairs"][0]["metrics"][0]["difference"]
    assert difference == pytest.approx(0.75 * (0.4 - 20 / 70))


def test_another_file_is_another_configuration(example, command):
    assert command(*example, "--model", "brighter.py", "--out", "a")[0] == 0
    Path("brighter.py").write_text(Path("brighter.py").read_text().replace("Here it is", "There it is"))
    code, _, err = command(*example, "--model", "brighter.py", "--out", "a")
    assert code == 2
    assert "holds a run of another configuration: code " in err


@pytest.mark.slow
def test_workers_make_it_for_themselves(example, command):
    code, out, err = command(*example, "--model", "brighter.py", "--workers", "2", "--json")
    assert code == 0, err
    assert json.loads(out)["outcomes"]["ok"] == 24


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no file own.py with a predictor"),
        ("1 / 0", "the predictor in own.py cannot be loaded: ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", "the predictor in own.py cannot be loaded: SystemExit: 3"),
        ("x = 1", "own.py defines 0 predictors; --model takes a file with one"),
        (
            "from samtok_bench.predictor import Predictor\nclass A(Predictor): pass",
            "the predictor in own.py does not define identity, predict, summary",
        ),
    ],
)
def test_a_file_without_a_predictor_is_one_line(example, command, content, said):
    if content is not None:
        Path("own.py").write_text(content)
    code, out, err = command(*example, "--model", "own.py")
    assert (code, out, err) == (2, "", f"error: {said}\n")


def test_only_what_is_typed_runs(example, command):
    assert command(*example, "--model", "brighter.py", "--out", "run")[0] == 0
    registry._trusted_models.clear()
    Path("brighter.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    made = {"task": "squares", "model": "brighter.py", "data_root": "."}
    Path("gate.yaml").write_text(yaml.safe_dump({"checks": [{"metric": "giou", "floor": 0.1, "run": made}]}))
    for line in ("show run", "rescore run", "report run", "compare run run2", "gate gate.yaml"):
        if "run2" in line:
            assert command(*example, "--model", "constant:whole", "--out", "run2")[0] == 0
        _, out, err = command(*line.split())
        assert "Traceback" not in err
        assert not Path("ran").exists()
    assert "the model is the file 'brighter.py', which a gate's file or a recipe cannot make run" in out + err
