"""What cgF1 costs: a subset of SA-Co/Gold's size is read, scored and summed up, without a model.

The files are made up: as many pairs and masks as the official subset metaclip has (33,057 pairs, 20,144 masks
of each annotator, five pairs an image), rectangles on images of 640 x 480. The answer is annotator a's.

    python benchmarks/saco.py [--pairs 33057] [--masks 20144]
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from timing import tell

from samtok_bench import metric, rle, statistics
from samtok_bench.sample import Prediction
from samtok_tasks.saco_gold.reader import GOLD
from samtok_tasks.saco_gold.task import SACoGold

SUBSET = "metaclip"
HEIGHT, WIDTH = 480, 640
PAIRS_AN_IMAGE = 5


def main() -> None:
    """Print the processor time of each step."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=33_057)
    parser.add_argument("--masks", type=int, default=20_144)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, options.pairs, options.masks)
        tell({f"{step} {options.pairs} pairs": {"seconds": s} for step, s in steps(root).items()})


def write(root: Path, pairs: int, masks: int) -> None:
    """The files of three annotators who differ by some pixels; half of the pairs are without an instance."""
    rng = np.random.default_rng(0)
    (root / GOLD.folder).mkdir()
    owners = np.sort(rng.integers(0, (pairs + 1) // 2, masks)) * 2 + 1
    corners = rng.integers(0, 200, (masks, 2))
    for name in GOLD.files[SUBSET]:
        images = [
            {
                "id": number,
                "text_input": f"the thing {number}",
                "file_name": f"{number // PAIRS_AN_IMAGE}.jpg",
                "width": WIDTH,
                "height": HEIGHT,
                "is_instance_exhaustive": 1,
            }
            for number in range(1, pairs + 1)
        ]
        annotations: list[dict[str, Any]] = []
        for owner, (x, y) in zip(owners.tolist(), corners.tolist(), strict=True):
            width, height = rng.integers(60, 80, 2).tolist()
            mask = rle.rectangle(x, y, x + width, y + height, HEIGHT, WIDTH)
            about = {"id": len(annotations), "image_id": owner, "category_id": 1, "iscrowd": 0}
            annotations.append({**about, "segmentation": dict(mask)})
        content = {"images": images, "annotations": annotations, "categories": []}
        (root / GOLD.folder / name).write_text(json.dumps(content))


def steps(root: Path) -> dict[str, float]:
    """Seconds of processor time of each step."""
    task, seconds = SACoGold(), {}
    began = time.process_time()
    samples = task.samples(root, SUBSET).samples
    seconds["read"] = time.process_time() - began
    began = time.process_time()
    scores = [task.score(sample, Prediction(masks=sample.target.masks)) for sample in samples]
    clusters = [sample.cluster for sample in samples]
    metric.values(task.metrics, scores, clusters)
    seconds["score"] = time.process_time() - began
    began = time.process_time()
    statistics.intervals(task.metrics, metric.columns_of(task.metrics, scores), clusters)
    seconds["intervals of 10,000 draws over"] = time.process_time() - began
    return seconds


if __name__ == "__main__":
    main()
