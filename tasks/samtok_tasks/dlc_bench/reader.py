"""DLC-Bench: objects to be described, and a judge's multiple-choice questions about each description.

The official files (nvidia/DLC-Bench, NVlabs/describe-anything) or the repack that SAMTok's script reads.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_tasks.formats.coco import read_instances
from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.region_captions import CaptionCollector, CaptionRegions
from samtok_tasks.formats.region_masks import find_images

REPACK = "DLC-bench.json"
LAYOUT = (
    "Expected below the data root: annotations/annotations.json, annotations/class_names.json and images/, "
    "for judging also annotations/qa.json (huggingface.co/datasets/nvidia/DLC-Bench; the files may also lie "
    f"in the root itself), or {REPACK} and images/ (huggingface.co/datasets/godx7/DLC-Bench)."
)


@dataclass(frozen=True)
class DLCQuestion:
    """A question of the judge about a description."""

    question: str
    choices: tuple[str, ...]
    scores: tuple[float, ...]
    """What each choice is worth, -1 to 1."""
    positive: bool
    """About something that the description should have; otherwise about something it must not have."""


def read_dlc_bench(root: Path) -> CaptionRegions:
    """Read the objects. Keys are annotation ids, of the repack IMAGE/PLACE; references are class names.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    if not _official(root, "annotations.json").is_file() and (root / REPACK).is_file():
        return _read_repack(root)
    path = require_file(_official(root, "annotations.json"), LAYOUT)
    classes = require_file(_official(root, "class_names.json"), LAYOUT)
    names = read_json(classes)
    instances = read_instances(path)
    shown = next((one.file_name for one in instances.images.values()), None)
    folder = find_images([root / "images", path.parent / "images"], shown)
    found = CaptionCollector()
    for annotation in instances.annotations.values():
        key = str(annotation.id)
        image = instances.images[annotation.image_id]
        found.add(
            f"{path}: annotation {key}",
            key,
            folder / image.file_name,
            (image.height, image.width),
            annotation.segmentation,
            reference=field(names, key, str, str(classes)),
        )
    return found.regions()


def read_dlc_questions(root: Path) -> dict[str, tuple[DLCQuestion, ...]]:
    """The judge's questions by annotation id; every object has positive and negative ones.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = require_file(_official(root, "qa.json"), LAYOUT)
    content = read_json(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a dictionary by annotation id, got {type(content).__name__}")
    questions = {}
    for key in content:
        where = f"{path}: object {key}"
        records = field(content, key, list, str(path))
        asked = tuple(_question(one, f"{where}: question {place}") for place, one in enumerate(records))
        if {one.positive for one in asked} != {True, False}:
            raise ValueError(f"{where}: needs positive and negative questions")
        questions[key] = asked
    return questions


def _official(root: Path, name: str) -> Path:
    below = root / "annotations" / name
    return below if below.is_file() or not (root / name).is_file() else root / name


def _read_repack(root: Path) -> CaptionRegions:
    path = root / REPACK
    records = read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list of images, got {type(records).__name__}")
    found = CaptionCollector()
    for number, record in enumerate(records):
        where = f"{path}: image {number}"
        name = path_below(record, "image_name", where)
        for place, sample in enumerate(field(record, "mask_samples", list, where)):
            here = f"{where}: mask {place}"
            found.add(
                here,
                f"{name}/{place}",
                root / "images" / name,
                None,
                field(sample, "segmentation", object, here),
                reference=field(sample, "class_name", str, here),
            )
    return found.regions()


def _question(record: Any, where: str) -> DLCQuestion:
    kind = field(record, "type", str, where)
    if kind not in ("positive", "negative"):
        raise ValueError(f"{where}: 'type' must be positive or negative, got {kind!r}")
    choices = field(record, "choices", list, where)
    if not 2 <= len(choices) <= 5 or not all(map(_is_choice, choices)):
        raise ValueError(f"{where}: 'choices' must be 2 to 5 pairs of a text and a score of -1 to 1")
    return DLCQuestion(
        field(record, "question", str, where),
        tuple(text for text, _ in choices),
        tuple(float(score) for _, score in choices),
        kind == "positive",
    )


def _is_choice(pair: Any) -> bool:
    if not isinstance(pair, list) or len(pair) != 2:
        return False
    text, score = pair
    return (
        isinstance(text, str)
        and isinstance(score, int | float)
        and not isinstance(score, bool)
        and -1 <= score <= 1
    )
