"""Masks of regions from many official data sets, under one contract: which formats there are."""

from collections.abc import Callable
from pathlib import Path

from samtok_tasks.formats.panoptic import read_panoptic
from samtok_tasks.formats.region_masks import RegionData, RegionMask
from samtok_tasks.gar_bench.reader import PARTS, read_gar_bench_regions
from samtok_tasks.grounding_suite.reader import read_grounding_suite_regions
from samtok_tasks.reconstruction.coco import read_coco, read_entityseg, read_lvis
from samtok_tasks.reconstruction.png_pairs import read_mask_pngs
from samtok_tasks.reconstruction.sa1b import read_sa1b

__all__ = ["FORMATS", "SPLITS", "RegionData", "RegionMask", "read_regions"]

FORMATS: dict[str, Callable[[Path, str], RegionData]] = {
    "coco": read_coco,
    "lvis": read_lvis,
    "panoptic": read_panoptic,
    "sa1b": read_sa1b,
    "entityseg": read_entityseg,
    "png": lambda root, split: read_mask_pngs(root),
    "grounding-suite": lambda root, split: read_grounding_suite_regions(root),
    "gar-bench": read_gar_bench_regions,
}
"""The readers, by the name of the format. Their second argument is the split."""

SPLITS: dict[str, tuple[str, ...]] = {
    "coco": ("val2017", "train2017"),
    "lvis": ("val", "train"),
    "panoptic": ("val2017", "train2017"),
    "sa1b": ("all",),
    "entityseg": ("val", "train"),
    "png": ("all",),
    "grounding-suite": ("all",),
    "gar-bench": ("all", *PARTS),
}
"""The usual splits of each format, the default first. Where files or folders are named after the split, any
other name will do."""

FIXED = ("png", "grounding-suite", "gar-bench")
"""Formats with no other splits than these."""


def read_regions(format: str, root: Path, split: str) -> RegionData:
    """Read the region masks of a data set.

    Args:
        format: a key of FORMATS.
        root: the data root; for coco and entityseg also an annotation file.
        split: see SPLITS.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: an unknown format or split, or a broken file or record. A mask that cannot be used is
            counted in `dropped` instead.
        OSError: a file cannot be read.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; there are {', '.join(FORMATS)}")
    if format in FIXED and split not in SPLITS[format]:
        raise ValueError(f"{format} has no split {split!r}; there are {', '.join(SPLITS[format])}")
    if not split or split in (".", "..") or Path(split).name != split:
        raise ValueError(f"a split is a plain name, got {split!r}")
    return FORMATS[format](root, split)
