"""What the harness costs beside the model: a run with a constant answer, and lmms-eval with its dummy model.

Both are asked the same questions of GRES (mini's sentences, repeated under other ids), at two sizes; the
difference gives the cost of a sample, the rest is the cost of starting. Each figure is a median over rounds
in which the commands run in turn. Rows:

- GRES: `samtok-bench run --model constant:refuse`, with floors, intervals, break-downs and the picture; in
  lmms-eval the task of `samtok-bench lmms export`, whose scoring is ours, without intervals
- exact match: the answer's text is compared with a string; in lmms-eval by its own `exact_match`

    make lmms      # sets up .venv-lmms
    python benchmarks/harness.py [--sizes 240 2400] [--rounds 5] [--lmms-python .venv-lmms/bin/python]

Without lmms-eval our own rows are measured.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from timing import Cost, command, median, samtok_bench, tell

from samtok_tasks.mini.cache import ensure_mini

EXACT = Path(__file__).with_name("exact_match_task.py")
Commands = Mapping[str, Sequence[str]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", type=int, nargs=2, default=(240, 2400), help="samples")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lmms-python", type=Path, default=Path(".venv-lmms/bin/python"))
    options = parser.parse_args()
    theirs = options.lmms_python if options.lmms_python.exists() else None
    if theirs is None:
        print(f"without lmms-eval: there is no {options.lmms_python}; make lmms")
    with TemporaryDirectory() as folder:
        by_size = {size: _prepare(Path(folder) / str(size), size, theirs) for size in options.sizes}
        spent: dict[tuple[str, int], list[Cost]] = {}
        for _ in range(options.rounds):
            for size, commands in by_size.items():
                for name, arguments in commands.items():
                    out = Path(folder) / "out" / str(len(spent)) / str(sum(map(len, spent.values())))
                    filled = [argument.replace("OUT", str(out)) for argument in arguments]
                    cost = command(filled, HF_HUB_OFFLINE="1", HF_DATASETS_CACHE=f"{folder}/datasets")
                    spent.setdefault((name, size), []).append(cost)
    tell(_rows(spent, *options.sizes), lmms_eval=_version(theirs))


def _rows(
    spent: Mapping[tuple[str, int], Sequence[Cost]], small: int, large: int
) -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for name, _ in spent):
        few, many = (median(spent[name, size]) for size in (small, large))
        slope = (many.cpu_s - few.cpu_s) / (large - small)
        rows[name] = {
            f"cpu_s_{small}": few.cpu_s,
            f"wall_s_{small}": few.wall_s,
            f"cpu_s_{large}": many.cpu_s,
            f"wall_s_{large}": many.wall_s,
            "cpu_ms_a_sample": 1000 * slope,
            "cpu_s_to_start": few.cpu_s - small * slope,
            "peak_mib": many.peak_mib,
        }
    return rows


def _prepare(root: Path, size: int, theirs: Path | None) -> Commands:
    """The commands on so many samples; OUT stands for a new folder."""
    _write_data(root, size)
    ours = [
        "run",
        "--data-root",
        str(root),
        "--model",
        "constant:refuse",
        "--limit",
        str(size),
        "--out",
        "OUT",
    ]
    commands = {
        "GRES, samtok-bench": samtok_bench(*ours, "--task", "gres"),
        "exact match, samtok-bench": samtok_bench(*ours, "--task", str(EXACT)),
    }
    if theirs is None:
        return commands
    tasks = root / "lmms"
    exported = ["lmms", "export", str(tasks), "--task", "gres", "--data-root", str(root)]
    command(samtok_bench(*exported))
    _write_exact_match(tasks / "samtok_gres_val.yaml", tasks / "exact_val.yaml")
    asked = ["-m", "lmms_eval", "--model", "dummy", "--include_path", str(tasks), "--limit", str(size)]
    logged = ["--batch_size", "16", "--log_samples", "--output_path", "OUT"]
    for name, task in (("GRES", "samtok_gres_val"), ("exact match", "exact_val")):
        commands[f"{name}, lmms-eval"] = [str(theirs), *asked, *logged, "--tasks", task]
    return commands


def _write_data(root: Path, samples: int) -> None:
    """Mini's gRefCOCO with so many sentences in val, at least."""
    mini = ensure_mini()
    references = json.loads((mini / "grefcoco" / "grefs(unc).json").read_bytes())
    val = [reference for reference in references if reference["split"] == "val"]
    repeated: list[dict[str, Any]] = []
    sentences = 0
    while sentences < samples:
        reference = val[len(repeated) % len(val)]
        told = [s | {"sent_id": sentences + k} for k, s in enumerate(reference["sentences"])]
        ids = [s["sent_id"] for s in told]
        repeated.append(reference | {"ref_id": len(repeated), "sentences": told, "sent_ids": ids})
        sentences += len(told)
    (root / "grefcoco").mkdir(parents=True)
    (root / "grefcoco" / "grefs(unc).json").write_text(json.dumps(repeated))
    (root / "grefcoco" / "instances.json").symlink_to(mini / "grefcoco" / "instances.json")
    (root / "images").symlink_to(mini / "images")


def _write_exact_match(gres: Path, out: Path) -> None:
    """The exported task with lmms-eval's own exact match of the answer with the sample's id."""

    class Loader(yaml.SafeLoader):
        pass

    class Dumper(yaml.SafeDumper):
        pass

    class Function(str):
        pass

    Loader.add_constructor("!function", lambda loader, node: Function(node.value))
    Dumper.add_representer(Function, lambda dumper, name: dumper.represent_scalar("!function", str(name)))
    task = yaml.load(gres.read_text(), Loader)
    del task["process_results"]
    metric = {"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}
    out.write_text(yaml.dump(task | {"task": out.stem, "metric_list": [metric]}, Dumper=Dumper))


def _version(python: Path | None) -> str | None:
    if python is None:
        return None
    program = "from importlib.metadata import version; print(version('lmms-eval'))"
    return subprocess.run(
        [python, "-c", program], capture_output=True, text=True, env=os.environ
    ).stdout.strip()


if __name__ == "__main__":
    main()
