"""What it saves to embed an image once for all of its masks, and what a bootstrap by clusters costs.

Each line is a ratio of two ways to the same result, run in turn in one process:

- round trip of 8 masks of an image, embedded once, against embedding it for every mask (the released scripts
  repeat the image for each mask)
- interval of a mean over 2,000 samples from 10,000 draws, against scipy.stats.bootstrap, which knows no
  clusters

    python benchmarks/speed.py [--model nano] [--rounds 5] [--threads 1]

The last line is one JSON object: {name: {ours_s, theirs_s, ratio}}, medians over the rounds.
"""

import argparse
import json
import statistics as plain
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import stats

from samtok import SAMTok
from samtok_bench import statistics
from samtok_bench.metric import MetricInfo

MASKS, SAMPLES = 8, 2_000
Work = Callable[[], object]


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="nano")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    report = {
        "round trip of 8 masks": compare(*round_trips(options.model), options.rounds),
        "bootstrap of 2,000 samples": compare(*bootstraps(), options.rounds),
    }
    for name, row in report.items():
        print(f"{name}: {row['ratio']:.1f} times as fast ({row['ours_s']:.3f} s, {row['theirs_s']:.3f} s)")
    print(json.dumps(report))


def round_trips(model: str) -> tuple[Work, Work]:
    """Ours and the released way, on a random image."""
    tokenizer = SAMTok.from_pretrained(model)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (192, 192, 3), np.uint8)
    masks = np.zeros((MASKS, 192, 192), bool)
    for mask, (y, x) in zip(masks, rng.integers(0, 120, (MASKS, 2)), strict=True):
        mask[y : y + 60, x : x + 60] = True

    def at_once() -> object:
        embedding = tokenizer.embed(image)
        return tokenizer.decode(embedding, tokenizer.encode(embedding, masks))

    def one_by_one() -> object:
        embeddings = [tokenizer.embed(image) for _ in masks]
        return [
            tokenizer.decode(e, tokenizer.encode(e, mask[None]))
            for e, mask in zip(embeddings, masks, strict=True)
        ]

    return at_once, one_by_one


def bootstraps() -> tuple[Work, Work]:
    """Ours and scipy's, on unclustered samples."""
    xs = np.random.default_rng(0).random(SAMPLES)
    info = MetricInfo("x", 1, "x", "higher", "x", None, "", "")
    scores, clusters = [{"x": float(x)} for x in xs], [str(k) for k in range(SAMPLES)]
    return (
        lambda: statistics.intervals([info], scores, clusters),
        lambda: stats.bootstrap((xs,), np.mean, n_resamples=statistics.RESAMPLES, method="percentile"),
    )


def compare(ours: Work, theirs: Work, rounds: int) -> dict[str, float]:
    """Medians of both, in turn, after a warm-up."""
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for work, seconds in zip((ours, theirs), spent, strict=True):
            began = time.perf_counter()
            work()
            if number:
                seconds.append(time.perf_counter() - began)
    first, second = (plain.median(seconds) for seconds in spent)
    return {"ours_s": first, "theirs_s": second, "ratio": second / first}


if __name__ == "__main__":
    main()
