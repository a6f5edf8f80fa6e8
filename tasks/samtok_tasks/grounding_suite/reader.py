"""GroundingSuite-Eval: a caption, a box and a mask a record (hustvl/GroundingSuite)."""

import json
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

from samtok_bench.rle import MAX_COORDINATE
from samtok_tasks.formats.files import field, path_below, require_file
from samtok_tasks.formats.region_masks import RegionCollector, RegionData

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


@dataclass(frozen=True)
class GroundingRecord:
    """One line of the file."""

    idx: int
    """Unique in the file."""
    image: Path
    """Where the image must be; it was not opened."""
    class_id: int
    """A key of CLASSES."""
    label: str
    """A short name of what the caption means."""
    caption: str
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels."""
    segmentation: Any = dataclass_field(repr=False)
    """RLE as in the file, unchecked."""


def read_grounding_suite(root: Path) -> tuple[GroundingRecord, ...]:
    """Read all records, in the order of the file; masks are not converted.

    Args:
        root: the data root.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken line or record.
    """
    path = require_file(root / FILE, LAYOUT)
    records: dict[int, GroundingRecord] = {}
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path}: line {number}"
            try:
                content = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{where} is not JSON: {error}") from None
            record = _record(root, content, where)
            if record.idx in records:
                raise ValueError(f"{where}: two records have the idx {record.idx}")
            records[record.idx] = record
    return tuple(records.values())


def read_grounding_suite_regions(root: Path) -> RegionData:
    """The masks of all records, with their kinds.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken line or record.
    """
    found = RegionCollector()
    for record in read_grounding_suite(root):
        where = f"{root / FILE}: idx {record.idx}"
        found.add(where, str(record.idx), record.image, None, record.segmentation, KINDS[record.class_id])
    return found.data()


def _record(root: Path, content: Any, where: str) -> GroundingRecord:
    class_id = field(content, "class_id", int, where)
    if class_id not in CLASSES:
        raise ValueError(f"{where}: 'class_id' must be one of {', '.join(map(str, CLASSES))}, got {class_id}")
    return GroundingRecord(
        idx=field(content, "idx", int, where),
        image=root / path_below(content, "image_path", where),
        class_id=class_id,
        label=field(content, "label", str, where),
        caption=field(content, "caption", str, where),
        box=_box(content, where),
        segmentation=field(content, "segmentation", object, where),
    )


def _box(content: Any, where: str) -> tuple[float, float, float, float]:
    box = field(content, "box", list, where)
    numbers = [v for v in box if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(box) != 4 or len(numbers) != 4 or not all(abs(v) <= MAX_COORDINATE for v in numbers):
        raise ValueError(f"{where}: 'box' must be four numbers x0, y0, x1, y1, got {box!r}")
    x0, y0, x1, y1 = map(float, numbers)
    return x0, y0, x1, y1
