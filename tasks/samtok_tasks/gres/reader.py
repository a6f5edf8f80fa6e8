"""gRefCOCO: sentences that mean one object, several or none (henghuiding/ReLA, henghuiding/gRefCOCO)."""

from pathlib import Path
from typing import Any

from samtok_tasks.formats.coco import read_instances
from samtok_tasks.formats.files import field, read_json, require_file
from samtok_tasks.formats.pickles import read_plain_pickle
from samtok_tasks.formats.refer import IMAGE_FOLDERS, ReferringData, collect

LAYOUT = (
    "Expected below the data root: grefcoco/grefs(unc).json (or .p), grefcoco/instances.json (from "
    f"huggingface.co/datasets/FudanCVL/gRefCOCO) and COCO's train2014 images in {IMAGE_FOLDERS[1]} "
    "(images.cocodataset.org/zips/train2014.zip)."
)
NO_TARGET = -1


def read_grefcoco(root: Path) -> ReferringData:
    """Read gRefCOCO with all its splits; images are not opened.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    refs, annotations = locate_grefcoco(root)
    instances = read_instances(annotations)
    records = read_plain_pickle(refs) if refs.suffix == ".p" else read_json(refs)
    return collect(root, "gRefCOCO", refs, records, instances, _objects)


def locate_grefcoco(root: Path) -> tuple[Path, Path]:
    """The files of the references and of the annotations, unread.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
    """
    folder = root / "grefcoco"
    pickled = folder / "grefs(unc).p"
    refs = pickled if pickled.is_file() else require_file(folder / "grefs(unc).json", LAYOUT)
    return refs, require_file(folder / "instances.json", LAYOUT)


def _objects(record: Any, where: str) -> tuple[int, ...]:
    """The annotation ids of a reference: [-1] stands for none."""
    named = record.get("ann_id") if isinstance(record, dict) else None
    ids = [named] if isinstance(named, int) else field(record, "ann_id", list, where)
    if not ids or not all(isinstance(one, int) and not isinstance(one, bool) for one in ids):
        raise ValueError(f"{where}: 'ann_id' must list whole numbers, got {ids!r}")
    none = ids == [NO_TARGET]
    if not none and NO_TARGET in ids:
        raise ValueError(f"{where}: 'ann_id' {ids} says both that there is a target and that there is none")
    if "no_target" in record and field(record, "no_target", bool, where) != none:
        raise ValueError(f"{where}: 'no_target' is {record['no_target']} but 'ann_id' is {ids}")
    return () if none else tuple(dict.fromkeys(ids))
