"""A tiny PSG: two test images, one train image, one without relations."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from region_samples import IDS, write_png, write_text

HEIGHT, WIDTH = IDS.shape


def record(number: int, relations: list[list[int]]) -> dict[str, Any]:
    return {
        "file_name": f"train2017/{number:012d}.jpg",
        "pan_seg_file_name": f"panoptic_train2017/{number:012d}.png",
        "height": HEIGHT,
        "width": WIDTH,
        "image_id": f"2{number}",
        "coco_image_id": str(number),
        "segments_info": [
            {"id": 1, "category_id": 0, "iscrowd": 0, "isthing": 1, "area": 8},
            {"id": 2, "category_id": 1, "iscrowd": 1, "isthing": 1, "area": 1},
            {"id": 300, "category_id": 2, "iscrowd": 0, "isthing": 0, "area": 6},
        ],
        "annotations": [{"bbox": [0, 0, 1, 1], "bbox_mode": 0, "category_id": k} for k in range(3)],
        "relations": relations,
    }


PSG: dict[str, Any] = {
    "data": [
        record(7, [[0, 2, 1], [2, 0, 0], [0, 2, 1], [0, 2, 0]]),
        record(8, []),
        record(9, [[1, 0, 0]]),
        record(10, [[0, 1, 1]]),
    ],
    "thing_classes": ["person", "horse"],
    "stuff_classes": ["sky-other-merged"],
    "predicate_classes": ["over", "on back of"],
    "test_image_ids": ["27", "28", "210"],
}


def psg(root: Path, content: Any = PSG, ids: NDArray[Any] = IDS, folder: str = "coco") -> Path:
    write_text(root / "psg/psg.json", content)
    colours = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
    for number in (7, 8, 9, 10):
        write_png(root / folder / f"panoptic_train2017/{number:012d}.png", colours)
    return root
