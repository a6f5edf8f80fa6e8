"""Ferret-Bench, referring description: a box an image; for the judge context, question and GPT-4's answer.

apple/ml-ferret's files in the folders of Haochen-Wang409/Grasp-Any-Region, which has the boxes as rectangles.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.region_captions import CaptionCollector, CaptionRegions
from samtok_tasks.formats.region_masks import find_images

PART = "refer_desc"
LAYOUT = (
    "Expected below the data root: annotations/box_refer_caption.json and COCO's val2017 images in "
    "annotations/coco/val2017/ or val2017/, for judging also ferret_gpt4_data/rule.json and "
    f"ferret_gpt4_data/{PART}/{{question,context,answer}}.jsonl, as in evaluation/Ferret-Bench of "
    "github.com/Haochen-Wang409/Grasp-Any-Region."
)


@dataclass(frozen=True)
class FerretReview:
    """What the judge is told about an item, the answer aside."""

    context: str
    """Objects, relations and captions of the image, as text."""
    question: str
    """With the box as four numbers of 0 to 1."""
    reference: str
    """GPT-4's answer, which the judge scores too."""
    rule: str
    """The instruction."""
    role: str
    """What the two answers' authors are called."""


def read_ferret_bench(root: Path) -> CaptionRegions:
    """Read the boxes. Keys are question ids; images are opened for their size. References are GPT-4's answers
    where the files for judging are there.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = require_file(root / "annotations" / "box_refer_caption.json", LAYOUT)
    records = read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list of records, got {type(records).__name__}")
    answers = root / "ferret_gpt4_data" / PART / "answer.jsonl"
    references = {key: text for key, _, text in _lines(answers)} if answers.is_file() else {}
    found = CaptionCollector()
    for place, record in enumerate(records):
        where = f"{path}: record {place}"
        key = str(field(record, "question_id", int, where))
        name = path_below(record, "image", where)
        folder = find_images([root / "annotations" / "coco" / "val2017", root / "val2017"], name)
        annotation = field(record, "annotation", dict, where)
        found.add(
            where,
            key,
            folder / name,
            None,
            field(annotation, "segmentation", list, where),
            question=field(record, "text", str, where),
            reference=references.get(key, ""),
        )
    return found.regions()


def read_ferret_reviews(root: Path) -> dict[str, FerretReview]:
    """What the judge is told, by question id. Contexts belong to images, as the official script reads them.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    folder = root / "ferret_gpt4_data"
    rules = require_file(folder / "rule.json", LAYOUT)
    rule = field(read_json(rules), PART, dict, str(rules))
    questions, contexts, answers = (
        _lines(folder / PART / f"{name}.jsonl") for name in ("question", "context", "answer")
    )
    by_image = {image: text for _, image, text in contexts}
    by_question = {key: text for key, _, text in answers}
    reviews = {}
    for key, image, text in questions:
        if image not in by_image or key not in by_question:
            where = folder / PART / "question.jsonl"
            raise ValueError(f"{where}: question {key} has no context or no answer in the files beside")
        reviews[key] = FerretReview(
            by_image[image],
            text,
            by_question[key],
            field(rule, "prompt", str, f"{rules}: {PART}"),
            field(rule, "role", str, f"{rules}: {PART}"),
        )
    return reviews


def _lines(path: Path) -> list[tuple[str, str, str]]:
    """Question id, image and text of each line."""
    found = []
    for number, line in enumerate(require_file(path, LAYOUT).read_bytes().splitlines(), start=1):
        where = f"{path}: line {number}"
        try:
            record: Any = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{where} is not JSON: {error}") from None
        key = str(field(record, "question_id", int, where))
        found.append((key, field(record, "image", str, where), field(record, "text", str, where)))
    return found
