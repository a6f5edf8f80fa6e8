"""How many samples a local model answers in a second, one at a time and in batches.

`samtok-bench run --task gres` with nano for each batch size, on the same samples; answers are compared with
those of the first size. Time is that of the predictions, as run.json has it, without loading and scoring;
on CUDA the first batch also starts the device.

    python benchmarks/batches.py [--device cuda] [--limit 240] [--sizes 1 4 16 64] [--model nano]
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from timing import command, samtok_bench, tell

from samtok_bench.runs.folder import RunFolder


def main() -> None:
    """Print samples a second."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--limit", type=int, default=240, help="samples")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--task", default="gres")
    options = parser.parse_args()
    rows: dict[str, dict[str, Any]] = {}
    texts: dict[int, dict[str, str]] = {}
    with TemporaryDirectory() as folder:
        for size in options.sizes:
            out = Path(folder) / str(size)
            asked = ["--task", options.task, "--model", options.model, "--device", options.device]
            run = [
                "--batch-size",
                str(size),
                "--limit",
                str(options.limit),
                "--no-ceiling",
                "--out",
                str(out),
            ]
            cost = command(samtok_bench("run", *asked, *run))
            session = RunFolder(out).record().sessions[-1]
            lines = RunFolder(out).journal.read()
            texts[size] = {id: line.prediction.text for id, line in lines.items()}
            rate = (session.answered or 0) / (session.seconds or 1)
            same = sum(text == texts[options.sizes[0]][id] for id, text in texts[size].items())
            row = {
                "samples_per_s": rate,
                "cpu_s": cost.cpu_s,
                "wall_s": cost.wall_s,
                "peak_mib": cost.peak_mib,
            }
            rows[f"batch {size}"] = row | {"same_answers": f"{same} of {len(lines)}"}
            print(f"batch {size}: {json.dumps(rows[f'batch {size}'])}", flush=True)
    first = rows[f"batch {options.sizes[0]}"]["samples_per_s"]
    for row in rows.values():
        row["ratio"] = row["samples_per_s"] / first
    tell(rows, device=options.device, model=options.model, task=options.task)


if __name__ == "__main__":
    main()
