"""What reinforcement learning gains on nano, beside supervised training of the same prompts or time.

    python benchmarks/rl_arms.py OUT [--task gres] [--arms ...] [--seeds 3] [--seconds 150] [--processes N]

Each arm is trained with each seed for equal time, as many at once as there are processes, on a GPU if there
is one. Then all of them, nano itself and, for GRES, nano with a bias on the first token of a refusal answer a
held-out split that no training has seen. All processes draw the data first. In OUT:

- ARM-SEED/: recipe, log, final model and run of `samtok-bench run`
- results.json: one object for each run
- table.md: differences, paired by sample and clustered by image, over all seeds together
- runs.tar.gz: logs and runs; best.tar.gz: the model with the highest primary metric

The same command goes on after a kill; `--table` only sums up what there is. Processes that share a GPU take
turns unless NVIDIA's MPS runs (`nvidia-cuda-mps-control -d`): 15 at once made 8 steps of 128 answers each in
a minute on an H100, 8 at once 6 steps of 512 answers in 80 s on an H200. Leave two minutes for the
evaluations. On two CPU cores 360 s make 35 to 62 steps of 128 answers, and an evaluation takes 160 s; of GCG
480 s make 88 to 121 steps of 32 answers, and an evaluation takes 110 s.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import yaml
from tokenizers import Tokenizer

from samtok.locate import nano_folder
from samtok_bench.runs.reading import LoadedRun, clusters_of, from_scores, open_run, scores_of
from samtok_bench.statistics import paired
from samtok_tasks.mini.contents import benchmarks
from samtok_tasks.mini.picture import IMAGE_FOLDER, MiniPicture
from samtok_tasks.mini.training import NO_TARGET_ANSWER, TRAINING_SEEDS
from samtok_tasks.mini.writer import SplitPlan, pictures_of, write_files

ANSWERS, TOKENS = 8, {"gres": 64, "gcg": 256}
"""Answers to each prompt, tokens of an answer at most."""
CHUNK = 25
"""Images that a process draws at once."""
FIRST_SEEDS = {"learned": TRAINING_SEEDS + (1 << 30), "held-out": 5_000_000}
"""Far from those of mini's splits; nano's own training draws from 2^40 to 2^62 at random."""
ON_CURVE = {"t_acc": "T-acc", "miou_targeted": "mIoU targeted", "pr90": "Pr@0.9"}
"""Metrics that are compared at equal N-acc."""
BIASES = (-2.0, -1.0, 1.0, 2.0)
"""Added to the logit of a refusal's first token."""

TEXTUAL = [{"name": "distance"}, {"name": "attempt", "weight": 0.2}]
GROUNDED = [
    {"name": "grounded"},
    {"name": "distance"},
    {"name": "phrases", "weight": 0.2},
    {"name": "no_repeat", "weight": 0.2},
]
RL: dict[str, dict[str, dict[str, Any]]] = {
    "gres": {
        "rl-paper": {"rewards": [{"name": "paper"}]},
        "rl-textual": {"rewards": TEXTUAL},
        "rl-textual-15": {"rewards": TEXTUAL, "no_target": 0.15},
        "rl-iou": {"rewards": [{"name": "iou"}]},
        "rl-shuffled": {"rewards": TEXTUAL, "shuffled": True},
    },
    "gcg": {
        "rl-paper": {"rewards": [{"name": "paper"}]},
        "rl-textual": {"rewards": GROUNDED},
        "rl-iou": {"rewards": [{"name": "iou"}]},
        "rl-shuffled": {"rewards": GROUNDED, "shuffled": True},
    },
}
"""What of its recipe makes an arm."""
SFT = ("sft-prompts", "sft-time")
Seeds: TypeAlias = Mapping[int, LoadedRun]
"""The runs of an arm by its seeds; nano itself has 0."""
SAME_PROMPTS_AS = "rl-textual"


