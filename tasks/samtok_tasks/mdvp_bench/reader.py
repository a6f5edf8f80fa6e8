"""MDVP-Bench as single regions with masks.

The files of Haochen-Wang409/Grasp-Any-Region, after AFeng-x/Draw-and-Understand.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from samtok_tasks.captioning.review import ReviewRule, read_rule
from samtok_tasks.formats.files import PathBelow, Record, parse, read_list, require_file
from samtok_tasks.formats.region_captions import CaptionCollector, CaptionRegions

FILE = "annotations/mdvp_caption_mask.json"
RULES = "annotations/rule.json"
DOMAINS = ("natural", "ocr_doc", "ocr_spotting", "multipanel", "android", "web")
"""A region's `dataset_name` begins with one of these."""
LAYOUT = (
    f"Expected below the data root: {FILE} and images below data/, for judging also {RULES}, as in "
    "evaluation/MDVP-Bench of github.com/Haochen-Wang409/Grasp-Any-Region."
)


def _domain(name: str) -> str:
    for domain in DOMAINS:
        if name.startswith(domain):
            return domain
    raise ValueError(f"must begin with one of {', '.join(DOMAINS)}, got {name!r}")


class _Region(Record):
    image_path: PathBelow
    mask_rle: Any
    question: str
    caption: str
    dataset_name: Annotated[str, AfterValidator(_domain)]


def read_mdvp_bench(root: Path) -> CaptionRegions:
    """Read the regions; groups are DOMAINS, references are the captions.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    found = CaptionCollector()
    for place, (where, record) in enumerate(read_list(require_file(root / FILE, LAYOUT))):
        region = parse(_Region, record, where)
        found.add(
            where,
            str(place),
            root / "data" / region.image_path,
            None,
            region.mask_rle,
            question=region.question,
            reference=region.caption,
            group=region.dataset_name,
        )
    return found.regions()


def read_mdvp_rule(root: Path) -> ReviewRule:
    """What the judge is told of the scores, for boxes.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file.
    """
    return read_rule(root / RULES, "box", LAYOUT)
