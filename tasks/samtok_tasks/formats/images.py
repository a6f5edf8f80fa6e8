"""Image files, without reading their pixels: where they are, and how large."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of an image as it is stored, from its header.

    Raises:
        ValueError: there is no such file, it is no image, or it is too large to be one.
    """
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception as error:  # Pillow promises no particular exception for a broken file
        raise ValueError(f"{path}: {type(error).__name__}: {error}") from None


def find_images(folders: Sequence[Path], name: str | None) -> Path:
    """Which of several folders holds the images: the one with the first image, else the first there is.

    Args:
        folders: at least one, the usual one first; that one is returned if none is there.
        name: the path of the first image below the folder, or None if the data set has no image.
    """
    there = [folder for folder in folders if folder.is_dir()]
    return next((folder for folder in there if name and (folder / name).is_file()), (there or folders)[0])
