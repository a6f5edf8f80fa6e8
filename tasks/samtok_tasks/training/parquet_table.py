"""Parquet files of prompts, whose images are read when a prompt is drawn."""

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from samtok_bench.files import write_whole
from samtok_tasks.formats.parquet import ParquetTable
from samtok_tasks.training.streams import Joined

COLUMNS = ("images", "problem", "answer", "masks", "source")
MOST_BYTES = 1 << 30
"""Of the images of a row group that is read at once."""
_ENDS = 1 << 16
"""Bytes at the beginning and at the end of a file that tell it from others."""


class PromptTable(ParquetTable):
    """A file with COLUMNS; errors as of `ParquetTable`, and a ValueError for a row group that is too large.

    Args:
        path: the file.
        unpack: a folder in whose folder for this file its images are written, each once; without it, a whole
            row group is read for an image, unless the one before was in the same.
    """

    def __init__(self, path: Path, unpack: Path | None) -> None:
        super().__init__(path, COLUMNS, "images", f"; expected {', '.join(COLUMNS)}")
        # files of several data sets often have one name
        self._unpacked = unpack / f"{path.stem}-{_fingerprint(path)}" if unpack else None
        if self.largest > MOST_BYTES and unpack is None:
            raise ValueError(
                f"{path} has a row group with {self.largest / 1e9:.1f} GB of images: "
                "name a folder for them, `unpack: FOLDER`"
            )
        self._groups = Joined(self.sizes)
        self._group = lru_cache(maxsize=1)(self._group_content)

    def content(self, place: int) -> Path | bytes | None:
        """The image of a row, as a file where there is a folder for them; None for one that is not inside.

        Raises:
            ValueError: the row group is damaged.
            OSError: the folder cannot be written.
        """
        if not self._content:
            return None
        which, number = self._groups.find(place)
        if self._unpacked is None:
            return self._group(which)[number]
        if not (done := self._unpacked / f"group-{which:05d}").exists():
            self._unpacked.mkdir(parents=True, exist_ok=True)
            for row, image in enumerate(self._contents(which), place - number):
                if image:
                    write_whole(self._image(row), image)
            write_whole(done, b"")
        file = self._image(place)
        return file if file.exists() else None

    def _image(self, place: int) -> Path:
        assert self._unpacked is not None
        return self._unpacked / f"image-{place:08d}"

    def _group_content(self, which: int) -> list[bytes | None]:
        return list(self._contents(which))


def _fingerprint(path: Path) -> str:
    """Twelve digits of a file's size, its beginning, and its end, where parquet lists all that is inside."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        ends = []
        for start in (0, max(size - _ENDS, 0)):
            file.seek(start)
            ends.append(file.read(_ENDS))
    return hashlib.sha256(b"".join([*ends, str(size).encode()])).hexdigest()[:12]
