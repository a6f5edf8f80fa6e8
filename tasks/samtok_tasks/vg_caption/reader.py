"""Visual Genome's region captions as GLaMM evaluates on them: `test_caption.json`, in COCO's form.

Every region is an image record of its own, with one annotation of the same id: a box, which is the region,
and a caption, which is the one reference (mbzuai-oryx/groundingLMM, eval/region_captioning).
"""

from pathlib import Path
from typing import Any

from samtok_tasks.formats.boxes import box_polygon
from samtok_tasks.formats.coco import parse_size
from samtok_tasks.formats.files import field, path_below, read_json, require_file
from samtok_tasks.formats.region_captions import CaptionCollector, CaptionRegions
from samtok_tasks.formats.region_masks import find_images

FILE = "visual_genome/test_caption.json"
IMAGE_FOLDERS = ("visual_genome/images", "visual_genome/VG_100K", "visual_genome/VG_100K_2", "images")
LAYOUT = (
    f"Expected below the data root: {FILE} (docs/datasets.md of github.com/mbzuai-oryx/groundingLMM, on its "
    f"Google Drive) and the images as its `file_name` says in {IMAGE_FOLDERS[0]}/ "
    f"(nlp.stanford.edu/data/gqa/images.zip), or in {IMAGE_FOLDERS[1]}/ and {IMAGE_FOLDERS[2]}/."
)
_Image = tuple[str, tuple[int, int] | None]


def read_visual_genome(root: Path) -> CaptionRegions:
    """Read the regions: the mask of an annotation that has one, else its filled box. Keys are annotation ids.

    An image whose record states no size is opened for it.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: a broken file or record.
    """
    path = require_file(root / FILE, LAYOUT)
    content = read_json(path)
    images = _images(path, content)
    found = CaptionCollector()
    for place, record in enumerate(field(content, "annotations", list, str(path))):
        where = f"{path}: annotation {place}"
        image_id = field(record, "image_id", int, where)
        if image_id not in images:
            raise ValueError(f"{where}: image {image_id} is not listed")
        name, size = images[image_id]
        box = box_polygon(field(record, "bbox", list, where), where)
        found.add(
            where,
            str(field(record, "id", int, where)),
            find_images([root / folder for folder in IMAGE_FOLDERS], name) / name,
            size,
            record.get("segmentation") or box,
            reference=" ".join(field(record, "caption", str, where).split()),
        )
    return found.regions()


def _images(path: Path, content: Any) -> dict[int, _Image]:
    images: dict[int, _Image] = {}
    for place, record in enumerate(field(content, "images", list, str(path))):
        where = f"{path}: image {place}"
        number = field(record, "id", int, where)
        if number in images:
            raise ValueError(f"{path}: two images have the id {number}")
        size = parse_size(record, where) if {"height", "width"} & record.keys() else None
        images[number] = path_below(record, "file_name", where), size
    return images
