"""largest/SPLIT.jsonl: one line per image, with the mask of its largest object."""

from pathlib import Path

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.formats.files import PathBelow, Record, read_lines, require_file

LAYOUT = "Expected below the data root: largest/val.jsonl."


class _Line(Record):
    image: PathBelow
    height: int
    width: int
    counts: list[int]


def locate_largest(root: Path, split: str) -> Path:
    """The file of a split, unread; FileNotFoundError with the layout."""
    return require_file(root / "largest" / f"{split}.jsonl", LAYOUT)


def read_largest(root: Path, split: str) -> list[tuple[Path, RLE]]:
    """The images with the masks."""
    lines = [line for _, line in read_lines(locate_largest(root, split), _Line)]
    return [(root / line.image, rle.from_runs(line.counts, line.height, line.width)) for line in lines]
