"""What it saves that the answers to a prompt share it in reinforcement learning, beside TRL's own way.

Steps of `samtok-bench train rl nano-gres-rl` with the answers behind each prompt, and with a prompt before
each answer as TRL has it. Both sample the same answers and have the same losses.

    python benchmarks/shared_prompts.py [--steps 4] [--rounds 1] [--recipe nano-gres-rl]
"""

import argparse
import json
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import yaml
from timing import tell
from trl import GRPOTrainer

from samtok.training import reinforced
from samtok.training.recipe import RECIPES

SAME = ("loss", "grad_norm", "reward", "entropy")


def main() -> None:
    """Print seconds a step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recipe", default="nano-gres-rl")
    parser.add_argument("--steps", type=int, default=4, help="of a training; the first one is not counted")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    logs: dict[str, list[list[dict[str, Any]]]] = {"shared": [], "TRL's": []}
    with TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for name, runs in logs.items():
                runs.append(trained(options, Path(folder) / f"{name}-{number}", shared=name == "shared"))
    seconds = {name: [line["step_time"] for run in runs for line in run[1:]] for name, runs in logs.items()}
    medians = {name: statistics.median(of_steps) for name, of_steps in seconds.items()}
    [first, *_], [other, *_] = logs.values()
    apart = {key: max(abs(a[key] - b[key]) for a, b in zip(first, other, strict=True)) for key in SAME}
    rows = {
        name: {"s a step": of_steps, "ratio": of_steps / medians["shared"]}
        for name, of_steps in medians.items()
    }
    tell(rows, largest_differences=apart)


def trained(options: argparse.Namespace, folder: Path, shared: bool) -> list[dict[str, Any]]:
    """The lines of a training's log, one for each step."""
    recipe = yaml.safe_load((RECIPES / f"{options.recipe}.yaml").read_text())
    each = recipe["prompts_per_step"] * options.steps
    recipe |= {"steps": options.steps, "prompts": each, "log_every": 1, "threads": 1, "watch": []}
    folder.mkdir()
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    if shared:
        reinforced.train(folder / "recipe.yaml", folder / "out")
    else:
        name = "_get_per_token_logps_and_entropies"
        with (
            patch.object(reinforced.trainer_class(), name, getattr(GRPOTrainer, name)),
            patch.object(reinforced, "generate_from_shared_prompts", lambda model: None),
        ):
            reinforced.train(folder / "recipe.yaml", folder / "out")
    lines = [json.loads(line) for line in (folder / "out" / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "step_time" in line]


if __name__ == "__main__":
    main()
