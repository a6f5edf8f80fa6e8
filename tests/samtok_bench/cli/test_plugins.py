"""Plug-ins that exit, are something else, or take a built-in's name: one line each, and the rest works."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from samtok_bench import registry

Called = Callable[..., tuple[int, str, str]]
Install = Callable[..., None]

GOOD = """
import typer
from samtok_bench.predictors.constant import ConstantPredictor
from samtok_bench.codec import Codec as AnyCodec
from samtok_bench.codecs.box import BoxCodec
from samtok_tasks.gres.task import GRES

class Task(GRES):
    pass

class Predictor(ConstantPredictor):
    summary = "a guest"

class Codec(BoxCodec):
    summary = "a guest"

class Bare(AnyCodec):
    summary = "without methods"

class Restless(Predictor):
    @classmethod
    def status(cls):
        raise KeyError("status")

class Odd(Predictor):
    summary = {1}

class Homeless(Task):
    def own_data(self):
        raise RuntimeError("no data")

one = typer.Typer()

@one.command()
def visit():
    print("visiting")

two = typer.Typer()

@two.command("run")
def other(): ...

@two.command()
def wave(): ...

three = typer.Typer()

@three.command()
def strange(value: list[list[int]]): ...

number = 7
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install packages with entry points, {group: {name: value}}, for this process."""

    def one(package: str = "guests", **groups: dict[str, str]) -> None:
        site = tmp_path / package
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [
            line
            for group, entries in groups.items()
            for line in (f"[samtok_bench.{group}]", *(f"{name} = {value}" for name, value in entries.items()))
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        (site / "guest_good.py").write_text(GOOD)
        (site / "guest_exits.py").write_text("import sys\nsys.exit('no licence\\nfor this machine')\n")
        monkeypatch.syspath_prepend(str(site))
        registry._entries.cache_clear()

    yield one
    registry._entries.cache_clear()
    for name in ("guest_good", "guest_exits"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("guest_exits:Anything", "SystemExit: no licence"),
        ("guest_good:number", "guest_good:number is no subclass of samtok_bench.predictor.Predictor"),
        ("guest_good:one", "guest_good:one is no subclass of"),
        ("guest_good:Task", "guest_good:Task is no subclass of"),
        ("guest_good:Absent", "AttributeError: module 'guest_good' has no attribute 'Absent'"),
        ("guest_good:Restless", "KeyError: 'status'"),
        ("guest_good:Odd", "TypeError: Object of type set is not JSON serializable"),
    ],
)
def test_a_broken_predictor_leaves_the_others(install: Install, called: Called, value: str, problem: str):
    install(predictors={"guest": value, "host": "guest_good:Predictor"})
    code, out, _ = called("models", "--json")
    assert code == 0
    rows = {row["model"]: row for row in json.loads(out)["models"]}
    assert rows["guest"]["status"] == "broken"
    assert rows["guest"]["summary"].startswith(problem)
    assert rows["host"]["takes"] == ["host:refuse", "host:whole"]
    assert rows["oracle"]["status"] == "ready"
    assert called("models")[0] == 0


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("guest_exits:Anything", "SystemExit: no licence"),
        ("guest_good:number", "guest_good:number is no subclass of samtok_bench.task.Task"),
        ("guest_good:Homeless", "RuntimeError: no data"),
    ],
)
def test_a_broken_task_leaves_the_others(install: Install, called: Called, value: str, problem: str):
    install(tasks={"guest": value})
    code, out, _ = called("tasks")
    assert code == 0
    assert re.search(rf"^guest +broken: {re.escape(problem)}", out, re.MULTILINE)
    assert re.search("^gres +", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("guest_exits:Anything", "SystemExit: no licence"),
        ("guest_good:Bare", "guest_good:Bare does not define bits, decode, encode, identity, text, tokens"),
    ],
)
def test_a_broken_codec_leaves_the_others(install: Install, called: Called, value: str, problem: str):
    install(codecs={"guest": value})
    code, out, _ = called("models", "--json")
    assert code == 0
    rows = {row["takes"][0]: row for row in json.loads(out)["codecs"]}
    assert rows["guest"]["summary"].startswith(f"broken: {problem}")
    choices = registry.codec_choices()
    assert "box" in choices
    assert "guest" not in choices
    code, _, err = called("run", "--task", "gres", "--model", "oracle:guest")
    assert code == 2
    assert err.startswith(f"error: the codec 'guest' cannot be loaded: {problem}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("guest_exits:app", "SystemExit: no licence"),
        ("guest_good:number", "guest_good:number is no Typer app"),
        ("guest_good:two", "it has commands of built-in names: run"),
        ("guest_good:three", "AssertionError: List types with complex sub-types"),
    ],
)
def test_broken_commands_leave_the_others(install: Install, called: Called, value: str, problem: str):
    install(commands={"guest": value, "host": "guest_good:one"})
    code, _, err = called("guest")
    assert code == 2
    assert err.startswith(f"error: the commands of 'guest' cannot be loaded: {problem}")
    assert err.count("\n") == 1
    assert called("visit")[:2] == (0, "visiting\n")
    assert called("models")[0] == 0
    assert "broken plug-in" in called("--help")[1]


def test_broken_commands_of_a_built_in_name(install: Install, called: Called):
    install(commands={"run": "guest_exits:app"})
    code, out, err = called("run", "--help")
    assert code == 0
    assert "Run a task on a model" in out
    assert err == "note: the commands of 'run' cannot be loaded: SystemExit: no licence\n"


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("task", "gres", "guest_good:Task"),
        ("predictor", "oracle", "guest_good:Predictor"),
        ("codec", "box", "guest_good:Codec"),
        ("command", "model", "guest_good:one"),
        ("task", "gres", "guest_exits:Task"),
    ],
)
def test_a_built_in_is_not_shadowed(
    install: Install, called: Called, kind: registry.Kind, name: str, value: str
):
    built_in = registry.load(kind, name)
    install(**{f"{kind}s": {name: value}})
    assert registry.load(kind, name) is built_in
    line = f"the {kind} {name!r} of the package 'guests' is not used: a built-in has its name"
    assert registry.refused() == [line]
    code, out, err = called("models", "--json")
    assert (code, err) == (0, f"note: {line}\n")
    assert "a guest" not in out


def test_two_plug_ins_of_one_name(install: Install, called: Called):
    install(predictors={"guest": "guest_good:Predictor"})
    install("others", predictors={"guest": "guest_good:Odd"})
    code, _, err = called("run", "--task", "gres", "--model", "guest:refuse")
    assert code == 2
    assert err == (
        "error: the predictor 'guest' cannot be loaded: "
        "the packages 'guests', 'others' have one of this name each\n"
    )
    assert registry.refused() == []


def test_a_file_with_a_task_that_exits(tmp_path: Path, called: Called):
    (tmp_path / "mine.py").write_text("raise SystemExit(3)\n")
    code, _, err = called("run", "--task", str(tmp_path / "mine.py"))
    assert code == 2
    assert err == f"error: the task in {tmp_path}/mine.py cannot be loaded: SystemExit: 3\n"
