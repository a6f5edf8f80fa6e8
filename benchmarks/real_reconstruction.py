"""How well a mask tokenizer keeps real masks on photographs: GAR-Bench's masks through two words and back.

IoU of each mask with what its words decode to, at the image's own size, in float32 on the CPU; mean and
median over masks, all together and by the share of the image that the mask covers. Every mask of the three
official files (GAR-Bench-VQA.json, GAR-Bench-Caption-Simple.json, GAR-Bench-Caption-Detailed.json of
Haochen-Wang409/Grasp-Any-Region) counts once; empty ones have no words and are reported apart.

    python benchmarks/real_reconstruction.py --data DIR [--model nano] [--json]
"""

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from transformers.utils import logging

from samtok import SAMTok
from samtok.images import open_image
from samtok.locate import tokenizer_folder
from samtok_bench import provenance
from samtok_bench.metrics import rle
from samtok_bench.metrics.rle import RLE
from samtok_bench.predictors.samtok import weights_hash
from samtok_bench.tables import percent, text_table

FILES = ("GAR-Bench-VQA.json", "GAR-Bench-Caption-Simple.json", "GAR-Bench-Caption-Detailed.json")
LIMITS = (0.002, 0.005, 0.01, 0.03, 0.1)
"""Between the classes of area, shares of the image; a mask on a limit is in the upper class."""
CLASSES = ("< 0.2 %", "0.2 to 0.5 %", "0.5 to 1 %", "1 to 3 %", "3 to 10 %", "> 10 %")


def main() -> None:
    """Print the table, or with --json one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the three files and images/")
    parser.add_argument("--model", default="nano", help="nano, a tokenizer folder, or a hub id")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    logging.disable_progress_bar()
    try:
        report = measure(options.data, options.model)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(json.dumps(report) if options.json else table(report))


def measure(data: Path, model: str) -> dict[str, Any]:
    """All figures, IoU and area shares 0 to 1, with what they come from.

    Raises:
        OSError: a file is missing.
        ValueError: a malformed record, with its place.
    """
    paths: dict[Path, None] = {}
    rows: list[tuple[float, float]] = []  # share of the image, IoU
    empty = 0
    tokenizer = SAMTok.from_pretrained(model)
    for path, image, masks in read(data):
        paths[path] = None
        kept = [mask for mask in masks if not rle.is_empty(mask)]
        empty += len(masks) - len(kept)
        if not kept:
            continue
        embedding = tokenizer.embed(image)
        codes = tokenizer.encode(embedding, np.stack([rle.decode(mask) for mask in kept]))
        for mask, back in zip(kept, tokenizer.decode(embedding, codes).numpy(), strict=True):
            inter, union = rle.intersection_union(mask, rle.encode(back))
            rows.append((rle.area(mask) / (image.width * image.height), inter / union))
    classes = np.digitize([share for share, _ in rows], LIMITS)
    by_area = {
        name: figures([iou for (_, iou), its in zip(rows, classes, strict=True) if its == index])
        for index, name in enumerate(CLASSES)
    }
    commit, dirty = provenance.git_state()
    return {
        "model": model,
        "images": len(paths),
        "empty": empty,
        "all": figures([iou for _, iou in rows]),
        "by_area": by_area,
        "weights": weights_hash(tokenizer_folder(model)),
        "data": provenance.file_hash([*(data / name for name in FILES), *paths]),
        "git_commit": commit,
        "git_dirty": dirty,
        "packages": provenance.package_versions(),
        "machine": provenance.machine(),
        "command": shlex.join(["python", *sys.argv]),
    }


def read(data: Path) -> Iterator[tuple[Path, Image.Image, list[RLE]]]:
    """Each record's image and its masks, in the order of the files; errors as `measure`."""
    for name in FILES:
        for number, record in enumerate(json.loads((data / name).read_text())):
            try:
                path = data / record["image"]
                image = open_image(path)
                masks = [
                    rle.from_segmentation(mask, image.height, image.width) for mask in record["mask_rles"]
                ]
            except KeyError as error:
                raise ValueError(f"{data / name}, record {number}: no field {error}") from None
            except ValueError as error:
                raise ValueError(f"{data / name}, record {number}: {error}") from None
            yield path, image, masks


def figures(ious: list[float]) -> dict[str, float | int | None]:
    """Number of masks, their mean and median IoU; None without masks."""
    return {
        "masks": len(ious),
        "mean": statistics.fmean(ious) if ious else None,
        "median": statistics.median(ious) if ious else None,
    }


def table(report: dict[str, Any]) -> str:
    """The figures, IoU 0 to 100, and where they come from."""
    rows = [
        [name, str(part["masks"]), percent(part["mean"]), percent(part["median"])]
        for name, part in {**report["by_area"], "all": report["all"]}.items()
    ]
    changed = " with changes" if report["git_dirty"] else ""
    return "\n".join(
        [
            f"{report['model']} on {report['all']['masks']} masks of {report['images']} images"
            f" ({report['empty']} empty masks left out)",
            "",
            text_table(["share of the image", "masks", "mean IoU", "median IoU"], rows, right=(1, 2, 3)),
            "",
            f"command  {report['command']}",
            f"commit   {report['git_commit'] or 'not in a git checkout'}{changed}",
            f"data     {report['data']}",
            f"weights  {report['weights']}",
        ]
    )


if __name__ == "__main__":
    main()
