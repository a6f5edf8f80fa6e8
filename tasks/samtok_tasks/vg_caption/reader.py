"""Visual Genome's region captions as GLaMM evaluates on them: `test_caption.json`, in COCO's form.

Every region is an image record of its own, with one annotation of the same id: a box, which is the region,
and a caption, which is the one reference (mbzuai-oryx/groundingLMM, eval/region_captioning).
"""

from pathlib import Path
from typing import Any

from samtok_tasks.formats.boxes import box_polygon
from samtok_tasks.formats.coco import parse_size
from samtok_tasks.formats.files import PathBelow, Record, read_json, read_part, require_file
from samtok_tasks.formats.images import find_images
from samtok_tasks.formats.region_captions import CaptionRegions

FILE = "visual_genome/test_caption.json"
IMAGE_FOLDERS = ("visual_genome/images", "visual_genome/VG_100K", "visual_genome/VG_100K_2", "images")
LAYOUT = (
    f"Expected below the data root: {FILE} (docs/datasets.md of github.com/mbzuai-oryx/groundingLMM, on its "
    f"Google Drive) and the images as its `file_name` says in {IMAGE_FOLDERS[0]}/ "
    f"(nlp.stanford.edu/data/gqa/images.zip), or in {IMAGE_FOLDERS[1]}/ and {IMAGE_FOLDERS[2]}/."
)
_ImageSize = tuple[int, int] | None


class _Image(Record):
    id: int
    file_name: PathBelow
    height: Any = None
    width: Any = None


class _Annotation(Record):
    id: int
    image_id: int
    bbox: list[Any]
    caption: str
    segmentation: Any = None


def read_visual_genome(root: Path) -> CaptionRegions:
    """Read the regions: the mask of an annotation that has one, else its filled box. Keys are annotation ids.

    An image whose record states no size is opened for it.
    """
    path = require_file(root / FILE, LAYOUT)
    content = read_json(path)
    images = _images(path, content)
    found = CaptionRegions()
    for where, annotation in read_part(content, "annotations", _Annotation, path, "annotation"):
        if annotation.image_id not in images:
            raise ValueError(f"{where}: image {annotation.image_id} is not listed")
        name, size = images[annotation.image_id]
        box = box_polygon(annotation.bbox, where)
        found.add(
            where,
            str(annotation.id),
            find_images([root / folder for folder in IMAGE_FOLDERS], name) / name,
            size,
            annotation.segmentation or box,
            reference=" ".join(annotation.caption.split()),
        )
    return found


def _images(path: Path, content: Any) -> dict[int, tuple[str, _ImageSize]]:
    """File name and size, where the record states it, by image id."""
    images: dict[int, tuple[str, _ImageSize]] = {}
    for where, image in read_part(content, "images", _Image, path, "image"):
        if image.id in images:
            raise ValueError(f"{path}: two images have the id {image.id}")
        stated = image.model_dump(include={"height", "width"}, exclude_unset=True)
        images[image.id] = image.file_name, parse_size(stated, where) if stated else None
    return images
