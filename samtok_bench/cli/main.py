"""The `samtok-bench` command: groups of commands, and one place that turns errors into one line."""

import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.models import CommandInfo

from samtok_bench import registry
from samtok_bench.cli import catalogue, compare, demo, gate, inspection, leaderboard, lmms, run
from samtok_bench.cli.lazy import Info, LazyGroup, added
from samtok_bench.cli.options import MaxImagePixels, option
from samtok_bench.errors import in_one_line
from samtok_bench.showing.tables import printable

TRACEBACK = "SAMTOK_BENCH_TRACEBACK"
LONGEST = 2000
"""Characters of an error."""
INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit codes after Ctrl-C, and without a reader: Typer's 1 would be a gate's regression."""
NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
BUG = 70
"""Exit code of an unforeseen error (EX_SOFTWARE of sysexits.h), which no command uses for a result."""


def build_app() -> typer.Typer:
    """The root command with our own commands and those of plug-ins.

    A plug-in that cannot be loaded becomes a command that says so; the others work.
    """
    infos: dict[str, Info] = {}
    for module in (run, inspection, gate, compare, leaderboard, catalogue, lmms, demo):
        infos |= added(module.app)
    for name in sorted(registry.names("command"), key=lambda name: not registry.is_built_in("command", name)):
        plugin = registry.attempt("command", name)
        problem = plugin.problem
        if not problem:
            try:
                theirs = added(plugin.value)
                if not registry.is_built_in("command", name):
                    typer.main.get_group(plugin.value)  # what Typer makes of other people's functions
                if shadowed := infos.keys() & theirs:
                    problem = f"it has commands of built-in names: {', '.join(sorted(shadowed))}"
            except Exception as error:
                problem = f"{type(error).__name__}: {in_one_line(error)}"
        if not problem:
            infos |= theirs
        elif name not in infos:
            infos[name] = CommandInfo(
                name, help=f"broken plug-in: {problem}", callback=_broken(name, problem)
            )
        else:
            _note(f"the commands of {name!r} cannot be loaded: {problem}")
    app = typer.Typer(
        name="samtok-bench",
        cls=type("Commands", (_Commands,), {"infos": infos}),
        no_args_is_help=True,
        rich_markup_mode=None,  # its panels take longer than most commands
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback()(_whole_program)
    return app


def _note(text: str) -> None:
    print(f"note: {printable(_short(text))}", file=sys.stderr)


def main() -> None:
    """Entry point of the console script. User errors: one line on stderr and exit code 2; bugs: BUG."""
    try:
        for line in registry.refused():
            _note(line)
        build_app()()
    except (ValueError, OSError) as error:
        if os.environ.get(TRACEBACK) == "1":
            raise
        print(f"error: {printable(_short(in_one_line(error)))}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:  # before a command has begun
        _say_interrupted(error)
        sys.exit(INTERRUPTED)
    except Exception as error:
        traceback.print_exception(error)
        print("error: a bug in samtok-bench or in a plug-in; please report the lines above", file=sys.stderr)
        sys.exit(BUG)


class _Commands(LazyGroup):
    """Says what an interrupted command leaves; of the interrupt itself Typer keeps only the exit code."""

    def invoke(self, context: Any) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt as error:
            _say_interrupted(error)
            raise
        except BrokenPipeError:  # whoever read the output has ended, as `head` does
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        except OSError as error:
            if error.errno in NO_ROOM and error.filename is None:  # files are named where they are written
                error.filename = "standard output"
            raise


def _say_interrupted(error: KeyboardInterrupt) -> None:
    kept = in_one_line(error) or "no file is half written; the same command begins again"
    print(f"interrupted: {printable(kept)}", file=sys.stderr)


def _short(text: str) -> str:
    """A name or a value from elsewhere may be of any length."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"{registry.OURS} {metadata.version(registry.OURS)}")
        raise typer.Exit


def _whole_program(
    task_file: Annotated[
        list[Path] | None,
        option("--task-file", "Python file that defines a task, to read its runs; repeatable. It is run."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_say_version)
    ] = False,
    max_image_pixels: MaxImagePixels = None,
) -> None:
    """Benchmarks for vision-language models that speak masks as words."""
    warnings.filterwarnings("ignore", "Image size .* could be decompression bomb")  # our error says more
    for file in task_file or ():
        registry.trust(str(file))


def _broken(name: str, problem: str) -> Callable[[], None]:
    def fail() -> None:
        raise ValueError(f"the commands of {name!r} cannot be loaded: {problem}")

    return fail
