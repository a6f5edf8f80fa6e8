"""The data formats of mask reconstruction: any data set that annotates masks will do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_tasks.formats.annotated_masks import AnnotatedMasks
from samtok_tasks.formats.files import require_split
from samtok_tasks.gar_bench.reader import PARTS, locate_gar_bench, read_gar_bench_regions
from samtok_tasks.grounding_suite.reader import (
    grounding_suite_masks,
    locate_grounding_suite,
    read_grounding_suite,
)
from samtok_tasks.reconstruction.instances import (
    locate_coco,
    locate_entityseg,
    locate_lvis,
    read_coco,
    read_entityseg,
    read_lvis,
)
from samtok_tasks.reconstruction.panoptic import locate_panoptic, read_panoptic
from samtok_tasks.reconstruction.png_pairs import locate_png_pairs, read_png_pairs
from samtok_tasks.reconstruction.sa1b import locate_sa1b, read_sa1b


@dataclass(frozen=True)
class DataFormat:
    """How the masks of a data set are read. Both functions take the data root and a split."""

    locate: Callable[[Path, str], Any]
    """Looks for the files without reading them."""
    read: Callable[[Path, str], AnnotatedMasks]
    """Raises ValueError for a broken file or record; a mask that cannot be used is counted instead."""
    splits: tuple[str, ...] = ("all",)
    """The usual ones, the default first."""
    has_other_splits: bool = False
    """Whether any other name will do too: that of the file or the folder."""


DATA_FORMATS: dict[str, DataFormat] = {
    "coco": DataFormat(locate_coco, read_coco, ("val2017", "train2017"), True),
    "lvis": DataFormat(locate_lvis, read_lvis, ("val", "train"), True),
    "panoptic": DataFormat(locate_panoptic, read_panoptic, ("val2017", "train2017"), True),
    "sa1b": DataFormat(locate_sa1b, read_sa1b, has_other_splits=True),
    "entityseg": DataFormat(locate_entityseg, read_entityseg, ("val", "train"), True),
    "png": DataFormat(locate_png_pairs, read_png_pairs),
    "grounding-suite": DataFormat(
        lambda root, split: locate_grounding_suite(root),
        lambda root, split: grounding_suite_masks(root, read_grounding_suite(root).values()),
    ),
    "gar-bench": DataFormat(
        lambda root, split: locate_gar_bench(root, PARTS[0]), read_gar_bench_regions, ("all", *PARTS)
    ),
}


def data_format(name: str) -> DataFormat:
    """A data format by name; ValueError for an unknown one."""
    if name not in DATA_FORMATS:
        raise ValueError(f"unknown data format {name!r}; there are {', '.join(DATA_FORMATS)}")
    return DATA_FORMATS[name]


def read_masks(name: str, root: Path, split: str) -> AnnotatedMasks:
    """Read the masks of a split.

    Args:
        name: a key of DATA_FORMATS; ValueError for another.
        root: the data root; for coco and entityseg also an annotation file.
        split: see `DataFormat`; ValueError for an unknown one.
    """
    known = data_format(name)
    if not known.has_other_splits:
        require_split(name, split, known.splits)
    if not split or split in (".", "..") or Path(split).name != split:
        raise ValueError(f"a split is a plain name, got {split!r}")
    return known.read(root, split)
