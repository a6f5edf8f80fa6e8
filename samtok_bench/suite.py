"""Several tasks on one model, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from samtok_bench import registry, runner
from samtok_bench.runner import Reporter, RunOptions, RunResult

ALL = "all"


@dataclass(frozen=True)
class Entry:
    """A task of the suite: its run, or why there is none."""

    task: str
    result: RunResult | None
    problem: str = ""


def run_tasks(options: RunOptions, tasks: Sequence[str], reporter: Reporter) -> list[Entry]:
    """Run each task into its own folder; one that cannot run does not keep the others from it.

    Args:
        options: of all runs; `task` is replaced, `out` holds a folder for each task.
        tasks: names; ALL stands for all that are installed.
    """
    named = [one for name in tasks for one in (registry.names("task") if name == ALL else [name])]
    entries = []
    for name in dict.fromkeys(named):
        reporter.note(f"task {name}")
        try:
            out = options.out / name if options.out else None
            entries.append(Entry(name, runner.run(replace(options, task=name, out=out), reporter)))
        except (ValueError, OSError) as error:
            entries.append(Entry(name, None, " ".join(str(error).split())))
    return entries
