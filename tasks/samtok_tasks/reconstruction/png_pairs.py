"""A folder of images, and one with their masks as PNG files."""

from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samtok_bench import rle
from samtok_bench.images import ImageFileError, NotBinaryError, image_size, mask_pixels
from samtok_tasks.formats.annotated_masks import AnnotatedMask, AnnotatedMasks

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

    What a mask file is, `samtok_bench.images.mask_pixels` says. What cannot be used is counted, and so is an
    image without a mask.

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
            found.dropped.lose(reason, str(path), details)
        elif path.suffix.lower() != ".png" or not path.is_file():
            found.dropped.add("masks that are no PNG file", str(path))
        elif isinstance(read := _read_mask(path, size), tuple):
            found.dropped.add(read[0], str(path), read[1])
        else:
            key = path.relative_to(root / "masks").as_posix()
            found.keep(str(path), AnnotatedMask(key, image, rle.encode(read)))


def _read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_] | tuple[str, str]:
    """The mask (H, W) of a PNG, or why it is no mask of an image of that size: reason and details."""
    try:
        mask = mask_pixels(path, ("PNG",))
    except (ImageFileError, NotBinaryError) as error:
        reason = "non-binary masks" if isinstance(error, NotBinaryError) else "unreadable masks"
        return reason, str(error).removeprefix(f"{path} ")
    if mask.shape != size:
        return "masks of another size", f"the mask is {mask.shape} pixels (height, width), the image {size}"
    return mask


def _visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
