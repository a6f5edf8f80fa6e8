"""Plug-ins by entry point: found by name, imported when asked for.

Groups: `samtok_bench.tasks` (Task classes), `samtok_bench.predictors` (Predictor classes),
`samtok_bench.codecs` (Codec classes), `samtok_bench.commands` (Typer apps whose commands join the
command line), `samtok_bench.task_sources` (functions from NAME to the Task class of `--task SOURCE:NAME`).
"""

import difflib
import inspect
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from samtok_bench.errors import what_it_raised
from samtok_bench.python_files import class_in, is_file

if TYPE_CHECKING:
    from samtok_bench.codec import Codec
    from samtok_bench.predictor import Predictor
    from samtok_bench.task import Task

Kind = Literal["task", "task source", "predictor", "codec", "command"]
GROUPS: dict[Kind, str] = {
    "task": "samtok_bench.tasks",
    "task source": "samtok_bench.task_sources",
    "predictor": "samtok_bench.predictors",
    "codec": "samtok_bench.codecs",
    "command": "samtok_bench.commands",
}
DEFAULT_PREDICTOR = "samtok"
DEFAULT_CODEC = "samtok"
"""These take every name that is no plug-in's: a local folder, a hub id, or nano."""
ALL = "all"
"""The group of all tasks."""
OURS = "samtok-bench"
"""The distribution whose entry points are built in."""
CODEC_PREDICTOR = "oracle"
"""Sends target masks through a codec."""


class UnknownName(ValueError):
    """A name that no installed package has."""


@dataclass(frozen=True)
class Plugin:
    """One entry point after an attempt to load it: the object, or why there is none."""

    name: str
    value: Any = None
    problem: str = ""


@cache
def _entries() -> dict[Kind, dict[str, list[EntryPoint]]]:
    """Of each kind by name all entry points that claim it, the built-in one first.

    All kinds at once: to look through the installed packages takes tens of milliseconds.
    """
    installed = entry_points()
    found: dict[Kind, dict[str, list[EntryPoint]]] = {kind: {} for kind in GROUPS}
    for kind, claims in found.items():
        group = installed.select(group=GROUPS[kind])
        for entry in sorted(group, key=lambda e: (e.name, _package(e) != OURS)):
            claims.setdefault(entry.name, []).append(entry)
    return found


def _package(entry: EntryPoint) -> str:
    return _distribution_name(entry.dist) if entry.dist else "unknown"


@cache
def _distribution_name(distribution: Distribution) -> str:
    return distribution.name  # it parses a file


def is_built_in(kind: Kind, name: str) -> bool:
    """Whether a name in a group is ours."""
    return _package(_entries()[kind][name][0]) == OURS


def refused() -> list[str]:
    """A line for each plug-in that has the name of a built-in, which it does not replace."""
    return [
        f"the {kind} {name!r} of the package {_package(entry)!r} is not used: a built-in has its name"
        for kind, claims in _entries().items()
        for name, (first, *others) in claims.items()
        if _package(first) == OURS
        for entry in others
    ]


def names(kind: Kind) -> list[str]:
    """Names in a group, without importing anything."""
    return list(_entries()[kind])


def attempt(kind: Kind, name: str) -> Plugin:
    """Load one plug-in; a broken one comes back with its problem instead of raising."""
    first, *others = _entries()[kind][name]
    if others and _package(first) != OURS:
        packages = ", ".join(sorted(repr(_package(entry)) for entry in (first, *others)))
        return Plugin(name, problem=f"the packages {packages} have one of this name each")
    try:
        value = first.load()
    except (Exception, SystemExit) as error:  # a plug-in is other people's code
        return Plugin(name, problem=what_it_raised(error))
    fault = _misfit(kind, value)
    return Plugin(name, problem=f"{first.value} {fault}") if fault else Plugin(name, value=value)


def _misfit(kind: Kind, value: Any) -> str:
    """Why a loaded object is not what its group holds, or ""."""
    if kind == "command":
        from typer import Typer

        return "" if isinstance(value, Typer) else "is no Typer app"
    if kind == "task source":
        return "" if callable(value) else "cannot be called"
    base = _base(kind)
    if not (isinstance(value, type) and issubclass(value, base)):
        return f"is no subclass of {base.__module__}.{base.__name__}"
    missing = [name for name in inspect.get_annotations(base) if not hasattr(value, name)]
    missing += getattr(value, "__abstractmethods__", ())
    return f"does not define {', '.join(sorted(missing))}" if missing else ""


def _base(kind: Kind) -> type:
    from samtok_bench.codec import Codec
    from samtok_bench.predictor import Predictor
    from samtok_bench.task import Task

    return {"task": Task, "predictor": Predictor, "codec": Codec}[kind]


def load(kind: Kind, name: str) -> Any:
    """The object registered under `name`.

    Raises:
        UnknownName: with the nearest known one.
        ValueError: a broken plug-in, with its problem.
    """
    if name not in _entries()[kind]:
        raise UnknownName(f"unknown {kind} {name!r}{suggestion(name, names(kind))}")
    plugin = attempt(kind, name)
    if plugin.problem:
        raise ValueError(f"the {kind} {name!r} cannot be loaded: {plugin.problem}")
    return plugin.value


