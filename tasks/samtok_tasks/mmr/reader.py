"""MMR's files: questions about an image, each with the objects and parts that it means, in an order.

jdg900/MMR, its README's schema: `MMR_SPLIT.json` is a list of images with `questions`, and for each question
in `answers` a list of annotations with RLE.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import Side, read_mask
from samtok_tasks.formats.files import PathBelow, Record, read_list, require_file
from samtok_tasks.formats.images import find_images

FOLDER = "MMR"
IMAGE_FOLDERS = ("images", "images/mscoco/images")
LAYOUT = (
    f"Expected below the data root: {FOLDER}/MMR_SPLIT.json with val, test_mixed, test_obj_only, "
    "test_part_only or train for SPLIT (the drive that github.com/jdg900/MMR names), and COCO's train2017 "
    f"and val2017 images in {IMAGE_FOLDERS[0]}/ or {IMAGE_FOLDERS[1]}/."
)


class _Answer(Record):
    segmentation: Any = Field(repr=False)


class _Image(Record):
    file_name: PathBelow
    """With the folder, as train2017/000000000009.jpg."""
    height: Side
    width: Side
    questions: list[str]
    answers: list[list[_Answer]]


@dataclass(frozen=True)
class MMRQuestion:
    """One question."""

    image: Path
    place: str
    """IMAGE.QUESTION, their numbers in the file."""
    text: str
    masks: tuple[RLE, ...]
    """In the order of the answer; of the image's size, none empty."""


def locate_mmr(root: Path, split: str) -> Path:
    """The file of a split, unread."""
    return require_file(root / FOLDER / f"MMR_{split}.json", LAYOUT)


def read_mmr(root: Path, split: str) -> tuple[list[MMRQuestion], Dropped]:
    """The questions of a split in the order of the file; images are not opened.

    A question with a broken or an empty mask, or without any, is left out whole.
    """
    path, dropped = locate_mmr(root, split), Dropped()
    listed = list(read_list(path, _Image, "image"))
    first = listed[0][1].file_name if listed else None
    folder = find_images([root / name for name in IMAGE_FOLDERS], first)
    found = []
    for number, (where, image) in enumerate(listed):
        if len(image.questions) != len(image.answers):
            counts = f"{len(image.questions)} questions, {len(image.answers)} answers"
            raise ValueError(f"{where}: {counts}")
        for place, (text, answers) in enumerate(zip(image.questions, image.answers, strict=True)):
            at, size = f"{where}: question {place}", (image.height, image.width)
            try:
                masks = tuple(read_mask(answer.segmentation, size, at, dropped) for answer in answers)
            except ValueError as error:
                dropped.add("questions with a broken mask", str(error))
                continue
            if not masks or any(map(rle.is_empty, masks)):
                dropped.add("questions with an empty mask or none", at)
                continue
            found.append(MMRQuestion(folder / image.file_name, f"{number}.{place}", text.strip(), masks))
    return found, dropped
