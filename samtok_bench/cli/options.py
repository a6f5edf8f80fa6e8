"""Options that every command declares in the same way: each can come from SAMTOK_BENCH_<OPTION>."""

from typing import Annotated, Any

import typer

from samtok_bench import registry


def option(name: str, help: str, **more: Any) -> Any:
    """A Typer option with its environment variable.

    Args:
        name: as `--batch-size`, or a pair `--ceiling/--no-ceiling`, which is named by its first half.
        help: one line.
        more: passed on to Typer.
    """
    variable = name.split("/")[0].lstrip("-").replace("-", "_").upper()
    return typer.Option(name, help=help, envvar=f"SAMTOK_BENCH_{variable}", show_envvar=False, **more)


def _allow_pixels(count: int | None) -> int | None:
    if count is not None:
        from samtok_bench.images import allow_pixels

        allow_pixels(count)
    return count


MaxImagePixels = Annotated[
    int | None,
    option(
        "--max-image-pixels",
        "Images with more pixels are not read. Default: 178956970.",
        min=1,
        callback=_allow_pixels,
    ),
]
"""Of every command that opens images, and of the whole program; it acts by itself."""


def complete_tasks(typed: str) -> list[str]:
    """Names of installed tasks that begin so, for the shell."""
    return [name for name in (*registry.names("task"), registry.ALL) if name.startswith(typed)]