def main() -> None:
    """Train, evaluate, compare."""
    options = _options()
    arms = {f"{arm}-{seed}": (arm, seed) for seed in range(1, options.seeds + 1) for arm in options.arms}
    if not options.table:
        prepare(options)
        later = [arm for arm in arms.values() if arm[0] == "sft-prompts"]
        everywhere(options, "trained", (_trained(options, *arm) for arm in arms.values() if arm not in later))
        everywhere(options, "trained", (_trained(options, *arm) for arm in later))
        biased = _biased(options) if options.task == "gres" else {}
        models = {"start-0": nano_folder(), **biased} | {name: options.out / name / "model" for name in arms}
        everywhere(options, "evaluated", (_evaluated(options, *item) for item in models.items()))
    write_results(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("out", type=Path, help="results folder")
    parser.add_argument("--task", choices=list(RL), default="gres")
    parser.add_argument("--arms", nargs="+", choices=[*SFT, *RL["gres"]], help="all of the task by default")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=150, help="of each training")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--expressions", type=int, default=2000, help="of the held-out split")
    parser.add_argument("--prompts", type=int, default=2000, help="to learn from")
    parser.add_argument("--prompts-per-step", type=int, default=64, help="of reinforcement learning")
    parser.add_argument("--learning-rate", type=float, default=2e-5, help="of reinforcement learning")
    parser.add_argument("--sft-learning-rate", type=float, default=1e-4)
    parser.add_argument("--kl", type=float, default=0.01)
    parser.add_argument("--batch-size", type=int, default=64, help="of the evaluation")
    parser.add_argument("--table", action="store_true", help="only sum up what there is")
    parser.add_argument("--metric", help="whose differences the table has; by default the primary one's")
    options = parser.parse_args()
    options.arms = options.arms or [*SFT, *RL[options.task]]
    return options


def everywhere(options: argparse.Namespace, done: str, jobs: Iterable[Callable[[], str]]) -> None:
    """Run jobs at once, as many as there are processes; say of each when it ends, and what failed."""
    begin = time.monotonic()
    with ThreadPoolExecutor(options.processes) as pool:
        for said in pool.map(lambda job: job(), jobs):
            print(f"{time.monotonic() - begin:6.1f} s  {done}: {said}", flush=True)


def bench(folder: Path, *arguments: Any) -> float:
    """Call samtok-bench in a process of its own, with its output in `folder`/output.txt; seconds it took."""
    folder.mkdir(parents=True, exist_ok=True)
    program = "from samtok_bench.cli.main import main; main()"
    alone = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    begin = time.monotonic()
    with (folder / "output.txt").open("a") as output:
        subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdout=output, stderr=output, env={**os.environ, **alone}, check=True,
        )  # fmt: skip
    return time.monotonic() - begin


# data


