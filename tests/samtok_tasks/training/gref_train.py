"""gRefCOCO with six images of the train split, a square and a cat that is not there on each."""

from pathlib import Path

import numpy as np
from PIL import Image
from refer_samples import box, grefcoco, ref

NUMBERS = range(1, 7)


def file_name(number: int) -> str:
    return f"COCO_train2014_{number:012d}.jpg"


def write(root: Path, missing: int | None = None) -> Path:
    """The files below `root`, where the image of one number may be missing."""
    images = [{"id": k, "file_name": file_name(k), "height": 8, "width": 10} for k in NUMBERS]
    annotations = [box(10 * k, k, k, 2) for k in NUMBERS]
    refs = [ref(k, [10 * k], k, "train", f"square {k}", f"thing {k}") for k in NUMBERS]
    refs += [ref(10 + k, [-1], k, "train", f"cat {k}") for k in NUMBERS]
    grefcoco(root, refs, {"images": images, "annotations": annotations})
    folder = root / "images" / "train2014"
    folder.mkdir(parents=True)
    for k in NUMBERS:
        if k != missing:
            pixels = np.random.default_rng(k).integers(0, 256, (8, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / file_name(k))
    return root
