"""GroundingSuite-Eval: each record a caption, a box and a mask (hustvl/GroundingSuite)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from samtok_tasks.formats.annotated_masks import AnnotatedMasks
from samtok_tasks.formats.files import Coordinate, PathBelow, Record, read_lines, require_file

FILE = "GroundingSuite-Eval.jsonl"
LAYOUT = (
    f"Expected below the data root: {FILE} (github.com/hustvl/GroundingSuite, "
    "huggingface.co/datasets/hustvl/GSEval) and COCO's unlabeled2017 images in unlabeled2017/ "
    "(images.cocodataset.org/zips/unlabeled2017.zip)."
)
CLASSES = {1: "stuff", 2: "part", 3: "multi", 4: "single"}
"""What a class_id means. The counts of these classes reproduce the column All of the published tables."""
KINDS = {1: "stuff", 2: "part", 3: "group", 4: "object"}
"""The kind of region of a class_id."""


class GroundingRecord(Record):
    """One line of the file."""

    idx: int
    """Unique in the file."""
    image_path: PathBelow
    """Below the data root."""
    class_id: Literal[1, 2, 3, 4]
    """A key of CLASSES."""
    label: str
    """A short name of what the caption means."""
    caption: str
    box: Annotated[list[Coordinate], Field(min_length=4, max_length=4)]
    """x0, y0, x1, y1 in pixels."""
    segmentation: Any = Field(repr=False)
    """RLE as in the file, unchecked."""


def locate_grounding_suite(root: Path) -> Path:
    """The file, unread."""
    return require_file(root / FILE, LAYOUT)


def read_grounding_suite(root: Path) -> dict[int, GroundingRecord]:
    """Read all records, by idx in the order of the file; masks are not converted."""
    records: dict[int, GroundingRecord] = {}
    for where, record in read_lines(locate_grounding_suite(root), GroundingRecord):
        if record.idx in records:
            raise ValueError(f"{where}: two records have the idx {record.idx}")
        records[record.idx] = record
    return records


def grounding_suite_masks(root: Path, records: Iterable[GroundingRecord]) -> AnnotatedMasks:
    """The masks of records with their kinds; the key of a mask is the idx."""
    found = AnnotatedMasks()
    for record in records:
        where = f"{root / FILE}: idx {record.idx}"
        image = root / record.image_path
        found.add(where, str(record.idx), image, None, record.segmentation, KINDS[record.class_id])
    return found
