"""lmms-eval as a subprocess that fails when it has failed: it ends with 0 whatever happened.

What it wrote tells whether it worked: a value of each task, and a line for each sample.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from samtok_bench.lmms.environment import require_lmms_eval

RESULTS, SAMPLES = "_results.json", "_samples_{task}.jsonl"
OUTPUT, LOG = "--output_path", "--log_samples"
REFUSED = {
    "--config": "name the options on the command line: such a file may hold several runs",
    "--predict_only": "the answers would not be scored",
}


def launch(arguments: Sequence[str], ranks: int) -> int:
    """Run lmms-eval.

    Args:
        arguments: its own options.
        ranks: processes, each with a GPU of its own.

    Returns:
        its exit code.

    Raises:
        ValueError: it is not installed, or lacks an option without which success cannot be told.
        UnfinishedError: it has ended with 0 and yet failed.
    """
    require_lmms_eval()
    for name, reason in REFUSED.items():
        if any(argument.partition("=")[0] == name for argument in arguments):
            raise ValueError(f"{name} cannot be used here: {reason}")
    out = _output(arguments)
    before = set(out.rglob(f"*{RESULTS}"))
    logged = [] if LOG in arguments else [LOG]
    several = ["-m", "torch.distributed.run", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    code = subprocess.run([sys.executable, *several, "-m", "lmms_eval", *arguments, *logged]).returncode
    if code == 0:
        written = sorted(set(out.rglob(f"*{RESULTS}")) - before)
        faults = [fault for path in written for fault in faults_of(path)]
        if not written:
            faults = [f"it wrote no results below {out}: its own messages above say why"]
        if faults:
            raise UnfinishedError(faults)
    return code if code >= 0 else 128 - code


class UnfinishedError(Exception):
    """What is wrong with the results of a run that ended with 0."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def faults_of(path: Path) -> Iterator[str]:
    """What is wrong with a file of results and the samples beside it, a line each."""
    try:
        results = json.loads(path.read_bytes())
        counts, values = results["n-samples"], results["results"]
        offset = int(results["config"].get("offset") or 0)
        for task, count in counts.items():
            expected = min(int(count["effective"]), int(count["original"]) - offset)
            yield from _task_faults(path, task, values.get(task, {}), expected)
        if (results.get("usage") or {}).get("budget_exceeded"):
            yield f"{path}: the budget of tokens ended the run early"
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        yield f"{path} is malformed: {type(error).__name__} {error}"


def _task_faults(path: Path, task: str, values: dict[str, Any], expected: int) -> Iterator[str]:
    numbers = [
        value for name, value in values.items() if isinstance(value, int | float) and "_stderr" not in name
    ]
    if not any(map(math.isfinite, numbers)):
        yield f"{path}: {task} has no value"
    samples = path.with_name(path.name.removesuffix(RESULTS) + SAMPLES.format(task=task))
    try:
        with samples.open("rb") as file:
            found = len({json.loads(line)["doc_id"] for line in file})
    except OSError as error:
        yield f"{task}: {error}"
        return
    if found != expected:
        yield f"{samples} has {found} samples, expected {expected}"


def _output(arguments: Sequence[str]) -> Path:
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == OUTPUT:
            value = value if equals else next(iter(arguments[place + 1 : place + 2]), "")
            if value:
                return Path(value)
    raise ValueError(f"{OUTPUT} FOLDER is needed: only what lmms-eval writes there tells whether it worked")
