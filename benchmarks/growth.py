"""How time and memory grow with the number of samples: a run, then compare, report and rescore of such runs.

The samples are mini's of GRES under other ids, three to an image, none shares its masks (many_task.py); the
model answers with the whole image, or refuses. Nothing but the harness is at work: reading, asking, scoring
(the answer and both floors), journal, summary with intervals and break-downs.

    python benchmarks/growth.py [--sizes 10000 100000] [--report]

`--report` also writes the report of both runs at the smaller size: it draws every sample.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from timing import Cost, command, samtok_bench, tell

TASK = str(Path(__file__).with_name("many_task.py"))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs=2, default=(10_000, 100_000), help="samples")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    small, large = options.sizes
    spent: dict[str, dict[int, Cost]] = {}
    with TemporaryDirectory() as folder:
        for size in (small, large):
            first, second = (str(Path(folder) / f"{name}-{size}") for name in ("whole", "refuse"))
            run = ["run", "--task", TASK, "--split", str(size)]
            trusted = ["--task-file", TASK]
            commands = {
                "run, constant:whole": [*run, "--model", "constant:whole", "--out", first],
                "run, constant:refuse": [*run, "--model", "constant:refuse", "--out", second],
                "rescore": [*trusted, "rescore", first],
                "compare": [*trusted, "compare", first, second],
            }
            if options.report and size == small:
                commands["report"] = [*trusted, "report", first, "--out", str(Path(folder) / "report.html")]
            for name, arguments in commands.items():
                cost = command(samtok_bench(*arguments))
                spent.setdefault(name, {})[size] = cost
                print(f"{name}, {size}: {cost}", flush=True)
    tell({name: _row(costs, small, large) for name, costs in spent.items()}, sizes=options.sizes)


def _row(costs: dict[int, Cost], small: int, large: int) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for size, cost in costs.items():
        row |= {f"cpu_s_{size}": cost.cpu_s, f"wall_s_{size}": cost.wall_s, f"peak_mib_{size}": cost.peak_mib}
    if len(costs) == 2:
        few, many = costs[small], costs[large]
        row["cpu_ms_a_sample"] = 1000 * (many.cpu_s - few.cpu_s) / (large - small)
        row["kb_a_sample"] = 1.048576e3 * ((many.peak_mib or 0) - (few.peak_mib or 0)) / (large - small)
    return row


if __name__ == "__main__":
    main()
