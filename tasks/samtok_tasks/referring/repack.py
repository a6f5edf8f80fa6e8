"""RefCOCO, RefCOCO+ and RefCOCOg as SAMTok's released scripts read them.

`refcoco_val.json` and its like are JSON lines made by PaDT from refer's files, one line a sentence, without
the objects that are too small for its patches: they have fewer lines than refer has sentences. The second
list, of the same sentences by other hands, is VLM-R1's.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.formats.coco import MAX_SIDE
from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.refer import IMAGE_FOLDERS, image_folder

FOLDER = "RefCOCO"
SECOND_FOLDER = f"{FOLDER}/rec_jsons_processed"
LAYOUT = (
    f"Expected below the data root: {FOLDER}/{{name}}.json (huggingface.co/datasets/PaDT-MLLM/RefCOCO) and "
    f"COCO's train2014 images in {IMAGE_FOLDERS[0]} or {IMAGE_FOLDERS[1]} "
    "(images.cocodataset.org/zips/train2014.zip); for the figures over VLM-R1's list also "
    f"{SECOND_FOLDER}/ (rec_jsons_processed.zip of huggingface.co/datasets/omlab/VLM-R1)."
)


@dataclass(frozen=True)
class RepackedSentence:
    """One line of the file."""

    line: int
    """From 1."""
    image: Path
    """Where the image must be; it was not opened."""
    label: str
    """The sentence, unchanged."""
    mask: RLE


@dataclass(frozen=True)
class Repack:
    """A split, in the order of the file."""

    sentences: tuple[RepackedSentence, ...]
    dropped: Counter[str]
    """What was left out: "further objects" of a line, of which the first alone is asked for."""


def image_number(name: str) -> str:
    """The number at the end of COCO's file names, `COCO_train2014_000000000009.jpg` is `9`."""
    return Path(name).stem.rsplit("_", 1)[-1].lstrip("0")


def repack_file(root: Path, dataset: str, split: str) -> Path:
    """The file of a split.

    Raises:
        FileNotFoundError: with the layout and where to get it.
        ValueError: the split is no plain name.
    """
    name = f"{dataset}_{split}"
    if Path(name).name != name:
        raise ValueError(f"a split is a plain name, got {split!r}")
    return require_file(root / FOLDER / f"{name}.json", LAYOUT.format(name=name))


def read_repack(root: Path, dataset: str, split: str) -> Repack:
    """Read a split; images are not opened.

    Args:
        root: the data root, see LAYOUT.
        dataset: refcoco, refcoco+ or refcocog.
        split: as in the file's name.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken line or record.
    """
    path = repack_file(root, dataset, split)
    folder = image_folder(root)
    sentences: list[RepackedSentence] = []
    dropped: Counter[str] = Counter()
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path}: line {number}"
            try:
                content = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{where} is not JSON: {error}") from None
            objects = field(content, "objects", list, where)
            if not objects:
                raise ValueError(f"{where}: 'objects' is empty")
            dropped["further objects"] += len(objects) - 1
            image = folder / path_below(content, "image", where)
            label, mask = field(objects[0], "label", str, where), _mask(objects[0], where)
            sentences.append(RepackedSentence(number, image, label, mask))
    return Repack(tuple(sentences), +dropped)


def read_second_list(root: Path, dataset: str, split: str) -> tuple[tuple[str, str], ...] | None:
    """VLM-R1's expressions of a split, each the image's number and the sentence; None if there is no list.

    Raises:
        ValueError: a broken file or record.
    """
    short = dataset.replace("+", "p")
    path = root / SECOND_FOLDER / f"{short}_{split}.json"
    if not path.is_file():
        return None
    records = read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list of records, got {type(records).__name__}")
    found = []
    for place, record in enumerate(records):
        where = f"{path}: record {place}"
        name = path_below(record, "image", where)
        found.append((image_number(name), field(record, "normal_caption", str, where)))
    return tuple(found)


def _mask(item: Any, where: str) -> RLE:
    segmentation = field(item, "rle", dict, where)
    size = field(segmentation, "size", list, where)
    if len(size) != 2 or not all(type(side) is int and 0 < side <= MAX_SIDE for side in size):
        raise ValueError(f"{where}: 'size' must be [height, width] of 1 to {MAX_SIDE} pixels, got {size!r}")
    try:
        return rle.from_segmentation(segmentation, *size)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
