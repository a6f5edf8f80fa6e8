"""How the benchmarks time things: two ways to one result in turn in one process, or whole commands.

Processor time is what counts on a machine that others use too; it is user and system time of all threads.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile
from typing import Any

from samtok_bench import provenance

Work = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """What a piece of work took; seconds and MiB."""

    cpu_s: float
    wall_s: float
    peak_mib: float | None = None
    """Largest resident memory of a command."""


def side_by_side(ours: Work, theirs: Work, rounds: int, warm_up: bool = True) -> dict[str, float]:
    """Medians of the processor time of both, in turn: {ours_s, theirs_s, ratio}; ratio is theirs by ours."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + warm_up):
        for work, seconds in zip((ours, theirs), spent, strict=True):
            cost = timed(work)
            if number >= warm_up:
                seconds.append(cost.cpu_s)
    first, second = (statistics.median(seconds) for seconds in spent)
    return {"ours_s": first, "theirs_s": second, "ratio": second / first}


def timed(work: Work) -> Cost:
    """One call in this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def command(arguments: Sequence[str], **environment: str) -> Cost:
    """One command in a process of its own, whose output is shown only where it fails.

    Raises:
        SystemExit: it failed.
    """
    with TemporaryFile() as said:
        began = time.perf_counter()
        child = subprocess.Popen(
            arguments, stdout=said, stderr=subprocess.STDOUT, env={**os.environ, **environment}
        )
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            print(said.read().decode(errors="replace")[-4000:], file=sys.stderr)
            raise SystemExit(f"exit code {child.returncode}: {' '.join(arguments)}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit)


def median(costs: Sequence[Cost]) -> Cost:
    """The middle of each figure."""
    columns = zip(*(asdict(cost).values() for cost in costs), strict=True)
    return Cost(*(None if None in column else statistics.median(column) for column in columns))


def samtok_bench(*arguments: str) -> list[str]:
    """The command `samtok-bench` with this Python."""
    return [sys.executable, "-c", "from samtok_bench.cli.main import main; main()", *arguments]


def tell(rows: Mapping[str, Mapping[str, Any]], **more: Any) -> None:
    """Print a line for each row, then everything with commit, packages and machine as one JSON object."""
    for name, row in rows.items():
        print(f"{name}: {', '.join(f'{key} {_shown(value)}' for key, value in row.items())}")
    commit, dirty = provenance.git_state()
    about = {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit,
        "changed": dirty,
        "machine": provenance.machine(),
        "load": os.getloadavg()[0],
        "packages": provenance.package_versions(),
    }
    print(json.dumps({**about, **more, "rows": rows}))


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
