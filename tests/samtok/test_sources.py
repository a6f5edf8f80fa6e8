"""Which code a recipe can make run."""

import sys
from importlib.metadata import EntryPoint
from itertools import count
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from samtok.training import sources
from samtok.training.recipe import DataSource
from samtok.training.sources import trust

CODE = """
from pathlib import Path
Path(__file__).with_suffix(".ran").touch()


def rings(seed, *, width=1):
    while True:
        yield seed, width


def size(width, seed=1):
    return iter([width])


class Rings:
    def __init__(self, seed):
        pass
"""


@pytest.fixture
def file(tmp_path, monkeypatch, request):
    """A module of this test's own in the current folder, which is on the path."""
    name = f"rings_of_{abs(hash(request.node.name))}"
    (tmp_path / f"{name}.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / f"{name}.py"
    sys.modules.pop(name, None)


def test_a_module_of_the_current_folder_is_not_imported(file):
    with pytest.raises(ValidationError, match=f"no installed package; .*--data-file {file.name}"):
        DataSource(source=f"{file.stem}:rings")
    assert not file.with_suffix(".ran").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("os:system", "'os' is no installed package"),
        ("builtins:exec", "'builtins' is no installed package"),
        ("runpy:run_path", "'runpy' is no installed package"),
        ("torch:load", "no function f\\(seed"),
        ("torch.utils.cpp_extension:load_inline", "no function f\\(seed"),
        ("samtok_tasks.mini.training:TRAINING_SEEDS", "no function f\\(seed"),
        ("samtok_tasks.mini.training:region", "no attribute 'region'"),
        ("samtok_tasks.mini.trainings:regions", "No module named"),
        ("samtok_tasks.mini.training", "cannot be imported"),
        (":regions", "'' is no installed package"),
        ("..samtok_tasks:x", "'' is no installed package"),
    ],
)
def test_only_training_data_of_installed_packages_is_called(source, message):
    with pytest.raises(ValidationError, match=message):
        DataSource(source=source)


def test_training_data_of_an_installed_package_is_found():
    _, masks = next(DataSource(source="samtok_tasks.mini.training:regions", options={"masks": 3}).open(1))
    assert len(masks) == 3


def test_a_file_that_the_user_trusts_is_a_source(file):
    trust(file)
    assert next(DataSource(source=f"{file.stem}:rings", options={"width": 4}).open(7)) == (7, 4)
    for other in ("size", "Rings"):
        with pytest.raises(ValidationError, match="no function f"):
            DataSource(source=f"{file.stem}:{other}")


def test_a_trusted_file_that_cannot_be_imported_is_one_line(tmp_path):
    broken = tmp_path / "broken_rings.py"
    broken.write_text("1 / 0")
    with pytest.raises(ValueError, match=r"broken_rings.py cannot be imported: ZeroDivisionError"):
        trust(broken)
    with pytest.raises(ValueError, match="no Python file"):
        trust(tmp_path / "absent.py")
    (tmp_path / "json.py").touch()
    with pytest.raises(ValueError, match="another module json"):
        trust(tmp_path / "json.py")


def test_the_command_line_names_trusted_files(file, called):
    recipe = {"seed": 1, "data": {"source": f"{file.stem}:rings"}}
    file.with_suffix(".yaml").write_text(yaml.safe_dump(recipe))
    code, _, said = called("train", "tokenizer", f"{file.stem}.yaml")
    assert code == 2
    assert "is no installed package" in said
    assert said.count("\n") == 1
    code, _, said = called("train", "--data-file", file.name, "tokenizer", f"{file.stem}.yaml")
    assert code == 2
    assert "evaluation: Field required" in said  # the source is found


def test_a_short_name_stands_for_a_source_of_an_installed_package(monkeypatch):
    entry = EntryPoint("short-regions", "samtok_tasks.mini.training:regions", sources.GROUP)
    monkeypatch.setattr(sources, "entry_points", lambda group: [entry] if group == entry.group else [])
    image, _ = next(DataSource(source="short-regions", options={"masks": 1, "size": 64}).open(1))
    assert image.shape == (64, 64, 3)
    with pytest.raises(ValidationError, match="'longer' cannot be imported"):
        DataSource(source="longer")


def numbers(seed, *, start=0, step=1):
    """A stream that can begin anywhere."""
    return count(100 * seed + step * start, step)


def test_a_source_that_starts_anywhere_is_one_stream(monkeypatch):
    trust(Path(__file__))
    data = DataSource(source="test_sources:numbers", options={"step": 2})
    assert [data.pick(3, index) for index in (0, 5, 1)] == [300, 310, 302]
    assert data.pick(3, 7, step=1) == 307


def begun(seed, **options):
    """A stream of its own for each number, one of whose options is called start."""
    return iter([options["start"]])


def test_start_is_no_option_of_a_source_that_starts_anywhere():
    trust(Path(__file__))
    data = DataSource(source="test_sources:numbers", options={"step": 2})
    said = "options of test_sources:numbers: start is set by the training"
    with pytest.raises(ValueError, match=said):
        data.check({"start": 3})
    with pytest.raises(ValueError, match=said):
        DataSource(source="test_sources:numbers", options={"start": 3}).check({})
    with pytest.raises(ValueError, match=r"argument 'stop'; there are step$"):
        data.check({"stop": 3})
    other = DataSource(source="test_sources:begun", options={"start": 3})
    other.check({})
    assert other.pick(1, 0) == 3


def test_another_source_has_a_stream_of_its_own_for_each_index(file):
    trust(file)
    data = DataSource(source=f"{file.stem}:rings")
    (first, _), (other, _), (again, _) = (data.pick(7, index) for index in (0, 1, 0))
    assert first == again != other
