"""Classes in Python files: the code of one runs where a user names it, never where data does."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from samtok_bench.errors import what_it_raised

_MODULE = "samtok_file_"


def is_file(name: str) -> bool:
    """Whether a name is that of a Python file."""
    return name.endswith(".py")


def is_from_file(kind: type) -> bool:
    """Whether a class comes from `class_in`."""
    return kind.__module__.startswith(_MODULE)


def class_in(path: Path, base: type, what: str, option: str) -> type[Any]:
    """The one subclass that a file defines. The file's code runs.

    Args:
        path: of the file.
        base: a class.
        what: it is called, for errors.
        option: that takes such a file, for errors.

    Raises:
        ValueError: no such file, or not just one such class; its code raises.
    """
    if not path.is_file():
        raise ValueError(f"no file {path} with a {what}")
    name = f"{_MODULE}{what}_{path.stem}"
    spec = spec_from_file_location(name, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # other people's code
        raise ValueError(f"the {what} in {path} cannot be loaded: {what_it_raised(error)}") from None
    found = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == name
    ]
    if len(found) != 1:
        raise ValueError(f"{path} defines {len(found)} {what}s; {option} takes a file with one")
    return found[0]
