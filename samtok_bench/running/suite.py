"""All tasks on one model, one after the other."""

from dataclasses import dataclass, replace

from samtok_bench import registry
from samtok_bench.running import run as runner
from samtok_bench.running.run import Reporter, RunOptions, RunResult


@dataclass(frozen=True)
class Entry:
    """A task of the suite: its run, or why there is none."""

    task: str
    result: RunResult | None
    problem: str = ""


def run_all(options: RunOptions, reporter: Reporter) -> list[Entry]:
    """Run each installed task into its own folder; one that cannot run does not keep the others from it.

    Args:
        options: of all runs; `task` is replaced, `out` holds a folder for each task.
    """
    entries = []
    for name in registry.names("task"):
        reporter.note(f"task {name}")
        try:
            out = options.out / name if options.out else None
            entries.append(Entry(name, runner.run(replace(options, task=name, out=out), reporter)))
        except (ValueError, OSError) as error:
            entries.append(Entry(name, None, " ".join(str(error).split())))
    return entries
