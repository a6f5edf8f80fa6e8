"""A small data root of SegLLM's form: rectangles on two images, two dialogues."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from PIL import Image

from samtok_bench import rle

WORDS = "<|mt_start|><|mt_0001|><|mt_0300|><|mt_end|>"
SAMPLED = "mr_refcoco_val_sampled.json"
RECTANGLES = {
    11: (1, [10, 10, 20, 10]),
    12: (1, [50, 10, 20, 10]),
    13: (1, [50, 15, 20, 5]),
    14: (1, [0, 0, 120, 4]),
    21: (2, [0, 0, 10, 20]),
    22: (2, [20, 0, 10, 20]),
}
"""By annotation id: the image, and x, y, width, height in pixels."""
SIZES = {1: (80, 120), 2: (40, 60)}
"""Height and width by image."""
NAMES = {1: "COCO_train2014_000000000001.jpg", 2: "COCO_train2014_000000000002.jpg"}
A, B = (f"coco/train2014/{name}" for name in NAMES.values())

DIALOGUES: list[dict[str, Any]] = [
    {
        "task": "segmentation",
        "conversations": [
            {"from": "human", "value": f"[IMAGE256:{A}] Segment a box."},
            {"from": "gpt", "value": f"[MASK-DECODE:none:none:11:{A}:refcoco]."},
            {
                "from": "human",
                "value": f"[MASK-ENCODE:{A}|refcoco|11][BOX-ENCODE:{A}|refcoco|11] Segment the box right of"
                " instance 1.",
                "ind": 1,
            },
            {"from": "gpt", "value": f"[MASK-DECODE:relational:11:12:{A}:refcoco]."},
            {
                "from": "human",
                "value": f"What is below [MASK-ENCODE:{A}|refcoco|12][BOX-ENCODE:{A}|refcoco|12] and right "
                f"of [MASK-ENCODE:{A}|refcoco|11][BOX-ENCODE:{A}|refcoco|11]?",
                "ind": [2, 1],
            },
            {"from": "gpt", "value": f"It is [MASK-DECODE:relational:12:11:13:{A}:refcoco]."},
        ],
    },
    {
        "conversations": [
            {
                "from": "human",
                "value": f"[IMAGE256:{B}][MASK-ENCODE:{B}|refcoco|21] Segment the other one [of two].",
            },
            {"from": "gpt", "value": f"[MASK-DECODE:{B}|refcoco|22]"},
        ]
    },
]


def instances() -> dict[str, Any]:
    annotations = [
        {"id": id, "image_id": image, "category_id": 1, "iscrowd": 0, "segmentation": [polygon(*box)]}
        for id, (image, box) in RECTANGLES.items()
    ]
    images = [
        {"id": id, "file_name": NAMES[id], "height": height, "width": width}
        for id, (height, width) in SIZES.items()
    ]
    return {"images": images, "annotations": annotations}


def polygon(x: int, y: int, width: int, height: int) -> list[int]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def write_root(
    folder: Path, dialogues: Any = None, content: Any = None, name: str = "mr_refcoco_val.json"
) -> Path:
    base = folder / "segllm"
    files = {
        f"conversations_folder/all_data_mix_val/{name}": DIALOGUES if dialogues is None else dialogues,
        "annotations_folder/refcoco/instances.json": instances() if content is None else content,
    }
    for path, value in files.items():
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(json.dumps(value))
    return folder


def rectangle(id: int) -> rle.RLE:
    image, (x, y, width, height) = RECTANGLES[id]
    return rle.rectangle(x, y, x + width, y + height, *SIZES[image])


def ready_rounds() -> dict[str, Any]:
    first = [{"from": "human", "value": "<image>\n Segment a box."}]
    later = [
        *first,
        {"from": "gpt", "value": f"{WORDS}."},
        {"from": "human", "value": f"{WORDS} Segment the box right of instance 1."},
    ]
    image = f"data/coco/train2014/{Path(A).name}"
    return {
        "2": [
            {"image": image, "history": later, "target_masks": [rectangle(12), rectangle(13)], "answer": ""}
        ],
        "1": [{"image": image, "history": first, "target_masks": [[polygon(*RECTANGLES[11][1])]]}],
        "3": [],
    }


def write_rounds(folder: Path, content: Any) -> Path:
    write_root(folder, content, name=SAMPLED)
    images = folder / "images" / "train2014"
    images.mkdir(parents=True, exist_ok=True)
    height, width = SIZES[1]
    Image.new("RGB", (width, height)).save(images / Path(A).name)
    return folder


TAGS = st.lists(
    st.sampled_from(
        [
            "[MASK-DECODE:",
            "[MASK-ENCODE:",
            "[IMAGE256:",
            "[BOX-ENCODE:",
            A,
            "|",
            "|refcoco|",
            ":",
            "11",
            "]",
            "[",
        ]
    ),
    max_size=9,
).map("".join)
TAGGED_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | TAGS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "from"]), inner)
    ),
    max_leaves=6,
)
"""Any JSON value; texts have pieces of tags."""
