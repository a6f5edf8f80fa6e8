"""A folder of images, and one with their masks as PNG files."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from samtok_bench import rle
from samtok_tasks.formats.annotated_masks import AnnotatedMask, AnnotatedMasks
from samtok_tasks.formats.images import image_size

LAYOUT = (
    "Expected below the data root: images/NAME.jpg (or .jpeg, .png) and one file for each mask, "
    "masks/NAME.png or masks/NAME/*.png, with one channel, where 0 is outside."
)
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


def locate_png_pairs(root: Path, split: str) -> tuple[Path, Path]:
    """The folders of the images and of the masks."""
    folders = root / "images", root / "masks"
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is missing. {LAYOUT}")
    return folders


def read_png_pairs(root: Path, split: str) -> AnnotatedMasks:
    """Read the masks of a folder of pairs, in the order of their names. Hidden files are passed over.

    A mask has one channel, and 0 and one other value; of a palette image the index counts. What cannot be
    used is counted, and so is an image without a mask.

    Raises:
        ValueError: two images have one name.
    """
    image_folder, mask_folder = locate_png_pairs(root, split)
    images: dict[str, Path] = {}
    for path in _visible(image_folder):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            if path.stem in images:
                raise ValueError(f"{path}: there is {images[path.stem].name} too, and masks go by the name")
            images[path.stem] = path
    masks: defaultdict[str, list[Path]] = defaultdict(list)
    for path in _visible(mask_folder):
        masks[path.name if path.is_dir() else path.stem] += _visible(path) if path.is_dir() else [path]
    found = AnnotatedMasks()
    for name in sorted(images.keys() | masks.keys()):
        _collect(found, root, images.get(name), masks[name])
    for name in sorted(images.keys() - {name for name, paths in masks.items() if paths}):
        found.dropped.add("images without a mask", str(images[name]))
    return found


def _collect(found: AnnotatedMasks, root: Path, image: Path | None, masks: list[Path]) -> None:
    """Read the masks of one image."""
    size: tuple[int, int] | None = None
    reason, details = "masks without an image", f"expected in {root / 'images'}"
    if image and masks:
        try:
            size = image_size(image)
        except ValueError as error:
            reason, details = "masks without a readable image", str(error)
    for path in masks:
        if image is None or size is None:
            found.dropped.add(reason, str(path), details)
        elif path.suffix.lower() != ".png" or not path.is_file():
            found.dropped.add("masks that are no PNG file", str(path))
        elif isinstance(read := _read_mask(path, size), tuple):
            found.dropped.add(read[0], str(path), read[1])
        else:
            key = path.relative_to(root / "masks").as_posix()
            found.keep(str(path), AnnotatedMask(key, image, rle.encode(read)))


def _read_mask(path: Path, size: tuple[int, int]) -> NDArray[Any] | tuple[str, str]:
    """The values of a PNG, (H, W), or why it is no mask of an image of that size: reason and details."""
    try:
        with Image.open(path, formats=["PNG"]) as image:
            # Pillow's bool arrays hold bytes of 255, which do not compare equal to each other
            pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    except Exception as error:  # Pillow promises no particular exception for a broken file
        return "unreadable masks", str(error)
    if pixels.ndim != 2:
        return "non-binary masks", "a mask has one channel; save it as greyscale"
    inside = pixels[pixels != 0]
    if (inside != inside[:1]).any():
        return "non-binary masks", "more than two values; if they are ids, save one file a mask"
    if pixels.shape != size:
        return "masks of another size", f"the mask is {pixels.shape} pixels (height, width), the image {size}"
    return pixels


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
