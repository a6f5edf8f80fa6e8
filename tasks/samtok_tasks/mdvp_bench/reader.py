"""MDVP-Bench as single regions with masks.

The files of Haochen-Wang409/Grasp-Any-Region, after AFeng-x/Draw-and-Understand.
"""

from pathlib import Path
from typing import Any

from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.region_captions import CaptionCollector, CaptionRegions

FILE = "annotations/mdvp_caption_mask.json"
RULES = "annotations/rule.json"
DOMAINS = ("natural", "ocr_doc", "ocr_spotting", "multipanel", "android", "web")
"""A region's `dataset_name` begins with one of these."""
LAYOUT = (
    f"Expected below the data root: {FILE} and images below data/, for judging also {RULES}, as in "
    "evaluation/MDVP-Bench of github.com/Haochen-Wang409/Grasp-Any-Region."
)


def read_mdvp_bench(root: Path) -> CaptionRegions:
    """Read the regions; groups are DOMAINS, references are the captions.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = require_file(root / FILE, LAYOUT)
    records = read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list of records, got {type(records).__name__}")
    found = CaptionCollector()
    for place, record in enumerate(records):
        where = f"{path}: record {place}"
        found.add(
            where,
            str(place),
            root / "data" / path_below(record, "image_path", where),
            None,
            field(record, "mask_rle", object, where),
            question=field(record, "question", str, where),
            reference=field(record, "caption", str, where),
            group=_domain(record, where),
        )
    return found.regions()


def read_mdvp_rule(root: Path) -> tuple[str, str]:
    """The judge's instruction for boxes, and what it calls the two answers' authors.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file.
    """
    path = require_file(root / RULES, LAYOUT)
    rule = field(read_json(path), "box", dict, str(path))
    return field(rule, "prompt", str, str(path)), field(rule, "role", str, str(path))


def _domain(record: Any, where: str) -> str:
    name = field(record, "dataset_name", str, where)
    for domain in DOMAINS:
        if name.startswith(domain):
            return domain
    raise ValueError(f"{where}: 'dataset_name' must begin with one of {', '.join(DOMAINS)}, got {name!r}")
