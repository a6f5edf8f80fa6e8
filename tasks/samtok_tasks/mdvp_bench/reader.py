"""MDVP-Bench as single regions with masks.

The files of Haochen-Wang409/Grasp-Any-Region, after AFeng-x/Draw-and-Understand.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from samtok_tasks.formats.files import PathBelow, Record, read_list, require_file
from samtok_tasks.formats.region_captions import CaptionRegions

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
    """Read the regions; groups are DOMAINS, references are the captions."""
    found = CaptionRegions()
    for place, (where, region) in enumerate(read_list(require_file(root / FILE, LAYOUT), _Region)):
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
    return found
