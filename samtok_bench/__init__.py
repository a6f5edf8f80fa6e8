"""The harness: runs tasks on models, compares the runs, and shows them.

The names below load lazily, so that `import samtok_bench` stays free of pandas.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samtok_bench.showing.notebook import display, load_run

__all__ = ["display", "load_run"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'samtok_bench' has no attribute {name!r}")
    from samtok_bench.showing import notebook

    return getattr(notebook, name)


def __dir__() -> list[str]:
    return __all__
