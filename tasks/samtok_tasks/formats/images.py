"""Where image files are."""

from collections.abc import Sequence
from pathlib import Path


def find_images(folders: Sequence[Path], name: str | None) -> Path:
    """Which of several folders holds the images: the one with the first image, else the first there is.

    Args:
        folders: at least one, the usual one first; that one is returned if none is there.
        name: the path of the first image below the folder, or None if the data set has no image.
    """
    there = [folder for folder in folders if folder.is_dir()]
    return next((folder for folder in there if name and (folder / name).is_file()), (there or folders)[0])
