"""The task of tasks/README.md, installed as the page says and run with the page's own commands."""

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from samtok_bench import registry, rle
from samtok_bench.cli.main import build_app

README = Path(__file__).parents[2] / "tasks" / "README.md"
GROUP = "samtok_bench.tasks"


def blocks(language: str) -> list[str]:
    """The code blocks of the page in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example as an installed distribution."""
    (code,), (project,) = blocks("python"), blocks("toml")
    (name, value), *_ = tomllib.loads(project)["project"]["entry-points"][GROUP].items()
    site, module = tmp_path / "site", Path(*value.split(":")[0].split(".")).with_suffix(".py")
    (site / module).parent.mkdir(parents=True)
    (site / module).with_name("__init__.py").touch()
    (site / module).write_text(code)
    info = site / "my_tasks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-tasks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")
    monkeypatch.syspath_prepend(str(site))
    registry._entries.cache_clear()
    yield
    registry._entries.cache_clear()
    for loaded in [one for one in sys.modules if one.split(".")[0] == module.parts[0]]:
        del sys.modules[loaded]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """20 of 100 pixels of one image, 50 of 200 of another, and an empty mask."""
    root = tmp_path / "data"
    root.mkdir()
    records = []
    for name, width, inside in (("a", 10, 2), ("b", 20, 5), ("c", 20, 0)):
        mask = np.zeros((10, width), bool)
        mask[:, :inside] = True
        Image.new("RGB", (width, 10), "grey").save(root / f"{name}.png")
        records.append({"image": f"{name}.png", "phrase": f"cup {name}", "mask": rle.encode(mask)})
    (root / "val.json").write_text(json.dumps(records))
    return root


def call(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), list(arguments))


@pytest.mark.usefixtures("installed")
def test_the_commands_give_the_figures_counted_by_hand(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    expected = {
        "oracle": {"miou": 1.0, "ciou": 1.0},
        "constant:whole": {"miou": (20 / 100 + 50 / 200) / 2, "ciou": (20 + 50) / (100 + 200)},
    }
    lines = [line for block in blocks("") for line in block.splitlines() if "run --task objects" in line]
    assert len(lines) == 3
    for line in lines:
        program, *arguments = shlex.split(line.replace("DIR", str(data)), comments=True)
        assert program == "samtok-bench"
        model = arguments[arguments.index("--model") + 1]
        if model not in expected:
            continue  # the same on a model's weights
        result = call(*arguments, "--json")
        assert result.exit_code == 0, result.exception
        summary = json.loads(result.stdout)
        found = {metric["id"]: metric["value"] for metric in summary["metrics"]}
        assert found == pytest.approx(expected.pop(model))
        assert summary["samples"] == 2
        assert summary["dropped"] == {"empty masks": 1}
        assert summary["outcomes"]["ok"] == 2
    assert not expected


def test_the_file_alone_is_enough(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "objects.py").write_text(blocks("python")[0])
    assert len(blocks("python")[0].splitlines()) <= 60
    asked = ("run", "--task", "objects.py", "--data-root", str(data), "--model", "constant:whole")
    result = call(*asked, "--json")
    assert result.exit_code == 0, result.exception
    found = {metric["id"]: metric["value"] for metric in json.loads(result.stdout)["metrics"]}
    assert found["miou"] == pytest.approx((20 / 100 + 50 / 200) / 2)
    assert "no file nowhere.py" in str(call("run", "--task", "nowhere.py").exception)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    assert "the task in broken.py cannot be loaded: ModuleNotFoundError" in str(
        call("run", "--task", "broken.py").exception
    )
    (tmp_path / "empty.py").write_text("")
    assert "empty.py defines 0 tasks" in str(call("run", "--task", "empty.py").exception)


@pytest.mark.usefixtures("installed")
def test_it_is_listed_and_its_errors_name_the_file(data: Path):
    rows = {row["task"]: row for row in json.loads(call("tasks", "--json").stdout)}
    assert rows["objects"]["primary"] == "miou"
    run = ("run", "--task", "objects", "--model", "oracle", "--data-root")
    assert "absent/val.json" in str(call(*run, str(data / "absent")).exception)
    records = json.loads((data / "val.json").read_text())
    records[1]["mask"]["size"] = [3, 4]
    (data / "val.json").write_text(json.dumps(records))
    assert "val.json, record 1: RLE counts cover 200 pixels" in str(call(*run, str(data)).exception)


def test_installed_tasks_are_in_the_page():
    rows = [line for line in README.read_text().splitlines() if line.startswith("| `")]
    for name in registry.names("task"):
        assert any(f"`{name}`" in row.split("|")[1] for row in rows), name
