"""GAR-Bench: questions about several masks of an image (Haochen-Wang409/Grasp-Any-Region)."""

from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.region_masks import RegionCollector, RegionData, image_size

PARTS = {
    "VQA": ("question", "answer", "type"),
    "Caption-Simple": ("question", "answer"),
    "Caption-Detailed": ("subject_name", "object_name", "predicate_name"),
}
"""The parts of the benchmark, with the text fields of their records."""
LAYOUT = (
    f"Expected below the data root: {', '.join(f'GAR-Bench-{part}.json' for part in PARTS)} and the folder "
    "images/, as in evaluation/GAR-Bench/annotations of github.com/Haochen-Wang409/Grasp-Any-Region."
)


@dataclass(frozen=True)
class GarRecord:
    """One record. Texts name its masks <Prompt0>, <Prompt1>, ... in the order of `masks`."""

    part: str
    """A key of PARTS."""
    place: int
    """In the file, from 0."""
    image: Path
    """Where the image must be; it was not opened."""
    masks: tuple[Any, ...] = dataclass_field(repr=False)
    """RLE as in the file, unchecked."""
    question: str | None = None
    """VQA and Caption-Simple."""
    choices: tuple[str, ...] = ()
    """VQA: each begins with its letter."""
    answer: str | None = None
    """VQA: a letter; Caption-Simple: a sentence."""
    type: str | None = None
    """VQA: the kind of question."""
    subject_name: str | None = None
    """Caption-Detailed: what the first mask is."""
    object_name: str | None = None
    """Caption-Detailed: what the second mask is."""
    predicate_name: str | None = None
    """Caption-Detailed: the relation of the first to the second."""


def read_gar_bench(root: Path, part: str) -> tuple[GarRecord, ...]:
    """Read one part, in the order of its file; masks are not converted.

    Args:
        root: the data root.
        part: a key of PARTS.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: an unknown part, or a broken file or record.
    """
    if part not in PARTS:
        raise ValueError(f"unknown part {part!r} of GAR-Bench; there are {', '.join(PARTS)}")
    path = require_file(root / f"GAR-Bench-{part}.json", LAYOUT)
    records = read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list of records, got {type(records).__name__}")
    return tuple(
        _record(root, part, place, record, f"{path}: record {place}") for place, record in enumerate(records)
    )


def read_gar_bench_regions(root: Path, split: str) -> RegionData:
    """The masks of all records.

    Args:
        root: the data root.
        split: a key of PARTS, or "all".

    An image is opened for its size where a mask states none.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: an unknown split, or a broken file or record.
    """
    found = RegionCollector()
    for part in PARTS if split == "all" else [split]:
        for record in read_gar_bench(root, part):
            for number, segmentation in enumerate(record.masks):
                key = f"{part}/{record.place}/{number}"
                where = f"{root / f'GAR-Bench-{part}.json'}: record {record.place}: mask {number}"
                _collect(found, where, key, record.image, segmentation)
    return found.data()


def _collect(found: RegionCollector, where: str, key: str, image: Path, segmentation: Any) -> None:
    if isinstance(segmentation, dict) and "size" not in segmentation:
        try:
            segmentation = {**segmentation, "size": list(image_size(image))}
        except ValueError as error:
            found.drop("masks without a readable image", where, str(error))
            return
    found.add(where, key, image, None, segmentation)


def _record(root: Path, part: str, place: int, content: Any, where: str) -> GarRecord:
    texts = {name: field(content, name, str, where) for name in PARTS[part]}
    choices = field(content, "choices", list, where) if part == "VQA" else []
    if not all(isinstance(choice, str) for choice in choices):
        raise ValueError(f"{where}: 'choices' must list texts, got {choices!r}")
    return GarRecord(
        part=part,
        place=place,
        image=root / path_below(content, "image", where),
        masks=tuple(field(content, "mask_rles", list, where)),
        choices=tuple(choices),
        **texts,
    )
