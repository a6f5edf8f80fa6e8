"""GranD-f, the grounded captions of GLaMM (mbzuai-oryx/groundingLMM, docs/datasets.md).

A split is two files in COCO's form: captions with the list of their phrases ("labels"), and masks. The k-th
mask of an image, in the order of the file, belongs to its k-th label.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from samtok_bench import rle
from samtok_bench.rle import RLE
from samtok_tasks.formats.coco import parse_size
from samtok_tasks.formats.files import field, read_json, require_file
from samtok_tasks.formats.region_masks import image_size

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

    image_id: str
    image: Path
    """Where the image must be; it was opened at most for its size."""
    height: int
    width: int
    caption: str
    labels: tuple[str, ...]
    """The phrases that have masks."""
    masks: tuple[RLE, ...]
    """Of the labels of the same numbers."""


@dataclass(frozen=True)
class GroundedCaptions:
    """A split, in the order of its images."""

    records: tuple[GroundedCaption, ...]
    dropped: Counter[str]
    """What was left out, or does not fit together, by reason."""
    first: dict[str, str]
    """The first place of each reason."""


def locate_grandf(root: Path, split: str) -> tuple[Path, Path]:
    """The files of the captions and of the masks, unread.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: another split.
    """
    if split not in SPLITS:
        raise ValueError(f"GranD-f has no split {split!r}; it has {', '.join(SPLITS)}")
    captions, masks = (_file(root, f"{split}_gcg_coco_{kind}_gt.json") for kind in ("caption", "mask"))
    return captions, masks


def _file(root: Path, name: str) -> Path:
    places = [root / folder / name for folder in ANNOTATION_FOLDERS]
    prefixed = [place.with_name(PREFIX + name) for place in places]
    found = next((place for place in (*places, *prefixed) if place.is_file()), places[0])
    return require_file(found, LAYOUT)


def image_place(root: Path, image_id: str) -> tuple[Path, str]:
    """The folder of the images and what stands before the names there, judged by one image."""
    places = [(root / folder, prefix) for folder in IMAGE_FOLDERS for prefix in ("", PREFIX)]
    return next((place for place in places if (place[0] / f"{place[1]}{image_id}.jpg").is_file()), places[0])


def read_grandf(root: Path, split: str) -> GroundedCaptions:
    """Read a split.

    An image without a caption is left out, as are further captions of an image and masks of images that the
    split does not list. Where an image has more masks than labels, or fewer, all are kept and those without a
    partner counted.

    Raises:
        FileNotFoundError: with the layout and where to get the data.
        ValueError: another split, or a broken file or record.
    """
    captions_file, masks_file = locate_grandf(root, split)
    found = _Notes()
    content = read_json(captions_file)
    images = _images(content, captions_file)
    captions = _captions(content, captions_file, images, found)
    segmentations = _segmentations(read_json(masks_file), masks_file, images, found)
    folder, prefix = image_place(root, next(iter(images), ""))
    records = []
    for image_id, record in images.items():
        where = f"{captions_file}: image {image_id}"
        if image_id not in captions:
            found.note("images without a caption", where)
            continue
        caption, labels = captions[image_id]
        placed = segmentations.get(image_id, [])
        image = folder / f"{prefix}{image_id}.jpg"
        try:
            height, width = _size(record, placed, image, where)
        except OSError as error:
            found.note("images without a known size", where, str(error))
            continue
        masks = tuple(_mask(segmentation, height, width, place) for place, segmentation in placed)
        for reason, more in (("labels without a mask", labels), ("masks without a label", masks)):
            for _ in range(len(more) - min(len(labels), len(masks))):
                found.note(reason, where, f"{len(labels)} labels, {len(masks)} masks")
        records.append(GroundedCaption(image_id, image, height, width, caption, labels, masks))
    return GroundedCaptions(tuple(records), found.counts, found.first)


class _Notes:
    """What was noted, with the first place of each reason."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def note(self, reason: str, where: str, details: str = "") -> None:
        self.counts[reason] += 1
        self.first.setdefault(reason, f"{where}: {details}" if details else where)


def _images(content: Any, path: Path) -> dict[str, Any]:
    images: dict[str, Any] = {}
    for place, record in enumerate(field(content, "images", list, str(path))):
        image_id = _id(record, "id", f"{path}: image {place}")
        if image_id in images:
            raise ValueError(f"{path}: two images have the id {image_id!r}")
        images[image_id] = record
    return images


def _captions(
    content: Any, path: Path, images: dict[str, Any], found: _Notes
) -> dict[str, tuple[str, tuple[str, ...]]]:
    captions: dict[str, tuple[str, tuple[str, ...]]] = {}
    for place, record in enumerate(field(content, "annotations", list, str(path))):
        where = f"{path}: annotation {place}"
        image_id = _id(record, "image_id", where)
        caption, labels = field(record, "caption", str, where), field(record, "labels", list, where)
        if not all(isinstance(label, str) for label in labels):
            raise ValueError(f"{where}: 'labels' must list texts, got {labels!r}")
        if image_id not in images:
            raise ValueError(f"{where}: the image {image_id!r} is not listed")
        if image_id in captions:
            found.note("further captions of an image", where)
        else:
            captions[image_id] = caption, tuple(labels)
    return captions


def _segmentations(
    content: Any, path: Path, images: dict[str, Any], found: _Notes
) -> dict[str, list[tuple[str, Any]]]:
    """Place and segmentation of each mask, by image."""
    masks: dict[str, list[tuple[str, Any]]] = {}
    for place, record in enumerate(field(content, "annotations", list, str(path))):
        where = f"{path}: annotation {place}"
        image_id = _id(record, "image_id", where)
        segmentation: Any = field(record, "segmentation", object, where)
        if image_id in images:
            masks.setdefault(image_id, []).append((where, segmentation))
        else:
            found.note("masks of images that are not listed", where)
    return masks


def _id(record: Any, name: str, where: str) -> str:
    """An image's id, which is its file's name without .jpg."""
    given = str(field(record, name, str | int, where))  # type: ignore[arg-type]
    if not given or Path(given).name != given or given == ".." or "\0" in given:
        raise ValueError(f"{where}: {name!r} must be a plain name, got {given!r}")
    return given


def _size(record: Any, placed: list[tuple[str, Any]], image: Path, where: str) -> tuple[int, int]:
    """Height and width: as the first mask says, else the image's record, else the image itself."""
    stated = placed[0][1] if placed else None
    if isinstance(stated, dict) and isinstance(stated.get("size"), list) and len(stated["size"]) == 2:
        return parse_size(dict(zip(("height", "width"), stated["size"], strict=True)), placed[0][0])
    if "height" in record and "width" in record:
        return parse_size(record, where)
    try:
        return image_size(image)
    except ValueError as error:
        raise OSError(str(error)) from None


def _mask(segmentation: Any, height: int, width: int, where: str) -> RLE:
    try:
        return rle.from_segmentation(segmentation, height, width)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
