"""Small files of gRefCOCO and of the refer family: squares on two images, and a crowd."""

import json
import pickle
from pathlib import Path
from typing import Any

from samtok_tasks.formats.refer import ReferringData


def box(number: int, image: int, x: int, y: int, **more: Any) -> dict[str, Any]:
    """An annotation of a 2 x 2 square."""
    polygon = [x, y, x + 2, y, x + 2, y + 2, x, y + 2]
    return {"id": number, "image_id": image, "category_id": 1, "iscrowd": 0, "segmentation": [polygon]} | more


INSTANCES: dict[str, Any] = {
    "images": [
        {"id": 5, "file_name": "COCO_train2014_000000000005.jpg", "height": 8, "width": 10},
        {"id": 6, "file_name": "COCO_train2014_000000000006.jpg", "height": 4, "width": 4},
    ],
    "annotations": [
        box(50, 5, 0, 0),
        box(51, 5, 6, 4),
        box(52, 5, 0, 0, iscrowd=1, segmentation={"size": [8, 10], "counts": [0, 80]}),
        box(60, 6, 1, 1),
    ],
}


def sentence(number: int, raw: str) -> dict[str, Any]:
    return {"sent_id": number, "raw": raw, "sent": raw.lower(), "tokens": raw.lower().split()}


def ref(number: int, ann_id: Any, image: int, split: str, *raws: str) -> dict[str, Any]:
    sentences = [sentence(10 * number + place, raw) for place, raw in enumerate(raws)]
    return {
        "ref_id": number,
        "ann_id": ann_id,
        "category_id": 1,
        "image_id": image,
        "file_name": f"COCO_train2014_{image:012d}_{number}.jpg",
        "split": split,
        "sent_ids": [sentence["sent_id"] for sentence in sentences],
        "sentences": sentences,
    }


GREFS = [
    ref(0, [50, 51], 5, "val", "Both squares", "two things"),
    ref(1, [-1], 5, "val", "A cat") | {"no_target": True},
    ref(2, [60], 6, "testA", "the Square") | {"no_target": False},
    ref(3, [51, 52], 5, "testA", "one and a crowd"),
    ref(4, [52], 5, "testA", "the crowd", "all of them"),
]
REFS = [ref(0, 50, 5, "val", "Left one", "square"), ref(1, 60, 6, "testA", "it")]


def grefcoco(root: Path, refs: Any = GREFS, instances: Any = INSTANCES, *, pickled: bool = False) -> Path:
    folder = root / "grefcoco"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(instances))
    if pickled:
        (folder / "grefs(unc).p").write_bytes(pickle.dumps(refs, 2))
    else:
        (folder / "grefs(unc).json").write_text(json.dumps(refs))
    return root


def refcoco(root: Path, refs: Any = REFS, *, name: str = "refcoco", by: str = "unc") -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "instances.json").write_text(json.dumps(INSTANCES))
    (folder / f"refs({by}).p").write_bytes(pickle.dumps(refs, 2))
    return root


def shown(data: ReferringData) -> list[tuple[int, str, tuple[int, ...]]]:
    return [(said.sent_id, said.raw, said.annotation_ids) for said in data]