_trusted: dict[str, Path] = {}
"""Files with a task whose code may run, by file name."""
_trusted_models: set[str] = set()
"""Files with a predictor whose code may run."""


def trust(task: str) -> None:
    """Let the code of a task's file run, if `task` is one: for what users name, never for what data names."""
    if is_file(task):
        _trusted[Path(task).name] = Path(task)


def trust_model(model: str) -> None:
    """The same of a predictor's file, `FILE.py` or `FILE.py:ARGUMENT`."""
    name = model.partition(":")[0]
    if is_file(name):
        _trusted_models.add(name)


def trusts_model(model: str) -> bool:
    """Whether `trust_model` was told so."""
    return model.partition(":")[0] in _trusted_models


def task_class(name: str, in_file: bool = False) -> "type[Task]":
    """A task by name, also of one in a trusted Python file, one of a source (`SOURCE:NAME`), or the one in a
    trusted file itself (`my/objects.py`); errors as `load`.

    Args:
        name: see above.
        in_file: an installed task of this name is not meant.
    """
    if is_file(name):
        if (file := Path(name).name) not in _trusted:
            raise ValueError(
                f"the task is the file {name!r}, which a run or a gate's file cannot make run: "
                f"samtok-bench --task-file {file} COMMAND trusts your copy of it"
            )
        return _task_in(_trusted[file])
    source, colon, inner = name.partition(":")
    if colon and source in _entries()["task source"]:
        return cast("type[Task]", load("task source", source)(inner))
    if in_file or name not in _entries()["task"]:
        for kind in map(_task_in, _trusted.values()):
            if kind.name == name:
                return kind
        if in_file:
            raise UnknownName(f"the task {name!r} is no installed one, a Python file defined it")
        if members := group_members(name):
            raise ValueError(f"{name!r} is a group of tasks; name one of them: {', '.join(members)}")
    return cast("type[Task]", load("task", name))


def group_members(name: str) -> list[str]:
    """The tasks that `--task` runs by the name of a group, `all` being every task; none for other names."""
    if name == ALL:
        return names("task")
    plugins = [attempt("task", task) for task in names("task")]
    return [plugin.name for plugin in plugins if not plugin.problem and plugin.value.group == name]


def _task_in(path: Path) -> "type[Task]":
    from samtok_bench.task import Task

    return class_in(path, Task, "task", "--task")


def _predictor_in(path: Path) -> "type[Predictor]":
    from samtok_bench.predictor import Predictor

    kind: type[Predictor] = class_in(path, Predictor, "predictor", "--model")
    if fault := _misfit("predictor", kind):
        raise ValueError(f"the predictor in {path} {fault}")
    return kind


def predictor_class(
    model: str, answered_by: Literal["model", "codec"] = "model"
) -> "tuple[type[Predictor], str]":
    """Read a `--model` string: `NAME`, `NAME:ARGUMENT` of a predictor, the same of a trusted Python file that
    defines one (`my/model.py:ARGUMENT`), or what a local model is called.

    Where a codec answers, a local model stands for its mask tokenizer.

    Returns:
        the predictor's class and its argument; errors as `load`.
    """
    name, _, argument = model.partition(":")
    if is_file(name):
        if not trusts_model(model):
            raise ValueError(
                f"the model is the file {name!r}, which a gate's file or a recipe cannot make run: "
                f"type samtok-bench run --model {name}"
            )
        return _predictor_in(Path(name)), argument
    local = name not in _entries()["predictor"]
    if answered_by == "codec" and (local or name == DEFAULT_PREDICTOR):
        name, argument = CODEC_PREDICTOR, model
    elif local:
        name, argument = DEFAULT_PREDICTOR, model
    return cast("type[Predictor]", load("predictor", name)), argument


def codec_name(codec: str) -> tuple[str, str]:
    """Read the name of a codec, `NAME`, `NAME16`, `NAME64-step8`, `NAME:ARGUMENT`, or what a local model is
    called: the plug-in's name and its argument.
    """
    known = _entries()["codec"]
    name, _, argument = codec.partition(":")
    if name in known:
        return name, argument
    parts = [(name, codec.removeprefix(name)) for name in known if codec.startswith(name)]
    numbered = [(name, rest) for name, rest in parts if rest[0].isdigit() and ":" not in codec]
    return max(numbered, default=(DEFAULT_CODEC, codec), key=lambda part: len(part[0]))


def codec_class(codec: str) -> "tuple[type[Codec], str]":
    """The class of a codec and its argument, by the name that `codec_name` reads; errors as `load`."""
    name, argument = codec_name(codec)
    return cast("type[Codec]", load("codec", name)), argument


def codec_choices() -> list[str]:
    """All codecs that need no file and can be loaded, by the names that `codec_class` takes."""
    found = [plugin for name in names("codec") if not (plugin := attempt("codec", name)).problem]
    return [f"{plugin.name}{choice}" for plugin in found for choice in plugin.value.choices()]


def nearest(name: str, known: list[str]) -> str:
    """The tail of an error line: the nearest known name, if one is near."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def suggestion(name: str, known: list[str]) -> str:
    """The tail of an error line: the nearest known name, or all of them."""
    if near := nearest(name, known):
        return near
    return f"; known: {', '.join(known)}" if known else "; none is installed"
