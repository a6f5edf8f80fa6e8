"""A tiny data set of each format of masks, and the tools to change and write it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samtok_bench import rle
from samtok_tasks.formats.annotated_masks import AnnotatedMasks

HEIGHT, WIDTH = 4, 6


def box(x0: int, y0: int, x1: int, y1: int) -> NDArray[np.bool_]:
    """The mask of x0 <= x < x1, y0 <= y < y1 in the image of all samples."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def polygon(x0: int, y0: int, x1: int, y1: int) -> list[int]:
    """The outline of such a box."""
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def packed(mask: NDArray[Any]) -> dict[str, Any]:
    """Compressed RLE, as a JSON file holds it."""
    return dict(rle.encode(mask))


def unpacked(mask: NDArray[Any]) -> dict[str, Any]:
    """RLE with a list of counts."""
    return {"size": list(mask.shape), "counts": rle.run_lengths(rle.encode(mask)).tolist()}


LEFT, RIGHT, RING = box(0, 0, 2, 4), box(3, 1, 6, 3), box(1, 0, 5, 4) & ~box(2, 1, 4, 3)
EMPTY = np.zeros((HEIGHT, WIDTH), dtype=bool)

COCO: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "000000000007.jpg", "height": HEIGHT, "width": WIDTH},
        {"id": 8, "file_name": "000000000008.jpg", "height": HEIGHT, "width": WIDTH},
    ],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": [polygon(0, 0, 2, 4)]},
        {"id": 2, "image_id": 8, "category_id": 2, "iscrowd": 0, "segmentation": packed(RIGHT)},
        {"id": 3, "image_id": 7, "category_id": 3, "segmentation": unpacked(RING)},
    ],
    "categories": [
        {"id": 1, "name": "cat", "supercategory": "animal"},
        {"id": 2, "name": "part", "supercategory": "region"},
        {"id": 3, "name": "dog"},
    ],
}

LVIS: dict[str, Any] = {
    "images": [
        {
            "id": image["id"],
            "coco_url": f"http://images.cocodataset.org/{folder}/{image['file_name']}",
            "height": HEIGHT,
            "width": WIDTH,
        }
        for image, folder in zip(COCO["images"], ("val2017", "train2017"), strict=True)
    ],
    "annotations": COCO["annotations"],
    "categories": [{"id": 1, "name": "cat", "synset": "cat.n.01"}],
}

ENTITY_LIST: list[Any] = [
    {"image_file": "entity_01/a.png", "segmentation": [polygon(0, 0, 2, 4), polygon(3, 1, 6, 3)]},
    {"image_file": "entity_01/b.jpg", "segmentation": packed(RING)},
]

# 1 left, 2 a crowd, 300 the right, 0 void
PANOPTIC: dict[str, Any] = {
    "images": COCO["images"][:1],
    "annotations": [
        {
            "image_id": 7,
            "file_name": "000000000007.png",
            "segments_info": [
                {"id": 1, "category_id": 1, "iscrowd": 0},
                {"id": 2, "category_id": 1, "iscrowd": 1},
                {"id": 300, "category_id": 2, "iscrowd": 0},
            ],
        }
    ],
    "categories": [{"id": 1, "name": "cat", "isthing": 1}, {"id": 2, "name": "sky", "isthing": 0}],
}
IDS = LEFT * 1 + box(2, 0, 3, 1) * 2 + RIGHT * 300

SA1B: dict[str, Any] = {
    "image": {"image_id": 5, "file_name": "sa_5.jpg", "height": HEIGHT, "width": WIDTH},
    "annotations": [
        {"id": 50, "segmentation": packed(LEFT), "area": 8},
        {"id": 51, "segmentation": packed(RING), "area": 12},
    ],
}

GROUNDING: list[Any] = [
    {
        "idx": idx,
        "image_path": f"unlabeled2017/{idx}.jpg",
        "class_id": class_id,
        "label": "thing",
        "caption": "A thing.",
        "box": [0.5, 0, 2, 4],
        "segmentation": packed(mask),
    }
    for idx, class_id, mask in ((0, 1, LEFT), (3, 2, RIGHT), (2, 3, RING), (1, 4, LEFT | RIGHT))
]

GAR: dict[str, list[Any]] = {
    "VQA": [
        {
            "image": "images/vqa_0.png",
            "mask_rles": [packed(LEFT), packed(RIGHT)],
            "question": "What is <Prompt0>?",
            "choices": ["A. a cat", "B. a dog"],
            "answer": "A",
            "type": "color",
        }
    ],
    "Caption-Simple": [
        {
            "image": "images/simple_0.png",
            "mask_rles": [packed(RING)],
            "question": "Where?",
            "answer": "Beside <Prompt0>.",
        }
    ],
    "Caption-Detailed": [
        {
            "image": "images/detailed_0.png",
            "mask_rles": [packed(LEFT), packed(RIGHT)],
            "subject_name": "cat",
            "object_name": "dog",
            "predicate_name": "beside",
        }
    ],
}


def write_text(path: Path, content: Any) -> Path:
    """JSON, or text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def write_png(path: Path, pixels: NDArray[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_picture(path: Path, height: int = HEIGHT, width: int = WIDTH) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path)
    return path


def coco(root: Path, content: Any = COCO) -> Path:
    write_text(root / "annotations/instances_val2017.json", content)
    return root


def lvis(root: Path, content: Any = LVIS) -> Path:
    write_text(root / "lvis_v1_val.json", content)
    return root


def entityseg(root: Path, content: Any = ENTITY_LIST) -> Path:
    write_text(root / "entityseg_val_lr.json", content)
    write_picture(root / "entity_01/a.png")
    return root


def panoptic(root: Path, content: Any = PANOPTIC, ids: NDArray[Any] = IDS) -> Path:
    write_text(root / "annotations/panoptic_val2017.json", content)
    colours = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
    write_png(root / "annotations/panoptic_val2017/000000000007.png", colours)
    return root


def sa1b(root: Path, content: Any = SA1B) -> Path:
    write_text(root / "sa_5.json", content)
    return root


def grounding(root: Path, content: Any = GROUNDING) -> Path:
    lines = content if isinstance(content, str) else "".join(json.dumps(record) + "\n" for record in content)
    write_text(root / "GroundingSuite-Eval.jsonl", lines)
    return root


def gar(root: Path, content: Any = GAR) -> Path:
    for part, records in content.items():
        write_text(root / f"GAR-Bench-{part}.json", records)
    return root


def shown(data: AnnotatedMasks, root: Path) -> dict[tuple[str, str], tuple[str | None, list[list[int]]]]:
    """Kind and pixels by image and key."""
    return {
        (found.image.relative_to(root).as_posix(), found.key): (
            found.kind,
            rle.decode(found.mask).astype(int).tolist(),
        )
        for found in data.masks
    }


def pixels(mask: NDArray[Any]) -> list[list[int]]:
    """As in `shown`."""
    return mask.astype(int).tolist()
