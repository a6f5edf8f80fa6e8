"""The harness: runs tasks on models, compares the runs, and shows them.

The names below load lazily, so that `import samtok_bench` stays free of pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samtok_bench.notebook import display, load_run

_HOME = {"display": "samtok_bench.notebook", "load_run": "samtok_bench.notebook"}
__all__ = ["display", "load_run"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'samtok_bench' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
