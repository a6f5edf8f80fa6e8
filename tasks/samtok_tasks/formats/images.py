"""Where image files are, and files for images that are inside of others."""

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from samtok_bench.files import cache_folder, write_whole

_SUFFIXES = ((b"\x89PNG", ".png"), (b"\xff\xd8", ".jpg"), (b"RIFF", ".webp"))


def find_images(folders: Sequence[Path], name: str | None) -> Path:
    """Which of several folders holds the images: the one with the first image, else the first there is.

    Args:
        folders: at least one, the usual one first; that one is returned if none is there.
        name: the path of the first image below the folder, or None if the data set has no image.
    """
    there = [folder for folder in folders if folder.is_dir()]
    return next((folder for folder in there if name and (folder / name).is_file()), (there or folders)[0])


def find_below(root: Path, stated: str) -> Path | None:
    """The file below a folder that a path of another machine means: the longest end of it that is there."""
    parts = [part for part in PurePosixPath(stated).parts if part not in ("/", "..")]
    places = (root.joinpath(*parts[k:]) for k in range(len(parts)))
    return next((place for place in places if "\0" not in stated and place.is_file()), None)


def stored_image(content: bytes) -> Path:
    """The content of an image file as a file of the cache, written once; equal images are one file."""
    suffix = next((suffix for start, suffix in _SUFFIXES if content.startswith(start)), "")
    name = hashlib.sha256(content).hexdigest()[:32]
    path = cache_folder() / "images" / name[:2] / f"{name}{suffix}"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    return path
