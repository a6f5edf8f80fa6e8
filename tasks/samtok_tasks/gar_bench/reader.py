"""GAR-Bench: questions about several masks of an image (Haochen-Wang409/Grasp-Any-Region)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, model_validator

from samtok_bench.images import image_size
from samtok_tasks.formats.annotated_masks import AnnotatedMasks
from samtok_tasks.formats.files import PathBelow, Record, read_list, require_file
from samtok_tasks.multiple_choice import LETTERS

QUESTIONS = "VQA"
PARTS = (QUESTIONS, "Caption-Simple", "Caption-Detailed")
"""The parts of the benchmark, each a file."""
LAYOUT = (
    f"Expected below the data root: {', '.join(f'GAR-Bench-{part}.json' for part in PARTS)} and the folder "
    "images/, as in evaluation/GAR-Bench/annotations of github.com/Haochen-Wang409/Grasp-Any-Region."
)
PLACE = re.compile(r"<Prompt(\d+)>")
"""Where a text has a region; the group is its place among the masks."""


def _one_line(text: str) -> str:
    if "\n" in text:
        raise ValueError("has more than one line")
    return text


OneLine = Annotated[str, AfterValidator(_one_line)]


class GarRegions(Record):
    """What the records of all parts have."""

    image: PathBelow
    mask_rles: list[Any]
    """RLE as in the file, unchecked."""


class GarQuestion(GarRegions):
    """A record of the questions. Question and choices name masks, see PLACE."""

    question: OneLine
    choices: list[OneLine]
    """Each begins with its letter and a point."""
    answer: str
    """The letter of the right one, in either case."""
    type: str
    """The kind of question."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        letters = LETTERS[: len(self.choices)]
        if len(letters) < 2 or [choice[:2] for choice in self.choices] != [f"{name}." for name in letters]:
            raise ValueError(f"choices must be 2 to {len(LETTERS)} texts that begin with A., B., ...")
        if self.answer.upper() not in tuple(letters):
            raise ValueError(f"answer must be one of {', '.join(letters)}, got {self.answer!r}")
        named = [int(place) for text in (self.question, *self.choices) for place in PLACE.findall(text)]
        if not self.mask_rles or max(named, default=0) >= len(self.mask_rles):
            raise ValueError(f"a region is named that is not among the {len(self.mask_rles)} masks")
        return self


def locate_gar_bench(root: Path, part: str) -> Path:
    """The file of a part, unread."""
    return require_file(root / f"GAR-Bench-{part}.json", LAYOUT)


def read_gar_bench_questions(root: Path) -> Iterator[tuple[str, GarQuestion]]:
    """The questions in the order of the file, each with its place for messages; images are not opened."""
    return read_list(locate_gar_bench(root, QUESTIONS), GarQuestion)


def read_gar_bench_regions(root: Path, split: str) -> AnnotatedMasks:
    """The masks of all records.

    Args:
        root: the data root.
        split: one of PARTS, or "all".

    An image is opened for its size where a mask states none.
    """
    masks = AnnotatedMasks()
    for part in PARTS if split == "all" else (split,):
        for place, (where, record) in enumerate(read_list(locate_gar_bench(root, part), GarRegions)):
            for number, segmentation in enumerate(record.mask_rles):
                key = f"{part}/{place}/{number}"
                _collect(masks, f"{where}: mask {number}", key, root / record.image, segmentation)
    return masks


def _collect(masks: AnnotatedMasks, where: str, key: str, image: Path, segmentation: Any) -> None:
    if isinstance(segmentation, dict) and "size" not in segmentation:
        try:
            segmentation = {**segmentation, "size": list(image_size(image))}
        except ValueError as error:
            masks.dropped.lose("masks without a readable image", where, str(error))
            return
    masks.add(where, key, image, None, segmentation)