def prepare(options: argparse.Namespace) -> None:
    """Write data of mini's kind: pictures to learn from and held-out ones, each a root with a split val."""
    for name, expressions in (("learned", options.prompts), ("held-out", options.expressions)):
        root = options.out / "data" / name
        if root.is_dir():
            continue
        begin, count = time.monotonic(), max(expressions * 2 // 5, 1)
        with ProcessPoolExecutor(options.processes) as pool:
            drawn = [pool.submit(_draw, name, start, count, expressions) for start in range(0, count, CHUNK)]
            pictures = [picture for chunk in drawn for picture in chunk.result()]
        part = root.with_name(f"{name}.part")
        for benchmark in ("gres", "gcg"):
            write_files(part, benchmarks()[benchmark].files(pictures))
        write_files(
            part, {f"{IMAGE_FOLDER}/{picture.file_name}": picture.scene.image for picture in pictures}
        )
        part.rename(root)
        print(f"{time.monotonic() - begin:6.1f} s  drawn: {len(pictures)} pictures {name}", flush=True)


def _draw(name: str, start: int, images: int, expressions: int) -> list[MiniPicture]:
    """The pictures of a chunk, whose share of the expressions is that of its pictures."""
    count = min(CHUNK, images - start)
    shares = [expressions * k // images for k in (start, start + count)]
    plan = SplitPlan(FIRST_SEEDS[name] + 1000 * start, count, shares[1] - shares[0])
    drawn = pictures_of("val", {"val": plan})
    return [replace(picture, image_id=start + number) for number, picture in enumerate(drawn, 1)]


# trainings


def _trained(options: argparse.Namespace, arm: str, seed: int) -> Callable[[], str]:
    folder = options.out / f"{arm}-{seed}"

    def job() -> str:
        if (folder / "model").is_dir():
            return f"{folder.name} (before)"
        kind, recipe = _recipe(options, arm, seed)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        shutil.rmtree(folder / "training", ignore_errors=True)  # of a kill: equal time for all
        try:
            seconds = bench(folder, "train", kind, folder / "recipe.yaml", "--out", folder / "training")
        except subprocess.CalledProcessError as error:
            return f"{folder.name} FAILED with {error.returncode}, see {folder}/output.txt"
        final = folder / "training" / "final"
        final.rename(folder / "model")
        shutil.copy(folder / "training" / "log.jsonl", folder)
        shutil.rmtree(folder / "training")
        return f"{folder.name} in {seconds:.0f} s, {steps_of(folder)} steps"

    return job


def steps_of(folder: Path) -> int:
    """The last step of a training."""
    return int(log_of(folder)[-1]["step"])


def log_of(folder: Path) -> list[dict[str, Any]]:
    """The lines of a training's log."""
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def _recipe(options: argparse.Namespace, arm: str, seed: int) -> tuple[str, dict[str, Any]]:
    """The command and the recipe of an arm."""
    root = str((options.out / "data" / "learned").resolve())
    common = {
        "seed": seed,
        "data": {
            "source": "samtok_tasks.training.tasks:tasks",
            "options": {"tasks": {options.task: 1}, "data_root": root, "split": "val"},
        },
        "schedule": "constant_with_warmup", "warmup_steps": 2, "weight_decay": 0.0, "save_every": 10**6,
        "log_every": 2,
    }  # fmt: skip
    if arm in RL[options.task]:
        return "rl", {
            **common, "start": "nano", "prompts": options.prompts, "steps": 10**5, "seconds": options.seconds,
            "prompts_per_step": options.prompts_per_step, "answers": ANSWERS,
            "max_new_tokens": TOKENS[options.task], "kl": options.kl,
            "learning_rate": options.learning_rate, "frozen": ["model.visual"],
            **RL[options.task][arm],
        }  # fmt: skip
    # an image has 2.5 expressions
    images, until = 32, 10**5
    if arm == "sft-prompts":
        images = options.prompts_per_step * 2 // 5 if options.task == "gres" else options.prompts_per_step
        until = steps_of(options.out / f"{SAME_PROMPTS_AS}-{seed}")
    pictures = options.prompts * 2 // 5
    return "sft", {
        **common, "start": {"checkpoint": "nano"}, "codes": "nano",
        "stages": [{"until": until, "images": images, "pool": pictures}],
        "learning_rate": options.sft_learning_rate, "seconds": options.seconds,
    }  # fmt: skip


# evaluations


def _biased(options: argparse.Namespace) -> dict[str, Path]:
    """nano with each bias on the first token of a refusal, by the names of their runs."""
    tokenizer = json.loads((nano_folder() / "vlm" / "tokenizer.json").read_text())

    first = (
        Tokenizer.from_str(json.dumps(tokenizer)).encode(NO_TARGET_ANSWER, add_special_tokens=False).ids[0]
    )
    models = {}
    for bias in BIASES:
        name = f"bias{bias:+g}-0"
        folder = models[name] = options.out / name / "model"
        if folder.is_dir():
            continue
        shutil.copytree(nano_folder(), folder)
        config = folder / "vlm" / "generation_config.json"
        content = json.loads(config.read_text()) | {"sequence_bias": [[[first], bias]]}
        config.write_text(json.dumps(content))
    return models


def _evaluated(options: argparse.Namespace, name: str, model: Path) -> Callable[[], str]:
    folder = options.out / name

    def job() -> str:
        if not model.is_dir():
            return f"{name}: no model"
        if (folder / "run" / "summary.json").is_file():
            return f"{name} (before)"
        try:
            seconds = bench(
                folder, "run", "--task", options.task, "--model", model, "--no-ceiling", "--split", "val",
                "--data-root", options.out / "data" / "held-out", "--batch-size", options.batch_size,
                "--out", folder / "run",
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            return f"{name} FAILED with {error.returncode}, see {folder}/output.txt"
        return f"{name} in {seconds:.0f} s"

    return job


# results


def write_results(options: argparse.Namespace) -> None:
    """Write results.json, table.md and the archives."""
    runs = {
        folder.name: open_run(folder / "run")
        for folder in sorted(options.out.iterdir())
        if (folder / "run" / "summary.json").is_file()
    }
    results = [_result(options, name, run) for name, run in runs.items()]
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    table = _table(options, runs)
    (options.out / "table.md").write_text(table)
    print(table)
    with tarfile.open(options.out / "runs.tar.gz", "w:gz") as archive:
        for name in runs:
            for file in ("recipe.yaml", "log.jsonl", "output.txt", "run"):
                if (path := options.out / name / file).exists():
                    archive.add(path, f"{name}/{file}", filter=_without_pictures)
    models = {name: options.out / name / "model" / "vlm" for name in runs}
    trained = [result for result in results if result["steps"] and models[_name(result)].is_dir()]
    if trained:
        best = _name(max(trained, key=lambda result: result["metrics"][result["primary"]]))
        with tarfile.open(options.out / "best.tar.gz", "w:gz") as archive:
            archive.add(models[best], f"{best}/vlm")


def _name(result: Mapping[str, Any]) -> str:
    return f"{result['arm']}-{result['seed']}"


def _without_pictures(found: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if found.name.endswith(".png") else found


def _result(options: argparse.Namespace, name: str, run: LoadedRun) -> dict[str, Any]:
    arm, _, seed = name.rpartition("-")
    logged = log_of(options.out / name) if (options.out / name / "log.jsonl").is_file() else []
    return {
        "arm": arm, "seed": int(seed), "task": options.task, "primary": run.summary.primary,
        "samples": run.summary.samples, "images": run.summary.clusters,
        "metrics": {metric.id: metric.value for metric in run.summary.metrics},
        "steps": logged[-1]["step"] if logged else 0, "seconds": options.seconds if logged else 0,
        "first_logged": logged[0] if logged else None, "last_logged": logged[-2] if len(logged) > 1 else None,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine(),
        "torch": torch.__version__,
    }  # fmt: skip


def _table(options: argparse.Namespace, runs: Mapping[str, LoadedRun]) -> str:
    """Means over seeds, and differences from nano and from both supervised arms, as Markdown."""
    arms: dict[str, dict[int, LoadedRun]] = {}
    for name, run in runs.items():
        arm, _, seed = name.rpartition("-")
        arms.setdefault(arm, {})[int(seed)] = run
    if "start" not in arms:
        return "no run of nano itself\n"
    (start,) = arms["start"].values()
    infos = from_scores(start.task.metrics)
    known = [info.id for info in infos]
    if options.metric and options.metric not in known:
        raise SystemExit(f"no metric {options.metric}; there are {', '.join(known)}")
    primary = options.metric or start.summary.primary
    primary = primary if primary in known else infos[0].id
    shown = [info for info in infos if info.direction != "none"]
    against = [arm for arm in ("start", *SFT) if arm in arms]
    lines = [
        f"| arm | seeds | steps | {' | '.join(info.display for info in shown)} | "
        + " | ".join(f"{primary} - {arm}" for arm in against)
        + " |",
        "|---" * (3 + len(shown) + len(against)) + "|",
    ]
    for arm, found in arms.items():
        means = [np.mean([metric_of(run, info.id) for run in found.values()]) for info in shown]
        folders = [options.out / f"{arm}-{seed}" for seed in found]
        steps = [steps_of(folder) for folder in folders if (folder / "log.jsonl").is_file()]
        cells = [arm, str(len(found)), f"{np.mean(steps):.0f}" if steps else ""]
        cells += [f"{100 * mean:.1f}" for mean in means]
        cells += [_difference(arms[other], found, primary) if other != arm else "" for other in against]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, *_above_the_curve(arms), ""])


def metric_of(run: LoadedRun, metric: str) -> float:
    """A metric of a run's summary; nan if it is undefined."""
    value = next(found.value for found in run.summary.metrics if found.id == metric)
    return np.nan if value is None else value


def _difference(first: Seeds, second: Seeds, metric: str) -> str:
    """The difference with its interval, paired by sample and clustered by image.

    Runs of equal seeds are compared; what has no seed, as nano itself, with all of the other's.
    """
    same = sorted(first.keys() & second.keys())
    pairs = [(first[seed], second[seed]) for seed in same] or [*product(first.values(), second.values())]
    before, after, clusters = [], [], []
    for a, b in pairs:
        ids = sorted(a.lines.keys() & b.lines.keys())
        before += scores_of({id: a.lines[id] for id in ids})
        after += scores_of({id: b.lines[id] for id in ids})
        clusters += clusters_of({id: b.lines[id] for id in ids})
    infos = [info for info in from_scores(pairs[0][1].task.metrics) if info.id == metric]
    found = paired(infos, before, after, clusters)[metric]
    if found.change is None or found.interval is None:
        return "n/a"
    return f"{100 * found.change:+.1f} [{100 * found.interval.low:+.1f}, {100 * found.interval.high:+.1f}]"


def _above_the_curve(arms: Mapping[str, Seeds]) -> list[str]:
    """What an arm has beside nano with the bias that gives it the arm's N-acc."""
    biased = [arm for arm in arms if arm == "start" or arm.startswith("bias")]
    on_curve = [run for arm in biased for run in arms[arm].values()]
    if len(on_curve) < 2:
        return []
    on_curve.sort(key=lambda run: metric_of(run, "n_acc"))
    places, *curves = ([metric_of(run, key) for run in on_curve] for key in ("n_acc", *ON_CURVE))
    lines = [
        "",
        f"| arm | N-acc | {' | '.join(f'{name} | on the bias curve' for name in ON_CURVE.values())} |",
        "|---" * (2 + 2 * len(ON_CURVE)) + "|",
    ]
    for arm, found in arms.items():
        refuses, *own = (
            np.mean([metric_of(run, key) for run in found.values()]) for key in ("n_acc", *ON_CURVE)
        )
        there = [np.interp(refuses, places, curve) for curve in curves]
        cells = [f"{100 * value:.1f}" for pair in zip(own, there, strict=True) for value in pair]
        lines.append(f"| {arm} | {100 * refuses:.1f} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
