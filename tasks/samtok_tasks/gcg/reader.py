"""GranD-f, the grounded captions of GLaMM (mbzuai-oryx/groundingLMM, docs/datasets.md).

A split is two files in COCO's form: captions with the list of their phrases ("labels"), and masks. The k-th
mask of an image, in the order of the file, belongs to its k-th label.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from samtok_bench.images import image_size
from samtok_bench.rle import RLE
from samtok_bench.task import Dropped
from samtok_tasks.formats.coco import parse_size, read_mask
from samtok_tasks.formats.files import Record, read_json, read_part, require_any
from samtok_tasks.formats.region_captions import EMPTY_REFERENCES

SPLITS = ("val", "test")
ANNOTATION_FOLDERS = ("GranDf/annotations/val_test", "annotations/val_test")
IMAGE_FOLDERS = (
    "GranDf_HA_images/val_test",
    "images/GranDf_HA_images/val_test",
    "images/grandf/val_test",
    "images/train2014",
)
"""Where images may lie, the official place first; Sa2VA's copy has images/grandf, the last one is mini's."""
PREFIX = "val_test_"
"""Some copies have it before the names of images or of files."""
LAYOUT = (
    f"Expected below the data root: {ANNOTATION_FOLDERS[0]}/ (or {ANNOTATION_FOLDERS[1]}/) with "
    "{val,test}_gcg_coco_caption_gt.json and {val,test}_gcg_coco_mask_gt.json "
    f"(huggingface.co/datasets/MBZUAI/GranD-f) and the images ID.jpg in {IMAGE_FOLDERS[0]}/ "
    "(github.com/mbzuai-oryx/groundingLMM, docs/datasets.md)."
)


@dataclass(frozen=True)
class GroundedCaption:
    """One image of a split."""

    image_id: int | str
    """As the list of images has it."""
    image: Path
    """Where the image must be; it was opened at most for its size."""
    height: int
    width: int
    caption: str
    labels: tuple[str, ...]
    """The phrases that have masks."""
    masks: tuple[RLE, ...]
    """Of the labels of the same numbers."""


def _plain_name(value: Any) -> int | str:
    """An image's id is its file's name without .jpg, or a number that is."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"must be a plain name, got {type(value).__name__}")
    name = str(value)
    if not name or Path(name).name != name or name == ".." or "\0" in name:
        raise ValueError(f"must be a plain name, got {name!r}")
    return value


ImageId = Annotated[int | str, BeforeValidator(_plain_name)]
"""A number and its text name the same image."""


class _Image(Record):
    id: ImageId
    height: Any = None
    width: Any = None


class _Caption(Record):
    image_id: ImageId
    caption: str
    labels: list[str]


class _Mask(Record):
    image_id: ImageId
    segmentation: Any


Placed = tuple[str, Any]
"""A segmentation with its file and record before it, for messages."""


def locate_grandf(root: Path, split: str) -> tuple[Path, Path]:
    """The files of the captions and of the masks, unread.

    Raises:
        ValueError: another split.
    """
    if split not in SPLITS:
        raise ValueError(f"GranD-f has no split {split!r}; it has {', '.join(SPLITS)}")
    captions, masks = (_file(root, f"{split}_gcg_coco_{kind}_gt.json") for kind in ("caption", "mask"))
    return captions, masks


def _file(root: Path, name: str) -> Path:
    places = [root / folder / name for folder in ANNOTATION_FOLDERS]
    prefixed = [place.with_name(PREFIX + name) for place in places]
    return require_any([*places, *prefixed], LAYOUT)


def require_images(root: Path) -> None:
    """FileNotFoundError where no images are in any of their folders."""
    if not any(any((root / folder).glob("*.jpg")) for folder in IMAGE_FOLDERS):
        raise FileNotFoundError(f"no images in {root / IMAGE_FOLDERS[0]}")


