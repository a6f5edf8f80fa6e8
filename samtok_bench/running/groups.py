"""Several tasks on one model, one after the other: those of a group, or all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from samtok_bench import registry
from samtok_bench.errors import in_one_line
from samtok_bench.interruption import keeping
from samtok_bench.predictor import Unfit
from samtok_bench.progress import Reporter
from samtok_bench.running.options import RunOptions
from samtok_bench.running.run import RunResult, run


@dataclass(frozen=True)
class Member:
    """A task of the group: its run, or why there is none."""

    task: str
    result: RunResult | None = None
    left_out: str = ""
    """Why it was not started: its data is not there, or it cannot be put to the model."""
    failure: str = ""
    """Why it ended without a result."""


def run_group(group: str, options: RunOptions, reporter: Reporter) -> list[Member]:
    """Run each task of a group whose data is there into its own folder.

    One that cannot run does not keep the others from it.

    Args:
        group: its name, see `registry.group_members`.
        options: of all runs; `task` is replaced, `out` holds a folder for each task.

    Raises:
        ValueError: options that only a single task can take.
    """
    members = registry.group_members(group)
    _check(group, members, options)
    ended: list[Member] = []
    with keeping(lambda: f"{len(ended)} of {len(members)} tasks are done: the same command does the others"):
        for name in members:
            ended.append(_run_member(name, options, reporter))
    return ended


def _check(group: str, members: Sequence[str], options: RunOptions) -> None:
    if options.data is not None:
        # --data once chose among benchmarks
        meant = [name for name in members if name.startswith(options.data)]
        hint = f"--task {meant[0]}" if len(meant) == 1 else f"one of {', '.join(members)}"
        raise ValueError(
            f"{group!r} is a group of tasks and --data a file format of one: instead of --task {group} "
            f"--data {options.data} use {hint}"
        )
    given = {"--sample": options.sample, "--option": options.option}
    for option, value in given.items():
        if value:
            raise ValueError(f"{option} is for a single task, and {group!r} is a group: {', '.join(members)}")


def _run_member(name: str, options: RunOptions, reporter: Reporter) -> Member:
    out = options.out / name if options.out else None
    chosen = replace(options, task=name, out=out)
    try:
        task = chosen.make_task()
        status = task.data_status(options.data_root)
        if not status.ready:
            return Member(name, left_out=status.detail)
        reporter.note(f"task {name}")
        return Member(name, run(chosen, reporter))
    except Unfit as error:
        return Member(name, left_out=in_one_line(error))
    except (ValueError, OSError) as error:
        return Member(name, failure=in_one_line(error))
    except (Exception, SystemExit) as error:  # a task may be other people's code
        return Member(name, failure=f"{type(error).__name__}: {in_one_line(error)}")
