"""ViP-Bench's files: three questions about one image, and the tool to write them."""

import json
from pathlib import Path

from PIL import Image

HEIGHT, WIDTH = 40, 60
META, SHAPES, MARKED = "vip-bench-meta-data.json", "source_image/a.json", "bbox/questions.jsonl"
FILES = {
    META: {
        "v1_0": {
            "image_source": "a.png",
            "image": "v1_1_0.png",
            "question": "What is x in <obj>?",
            "answer": "0.75<OR>3/4",
            "capability": ["ocr", "math"],
        },
        "v1_1": {
            "image_source": "a.png",
            "image": "v1_1_1.png",
            "question": "Is <obj2> above <obj1>, or <obj1> above <obj2>?",
            "answer": "yes<AND>no",
            "capability": ["rec", "rel"],
        },
        "v1_2": {
            "image_source": "a.png",
            "image": "v1_1_2.png",
            "question": "What is this?",
            "answer": "a page",
            "capability": ["rec"],
        },
    },
    SHAPES: {
        "shapes": [
            {"label": "obj", "points": [[20.0, 15.0], [10.0, 5.0]], "shape_type": "rectangle"},
            {"label": "obj1", "points": [[0, 0], [10, 0], [10, 10], [0, 10]], "shape_type": "polygon"},
            {"label": "obj2", "points": [[30, 20], [40, 30]], "shape_type": "rectangle"},
            {"label": "obj1", "points": [[50, 30], [70, 50]], "shape_type": "rectangle"},
            {"label": "other", "points": [[1, 1]], "shape_type": "point"},
        ],
        "imagePath": "a.png",
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    },
    MARKED: [
        {"question_id": k, "image": f"v1_1_{k}.png", "text": text, "category": "x"}
        for k, text in enumerate(["What is x in the red box?", "Which is above?", "What is this?"])
    ],
}


def write(root: Path, files=FILES, folder="ViP-Bench") -> Path:
    for path, content in files.items():
        place = root / folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        lines = path.endswith(".jsonl") and isinstance(content, list)
        text = "".join(f"{json.dumps(record)}\n" for record in content) if lines else json.dumps(content)
        place.write_text(text)
    Image.new("RGB", (WIDTH, HEIGHT)).save(root / folder / "source_image/a.png")
    return root
