"""How the grades of the reward `distance` go with the IoU of the masks that codes decode to.

For each object of some scenes of mini: the codes of the other objects, random ones, ones with another second
code, and near ones, each graded against the object's own codes and decoded.

    python benchmarks/code_distance.py [--model nano] [--scenes 25]

Prints the mean IoU by grade; the last line is one JSON object with Spearman's correlation.
"""

import argparse
import json

import numpy as np
import torch
from scipy import stats

from samtok import SAMTok
from samtok.masks import mask_iou
from samtok.training.rewards import CodeDistance, Codes
from samtok_tasks.mini.writer import SplitPlan, pictures_of

FIRST_SEED = 9_000_000
"""Far from the scenes of mini's splits and of trainings."""
CANDIDATES, RANKS = 3000, (0, 1, 5, 20, 100)
"""Random codes, and which of them by grade are near ones."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--scenes", type=int, default=25)
    options = parser.parse_args()
    tokenizer = SAMTok.from_pretrained(options.model)
    rows = np.array(pairs(tokenizer, CodeDistance.of(tokenizer), options.scenes))  # (N, 2): grade, IoU
    edges = np.linspace(0, 1, 6)
    bins = np.digitize(rows[:, 0], edges[1:-1])
    for low, high, which in zip(edges[:-1], edges[1:], range(len(edges) - 1), strict=True):
        found = rows[bins == which, 1]
        if len(found):
            print(f"grade {low:.1f} to {high:.1f}: mean IoU {found.mean():.2f} of {len(found)} pairs")
    print(json.dumps({"pairs": len(rows), "spearman": stats.spearmanr(rows[:, 0], rows[:, 1]).statistic}))


def pairs(tokenizer: SAMTok, distance: CodeDistance, scenes: int) -> list[tuple[float, float]]:
    """Grade and IoU of pairs of codes of different masks."""
    rng, found = np.random.default_rng(0), []
    for picture in pictures_of("val", {"val": SplitPlan(FIRST_SEED, scenes, scenes)}):
        embedding = tokenizer.embed(picture.scene.image)
        masks = torch.from_numpy(np.stack([item.mask for item in picture.scene.objects]))
        codes: list[Codes] = [
            (first, second) for first, second in tokenizer.encode(embedding, masks).tolist()
        ]
        for own, mask in zip(codes, masks, strict=True):
            others = [other for other in codes if other != own] + near(own, distance, rng)
            others += [(own[0], int(second)) for second in rng.integers(256, size=3)]
            others += [(int(first), int(second)) for first, second in rng.integers(256, size=(3, 2))]
            ious = mask_iou(tokenizer.decode(embedding, np.array(others)), mask.expand(len(others), -1, -1))
            found += [
                (distance.grade(own, other), iou) for other, iou in zip(others, ious.tolist(), strict=True)
            ]
    return found


def near(own: Codes, distance: CodeDistance, rng: np.random.Generator) -> list[Codes]:
    """Codes of high grades."""
    drawn = [(int(first), int(second)) for first, second in rng.integers(256, size=(CANDIDATES, 2))]
    ranked = sorted(drawn, key=lambda codes: -distance.grade(own, codes))
    return [ranked[rank] for rank in RANKS]


if __name__ == "__main__":
    main()
