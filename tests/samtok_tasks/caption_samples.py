"""A tiny data set of each judged caption benchmark."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from samtok_bench import rle
from samtok_tasks.formats.region_captions import CaptionRegions

HEIGHT, WIDTH = 300, 400


def packed(x0: int, y0: int, x1: int, y1: int) -> dict[str, Any]:
    """The RLE of a rectangle."""
    return dict(rle.rectangle(x0, y0, x1, y1, HEIGHT, WIDTH))


SMALL, LARGE = packed(100, 80, 160, 120), packed(10, 10, 390, 290)
DLC_QUESTIONS = [
    {
        "question": "Which is applicable?",
        "choices": [["Not mentioned.", 0], ["Grey.", 1], ["Red.", -1], ["Of no colour.", 0.5]],
        "type": "positive",
    },
    {
        "question": "Which is applicable?",
        "choices": [["Boats are not mentioned.", 1], ["Boats are mentioned.", -1]],
        "type": "negative",
        "subtype": "salient negative",
    },
]
IMAGE = {"id": 1, "file_name": "a.jpg", "height": HEIGHT, "width": WIDTH}
DLC: dict[str, Any] = {
    "annotations/annotations.json": {
        "images": [IMAGE],
        "annotations": [
            {"id": 11, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": SMALL},
            {"id": 12, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": LARGE},
        ],
    },
    "annotations/class_names.json": {"11": "apple", "12": "scissors"},
    "annotations/qa.json": {"11": DLC_QUESTIONS, "12": DLC_QUESTIONS},
}
REPACK: dict[str, Any] = {
    "DLC-bench.json": [
        {
            "image_name": "a.jpg",
            "mask_samples": [
                {"segmentation": SMALL, "class_name": "apple"},
                {"segmentation": LARGE, "class_name": "scissors"},
            ],
        }
    ]
}
_QUESTION = "What is happening in the region <region> and around?"
FERRET: dict[str, Any] = {
    "annotations/box_refer_caption.json": [
        {
            "question_id": number,
            "image": "a.jpg",
            "category": "description",
            "text": text,
            "annotation": {
                "bbox": [100, 80, 60, 40],
                "segmentation": [[100, 80, 160, 80, 160, 120, 100, 120]],
            },
        }
        for number, text in ((4, _QUESTION), (7, "What is it?"))
    ],
    "ferret_gpt4_data/rule.json": {"refer_desc": {"role": "Assistant", "prompt": "Please rate."}},
    "ferret_gpt4_data/refer_desc/question.jsonl": [
        {"question_id": number, "image": "a.jpg", "text": f"What is at [0.250, {number}]?"}
        for number in (4, 7)
    ],
    "ferret_gpt4_data/refer_desc/context.jsonl": [{"question_id": 4, "image": "a.jpg", "text": "A scene."}],
    "ferret_gpt4_data/refer_desc/answer.jsonl": [
        {"question_id": number, "image": "a.jpg", "text": f"Reference {number}."} for number in (4, 7)
    ],
}
MDVP: dict[str, Any] = {
    "annotations/mdvp_caption_mask.json": [
        {
            "image_path": "web/images/a.jpg",
            "mask_rle": SMALL,
            "dataset_name": "web_detailed_caption_box",
            "question": "Describe the marked region.",
            "caption": "A button.",
        },
        {
            "image_path": "web/images/a.jpg",
            "mask_rle": LARGE,
            "dataset_name": "ocr_doc_detailed_caption_box",
            "question": "Describe the marked region.",
            "caption": "A page.",
        },
    ],
    "annotations/rule.json": {"box": {"role": "Assistant", "prompt": "Please rate."}},
}
VIDEOREFER: dict[str, Any] = {
    "VideoRefer-Bench-D.json": [
        {
            "id": 0,
            "video": "rL_0:01:09.633_0:01:14.333.mp4",
            "caption": "A lion rests.",
            "frame_idx": "36",
            "annotation": [{"2": {"segmentation": LARGE}, "36": {"segmentation": SMALL}}],
        }
    ],
    "system.txt": "Score the four dimensions.",
}
ROOTS = {"dlc": DLC, "repack": REPACK, "ferret": FERRET, "mdvp": MDVP, "videorefer": VIDEOREFER}
IMAGES = {
    "dlc": "images/a.jpg",
    "repack": "images/a.jpg",
    "ferret": "annotations/coco/val2017/a.jpg",
    "mdvp": "data/web/images/a.jpg",
    "videorefer": "frames/rL_0:01:09.633_0:01:14.333/36.jpg",
}


def regions_shown(data: CaptionRegions) -> list[tuple[str, int, str, str]]:
    """Of each region the key, the area, the reference and the group."""
    return [(region.key, rle.area(region.mask), region.reference, region.group) for region in data.regions]


def write(root: Path, name: str, files: dict[str, Any] | None = None) -> Path:
    """Write a data set's files and its one image below a folder."""
    for path, content in (files or ROOTS[name]).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".jsonl"):
            text = "".join(f"{json.dumps(line)}\n" for line in content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
        (root / path).write_text(text)
    image = root / IMAGES[name]
    image.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(image)
    return root
