"""Ferret-Bench, referring description: a box per image; for the judge context, question and GPT-4's answer.

apple/ml-ferret's files in the folders of Haochen-Wang409/Grasp-Any-Region, which has the boxes as rectangles.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_tasks.captioning.review import ReviewRule, read_rule
from samtok_tasks.formats.files import PathBelow, Record, read_lines, read_list, require_file
from samtok_tasks.formats.images import find_images
from samtok_tasks.formats.region_captions import CaptionRegions

FILE = "annotations/box_refer_caption.json"
PART = "refer_desc"
JUDGING = "ferret_gpt4_data"
QUESTIONS, CONTEXTS, ANSWERS = (
    f"{JUDGING}/{PART}/{name}.jsonl" for name in ("question", "context", "answer")
)
LAYOUT = (
    f"Expected below the data root: {FILE} and COCO's val2017 images in annotations/coco/val2017/ or "
    f"val2017/, for judging also {JUDGING}/rule.json and {JUDGING}/{PART}/{{question,context,answer}}.jsonl, "
    "as in evaluation/Ferret-Bench of github.com/Haochen-Wang409/Grasp-Any-Region."
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
    rule: ReviewRule


class _Box(Record):
    segmentation: list[Any]


class _Item(Record):
    question_id: int
    image: PathBelow
    text: str
    annotation: _Box


class _Text(Record):
    question_id: int
    image: str
    text: str


def read_ferret_bench(root: Path) -> CaptionRegions:
    """Read the boxes. Keys are question ids; images are opened for their size. References are GPT-4's answers
    where the files for judging are there.
    """
    references = {}
    if (root / ANSWERS).is_file():
        references = {text.question_id: text.text for text in _texts(root / ANSWERS)}
    found = CaptionRegions()
    for where, item in read_list(require_file(root / FILE, LAYOUT), _Item):
        folder = find_images([root / "annotations" / "coco" / "val2017", root / "val2017"], item.image)
        found.add(
            where,
            str(item.question_id),
            folder / item.image,
            None,
            item.annotation.segmentation,
            question=item.text,
            reference=references.get(item.question_id),
        )
    return found


def read_ferret_reviews(root: Path) -> dict[str, FerretReview]:
    """What the judge is told by question id. Contexts belong to images, as the official script reads them."""
    rule = read_rule(root / JUDGING / "rule.json", PART, LAYOUT)
    questions, contexts, answers = (_texts(root / name) for name in (QUESTIONS, CONTEXTS, ANSWERS))
    by_image = {text.image: text.text for text in contexts}
    by_question = {text.question_id: text.text for text in answers}
    reviews = {}
    for question in questions:
        key = question.question_id
        if question.image not in by_image or key not in by_question:
            raise ValueError(
                f"{root / QUESTIONS}: question {key} has no context or no answer in the files beside"
            )
        reviews[str(key)] = FerretReview(by_image[question.image], question.text, by_question[key], rule)
    return reviews


def _texts(path: Path) -> list[_Text]:
    return [text for _, text in read_lines(require_file(path, LAYOUT), _Text)]
