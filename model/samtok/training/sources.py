"""Which code a recipe may run: the functions that installed packages, or files of the user, offer as data."""

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from importlib.metadata import distributions, entry_points, packages_distributions
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

Source = Callable[..., Iterator[Any]]
GROUP = "samtok.training_data"
"""Entry points by which installed packages give their sources short names."""

_trusted: dict[str, Path] = {}
"""The files that `trust` has imported, by the names of their modules."""


def trust(file: Path) -> None:
    """Import a Python file, so that recipes may name its functions as MODULE:function. Its code runs.

    Raises:
        ValueError: there is no such file, its code fails, or another module has its name.
    """
    name, path = file.stem, file.resolve()
    known = sys.modules.get(name)
    if known is None:
        spec = spec_from_file_location(name, path)
        if not path.is_file() or spec is None or spec.loader is None:
            raise ValueError(f"no Python file {file} with training data")
        sys.modules[name] = module = module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:  # other people's code
            del sys.modules[name]
            reason = str(error).strip().split("\n")[0]
            raise ValueError(f"{file} cannot be imported: {type(error).__name__}: {reason}") from None
    elif getattr(known, "__file__", None) != str(path):
        raise ValueError(f"{file} cannot be imported: there is another module {name}; rename the file")
    _trusted[name] = path


def trusted_files() -> list[Path]:
    """The files that `trust` has imported, for another process."""
    return list(_trusted.values())


@lru_cache
def find_source(source: str) -> Source:
    """The function of a "module:attribute", or of a short name in GROUP, that yields training data.

    A recipe from elsewhere is data, so it cannot choose any code: the module belongs to an installed
    distribution (the standard library, the current folder and other places of the path do not) or to a file
    that was passed to `trust`. The function's first parameter is called `seed`, so that a recipe cannot call
    whatever else these modules hold.

    Raises:
        ValueError: anything else; says what is wrong.
    """
    source = _long_name(source)
    module, _, attribute = source.partition(":")
    refused = f"data source {source!r} cannot be imported"
    package = module.partition(".")[0]
    if package not in _trusted and not _is_installed(package):
        raise ValueError(
            f"{refused}: {package!r} is no installed package; "
            f"`samtok-bench train --data-file {package}.py COMMAND` trusts your copy of a file"
        )
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"{refused}: {error}") from None
    if not inspect.isfunction(found) or next(iter(inspect.signature(found).parameters), "") != "seed":
        raise ValueError(f"{refused}: it is no function f(seed, **options), which training data must be")
    return found


def _is_installed(package: str) -> bool:
    """Whether a top-level package is part of an installed distribution."""
    # most state their packages; to read the file lists of the others takes seconds
    stated = (distribution.read_text("top_level.txt") or "" for distribution in distributions())
    return any(package in names.split() for names in stated) or package in packages_distributions()


def _long_name(source: str) -> str:
    if ":" in source:
        return source
    named = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    return named.get(source, source)


def starts_anywhere(source: Source) -> bool:
    """Whether a source has a parameter `start`: the number in its stream of what it yields first."""
    return "start" in inspect.signature(source).parameters