def image_place(root: Path, image_id: str) -> tuple[Path, str]:
    """The folder of the images and what stands before the names there, judged by one image."""
    places = [(root / folder, prefix) for folder in IMAGE_FOLDERS for prefix in ("", PREFIX)]
    return next((place for place in places if (place[0] / f"{place[1]}{image_id}.jpg").is_file()), places[0])


def read_grandf(root: Path, split: str) -> tuple[list[GroundedCaption], Dropped]:
    """Read a split, in the order of its images.

    An image without a caption is left out, as are further captions of an image and masks of images that the
    split does not list. Where an image has more masks than labels, or fewer, all are kept and those without a
    partner counted.

    Raises:
        ValueError: another split, or a broken file or record.
    """
    captions_file, masks_file = locate_grandf(root, split)
    dropped = Dropped()
    content = read_json(captions_file)
    images = _images(content, captions_file)
    captions = _captions(content, captions_file, images, dropped)
    segmentations = _segmentations(read_json(masks_file), masks_file, images, dropped)
    folder, prefix = image_place(root, next(iter(images), ""))
    records = []
    for name, record in images.items():
        image_id = record.id
        where = f"{captions_file}: image {image_id}"
        if name not in captions:
            dropped.add("images without a caption", where)
            continue
        labels, placed = tuple(captions[name].labels), segmentations.get(name, [])
        image = folder / f"{prefix}{name}.jpg"
        stated = _stated_size(record, placed, where)
        try:
            height, width = stated or image_size(image)
        except ValueError as error:
            dropped.lose("images without a known size", where, str(error))
            continue
        masks = tuple(
            read_mask(segmentation, (height, width), place, dropped) for place, segmentation in placed
        )
        counts = f"{len(labels)} labels, {len(masks)} masks"
        dropped.add("labels without a mask", where, counts, max(len(labels) - len(masks), 0))
        dropped.add("masks without a label", where, counts, max(len(masks) - len(labels), 0))
        if not captions[name].caption.strip():
            dropped.keep(EMPTY_REFERENCES, where)
        records.append(GroundedCaption(image_id, image, height, width, captions[name].caption, labels, masks))
    return records, dropped


def _images(content: Any, path: Path) -> dict[str, _Image]:
    """By the name of the file without .jpg."""
    images: dict[str, _Image] = {}
    for _, image in read_part(content, "images", _Image, path, "image"):
        name = str(image.id)
        if name in images:
            raise ValueError(f"{path}: two images have the id {name!r}")
        images[name] = image
    return images


def _captions(
    content: Any, path: Path, images: Mapping[str, _Image], dropped: Dropped
) -> dict[str, _Caption]:
    """The first caption of each image."""
    captions: dict[str, _Caption] = {}
    for where, caption in read_part(content, "annotations", _Caption, path, "annotation"):
        name = str(caption.image_id)
        if name not in images:
            raise ValueError(f"{where}: the image {name!r} is not listed")
        if name in captions:
            dropped.add("further captions of an image", where)
        else:
            captions[name] = caption
    return captions


def _segmentations(
    content: Any, path: Path, images: Mapping[str, _Image], dropped: Dropped
) -> dict[str, list[Placed]]:
    """The segmentations of each image."""
    found: dict[str, list[Placed]] = {}
    for where, mask in read_part(content, "annotations", _Mask, path, "annotation"):
        if (name := str(mask.image_id)) in images:
            found.setdefault(name, []).append((where, mask.segmentation))
        else:
            dropped.add("masks of images that are not listed", where)
    return found


def _stated_size(image: _Image, placed: list[Placed], where: str) -> tuple[int, int] | None:
    """Height and width: as the first mask says, else as the image's record does."""
    stated = placed[0][1] if placed else None
    if isinstance(stated, dict) and isinstance(stated.get("size"), list) and len(stated["size"]) == 2:
        height, width = stated["size"]
        return parse_size({"height": height, "width": width}, placed[0][0])
    given = image.model_dump(include={"height", "width"}, exclude_unset=True)
    return parse_size(given, where) if len(given) == 2 else None
