"""What a wheel holds, and what the environment must not."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"samtok": "model/samtok", "samtok_tasks": "tasks/samtok_tasks", "samtok_bench": "samtok_bench"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from the files that git tracks, so that neither leftovers nor caches decide."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    done = subprocess.run(
        [*build, "--wheel-dir", str(out), str(source)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return zipfile.ZipFile(path)


def tracked(package: str, *suffixes: str) -> set[str]:
    """Tracked files of a package with these endings, named as in the wheel."""
    folder = PACKAGES[package]
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", folder], capture_output=True, text=True, check=True
    )
    return {
        package + name.removeprefix(folder)
        for name in listed.stdout.splitlines()
        if name.endswith(suffixes) and (ROOT / name).is_file()
    }


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile):
    names = set(wheel.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    for package in PACKAGES:
        found = {name for name in names if name.startswith(f"{package}/") and name.endswith(".py")}
        assert found == tracked(package, ".py")
        assert f"{package}/py.typed" in names
    assert not [
        name for name in names if any(part.startswith(("test", "conftest")) for part in Path(name).parts)
    ]
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_the_wheel_holds_weights_and_recipes(wheel: zipfile.ZipFile):
    names = set(wheel.namelist())
    recipes = tracked("samtok", ".yaml")
    assert {"samtok/recipes/nano-tokenizer.yaml", "samtok/recipes/nano-sft.yaml"} <= recipes
    weights = tracked("samtok", ".safetensors")
    assert "samtok/nano/tokenizer/model.safetensors" in weights
    assert recipes | weights | tracked("samtok", ".json", ".jinja") <= names
    for name in weights:
        assert wheel.getinfo(name).file_size == (ROOT / "model" / name).stat().st_size < 16_000_000
    assert sum(wheel.getinfo(name).file_size for name in weights) < 40_000_000


def test_the_wheel_has_the_entry_points_and_they_lead_somewhere(wheel: zipfile.ZipFile):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    parser = ConfigParser(delimiters="=")
    parser.read_string(wheel.read(name).decode())
    found = {group: dict(parser[group]) for group in parser.sections()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert found == {"console_scripts": project["scripts"], **project["entry-points"]}
    for group in found.values():
        for value in group.values():
            assert f"{value.split(':')[0].replace('.', '/')}.py" in wheel.namelist()


def imported(folder: Path) -> set[str]:
    """The top-level modules that the Python files below a folder import, wherever in them."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.split(".")[0] for name in names}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_everything_that_is_imported_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = {
        normal(re.match(r"[\w.-]+", requirement)[0])
        for requirements in (project["dependencies"], *(extras[name] for name in extras.keys() - {"dev"}))
        for requirement in requirements
    }
    homes = packages_distributions()
    modules = set().union(*(imported(ROOT / folder) for folder in PACKAGES.values()))
    # these would bring torchvision and a second torch: see `samtok.verification` and docs/lmms-eval.md
    third_party = modules - sys.stdlib_module_names - PACKAGES.keys() - {"sam2", "lmms_eval"}
    undeclared = {
        name for name in third_party if not declared.intersection(map(normal, homes.get(name, [name])))
    }
    assert undeclared == set()


def test_torchvision_is_absent():
    """The registry's torchvision is built for CUDA. Beside a CPU build of torch `import torchvision` raises
    "operator torchvision::nms does not exist", and transformers, which imports it where it finds it, then
    fails on every model. Nothing here needs it, so no dependency may bring it in.
    """
    import torch

    if torch.version.cuda is not None:
        pytest.skip(f"torch {torch.__version__} is a CUDA build: torchvision does no harm there")
    assert importlib.util.find_spec("torchvision") is None
