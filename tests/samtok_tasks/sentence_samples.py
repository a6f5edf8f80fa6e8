"""Three sentences about two boxes: in refer's files, in SAMTok's repack of them, and in VLM-R1's list."""

import json
import pickle
from pathlib import Path

from samtok_bench import rle

NAME = "COCO_train2014_000000000042.jpg"
BOX, OTHER = [0, 0, 20, 10], [50, 50, 20, 10]
SENTENCES = [(1, BOX, "the left box"), (1, BOX, "box on left "), (2, OTHER, "the left box")]


def polygon(x, y, w, h) -> list[list[float]]:
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]


def mask(x, y, w, h) -> rle.RLE:
    return rle.rectangle(x, y, x + w, y + h, 100, 200)


def write_root(root: Path) -> Path:
    """refer's files of all three data sets, the repack of RefCOCO, and the list."""
    annotations = [
        {"id": id, "image_id": 42, "category_id": 1, "iscrowd": 0, "segmentation": polygon(*box)}
        for id, box in ((1, BOX), (2, OTHER))
    ]
    image = {"id": 42, "file_name": NAME, "height": 100, "width": 200}
    refs = [
        {
            "ref_id": id,
            "ann_id": id,
            "image_id": 42,
            "split": "val",
            "sentences": [
                {"sent_id": n, "raw": text.upper(), "sent": text}
                for n, (owner, _, text) in enumerate(SENTENCES)
                if owner == id
            ],
        }
        for id in (1, 2)
    ]
    for name, by in (("refcoco", "unc"), ("refcoco", "google"), ("refcoco+", "unc"), ("refcocog", "umd")):
        folder = root / name
        folder.mkdir(exist_ok=True)
        (folder / "instances.json").write_text(json.dumps({"images": [image], "annotations": annotations}))
        (folder / f"refs({by}).p").write_bytes(pickle.dumps(refs[:1] if by == "google" else refs, 2))
    (root / "RefCOCO" / "rec_jsons_processed").mkdir(parents=True)
    lines = [
        {"id": 42, "image": NAME, "objects": [{"rle": dict(mask(*box)), "label": text}]}
        for _, box, text in SENTENCES
    ]
    write_lines(root, lines)
    (root / "RefCOCO" / "rec_jsons_processed" / "refcoco_val.json").write_text(json.dumps(SECOND))
    return root


SECOND = [
    {"image": f"coco/train2014/{NAME}", "normal_caption": text}
    for text in ("the left box", "the left box", "box on left ", "a zebra")
]


def write_lines(root: Path, lines: list[object], name: str = "refcoco_val") -> Path:
    path = root / "RefCOCO" / f"{name}.json"
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    return path
