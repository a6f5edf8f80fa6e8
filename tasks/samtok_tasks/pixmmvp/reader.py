"""PixMMVP's files: the object that each question of MMVP is about, as a phrase and as polygons.

MSiam/PixFoundation, data/pixmmvp: `Segmentations.json` (VGG Image Annotator's form of COCO's, 300 images of
224 x 224 pixels, 384 polygons) and `Objects.csv`. The images are MMVP's. An image without a polygon shows no
such object, or its question is about none.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import Side, read_mask
from samtok_tasks.formats.files import PathBelow, Record, read_csv, read_json, read_part, require_file

FOLDER, IMAGES = "MMVP", "MMVP Images"
FILE, PHRASES = "Segmentations.json", "Objects.csv"
LAYOUT = (
    f"Expected below the data root: {FOLDER}/{FILE} and {FOLDER}/{PHRASES} (data/pixmmvp of "
    f"github.com/MSiam/PixFoundation), and MMVP's images in {FOLDER}/{IMAGES}/ "
    "(huggingface.co/datasets/MMVP/MMVP)."
)


class _Image(Record):
    id: int
    file_name: PathBelow
    """N.jpg, of the question with the Index N."""
    height: Side
    width: Side


class _Outline(Record):
    image_id: int
    segmentation: Any = Field(repr=False)


@dataclass(frozen=True)
class AskedImage:
    """An image with the object that its question is about."""

    image: Path
    phrase: str
    """As in `Objects.csv`, without the spaces around it; `None` where the question is about no object."""
    mask: RLE
    """Of the image's size; empty where there is no such object."""


def locate_pixmmvp(root: Path) -> Path:
    """The annotations, unread."""
    require_file(root / FOLDER / PHRASES, LAYOUT)
    return require_file(root / FOLDER / FILE, LAYOUT)


def read_pixmmvp(root: Path) -> tuple[list[AskedImage], Dropped]:
    """All images in the order of the file; they are not opened. Polygons of an image are united."""
    path, dropped = locate_pixmmvp(root), Dropped()
    content = read_json(path)
    phrases = {
        row["Index"]: row["Object"] for _, row in read_csv(root / FOLDER / PHRASES, ("Index", "Object"))
    }
    outlines: dict[int, list[tuple[str, Any]]] = {}
    for where, outline in read_part(content, "annotations", _Outline, path, "annotation"):
        outlines.setdefault(outline.image_id, []).append((where, outline.segmentation))
    found = []
    for where, image in read_part(content, "images", _Image, path, "image"):
        phrase = phrases.get(Path(image.file_name).stem)
        if not phrase:
            dropped.add(f"images without a phrase in {PHRASES}", where)
            continue
        size = image.height, image.width
        masks = [
            read_mask(segmentation, size, place, dropped)
            for place, segmentation in outlines.get(image.id, ())
        ]
        found.append(AskedImage(root / FOLDER / IMAGES / image.file_name, phrase, rle.union(masks, size)))
    return found, dropped
