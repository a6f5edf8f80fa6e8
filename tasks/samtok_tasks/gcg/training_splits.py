"""Training captions of GranD-f: those annotated by hand, and those made of OpenPSG.

A file is a list of captions, each with its phrases and their masks. Several masks of a phrase are one region,
as in GLaMM's own reader (mbzuai-oryx/groundingLMM, dataset/gcg_datasets/GranDf_gcg_ds.py). The files are at
huggingface.co/datasets/MBZUAI/GranD-f.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.annotated_masks import stated_size
from samtok_tasks.formats.coco import Side, read_mask
from samtok_tasks.formats.files import PathBelow, Record, read_list, require_any
from samtok_tasks.formats.images import find_images
from samtok_tasks.formats.region_captions import EMPTY_REFERENCES
from samtok_tasks.gcg.reader import GroundedCaption

FOLDERS = ("GranDf/annotations/train", "annotations/train")


@dataclass(frozen=True)
class _Place:
    file: str
    images: tuple[str, ...]
    """Folders below the data root, the official one first."""


TRAINING_SPLITS = {
    "train": _Place(
        "GranDf_HA_GCG_train.json",
        ("GranDf_HA_images/train", "images/GranDf_HA_images/train", "images/grandf/train"),
    ),
    "train_openpsg": _Place("OpenPsgGCG_train.json", ("coco", "images/coco2017", "coco_2017")),
}
"""By name where the files are."""


class _Grounding(Record):
    token_positives: Annotated[list[int], Field(min_length=2, max_length=2)]
    """Start and end in the caption, characters."""
    rle_masks: list[Any]


class _Caption(Record):
    file_name: PathBelow
    caption: str
    groundings: dict[str, _Grounding]
    height: Side | None = None
    width: Side | None = None


def read_training_split(root: Path, split: str) -> tuple[list[GroundedCaption], Dropped]:
    """Read a split of TRAINING_SPLITS, in the order of its file.

    Phrases without a pixel are left out and counted, and so are captions without a phrase, whose image has no
    size that is known.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: a broken record.
    """
    place = TRAINING_SPLITS[split]
    layout = (
        f"Expected below the data root: {FOLDERS[0]}/{place.file} "
        f"(huggingface.co/datasets/MBZUAI/GranD-f) and its images in {place.images[0]}/ "
        "(github.com/mbzuai-oryx/groundingLMM, docs/datasets.md)."
    )
    path = require_any([root / folder / place.file for folder in FOLDERS], layout)
    dropped = Dropped()
    captions = list(read_list(path, _Caption))
    first = captions[0][1].file_name if captions else None
    folder = find_images([root / images for images in place.images], first)
    records = []
    for where, caption in captions:
        size = _size(caption)
        if size is None:
            dropped.add("captions without a mask or a size", where)
            continue
        grounded = sorted(caption.groundings.items(), key=lambda item: item[1].token_positives)
        regions: list[tuple[str, RLE]] = []
        for label, grounding in grounded:
            spot = f"{where}, {label!r}"
            region = rle.union([read_mask(mask, size, spot, dropped) for mask in grounding.rle_masks], size)
            if rle.is_empty(region):
                dropped.add("phrases without a mask", spot)
            else:
                regions.append((label, region))
        text = caption.caption.strip('"').strip()
        if not text:
            dropped.keep(EMPTY_REFERENCES, where)
        labels, masks = tuple(label for label, _ in regions), tuple(region for _, region in regions)
        name = Path(caption.file_name).stem
        records.append(GroundedCaption(name, folder / caption.file_name, *size, text, labels, masks))
    return records, dropped


def _size(caption: _Caption) -> tuple[int, int] | None:
    """Height and width, of the first mask or as the record says."""
    masks = (mask for grounding in caption.groundings.values() for mask in grounding.rle_masks)
    if (size := stated_size(next(masks, None))) is not None:
        return size
    return (caption.height, caption.width) if caption.height and caption.width else None
