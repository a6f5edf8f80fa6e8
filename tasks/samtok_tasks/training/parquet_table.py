"""Parquet files of prompts with their images inside, of which only a little is in memory."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import Any

from samtok_bench.files import write_whole
from samtok_tasks.formats.files import require_file

COLUMNS = ("images", "problem", "answer", "masks", "source")
MOST_BYTES = 1 << 30
"""Of the images of a row group that is read at once."""
_AT_ONCE = 8
"""Images that are unpacked at once."""


class ParquetTable:
    """A parquet file of which all but the images' bytes is in memory; these are read by row groups.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: pyarrow is not installed, the file is no such parquet file, or a row group is too large.
    """

    def __init__(self, path: Path, unpack: Path | None) -> None:
        if find_spec("pyarrow") is None:
            raise ValueError("pyarrow is not installed: pip install 'samtok-bench[rl]'")
        self.path = require_file(path, f"Expected a parquet file with {', '.join(COLUMNS)}.")
        self._unpacked = unpack / path.stem if unpack else None
        with self._open() as file:
            leaves = [file.schema.column(k).path for k in range(len(file.schema))]
            if missing := [name for name in COLUMNS if name not in file.schema_arrow.names]:
                raise ValueError(f"{path} has no column {missing[0]!r}; expected {', '.join(COLUMNS)}")
            inside = [leaf for leaf in leaves if leaf.startswith("images.")]
            self._content = [leaf for leaf in inside if leaf.endswith(".bytes")]
            light = [leaf for leaf in leaves if leaf not in self._content]
            with _readable(f"the text of {path}"):
                self._table = file.read(columns=light)
            groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
            self._ends = list(accumulate(group.num_rows for group in groups))
            columns = [group.column(k) for group in groups for k in range(group.num_columns)]
            self._largest = max(
                (
                    column.total_uncompressed_size
                    for column in columns
                    if column.path_in_schema in self._content
                ),
                default=0,
            )
        if self._largest > MOST_BYTES and unpack is None:
            raise ValueError(
                f"{path} has a row group with {self._largest / 1e9:.1f} GB of images: "
                "name a folder for them, `unpack: FOLDER`"
            )
        self._group = lru_cache(maxsize=1)(self._group_content)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def row(self, place: int) -> dict[str, Any]:
        """A row without the bytes of its images."""
        [row] = self._table.slice(place, 1).to_pylist()
        return dict(row)

    def content(self, place: int) -> Path | bytes | None:
        """The image of a row, as a file where there is a folder for them; None for one that is not inside.

        Raises:
            ValueError: the row group is damaged.
            OSError: the folder cannot be written.
        """
        if not self._content:
            return None
        which = bisect_right(self._ends, place)
        first = self._ends[which - 1] if which else 0
        if self._unpacked is None:
            return self._group(which)[place - first]
        if not (done := self._unpacked / f"group-{which:05d}").exists():
            self._unpacked.mkdir(parents=True, exist_ok=True)
            for number, image in enumerate(self._contents(which), first):
                if image:
                    write_whole(self._image(number), image)
            write_whole(done, b"")
        file = self._image(place)
        return file if file.exists() else None

    def _image(self, place: int) -> Path:
        assert self._unpacked is not None
        return self._unpacked / f"image-{place:08d}"

    def _group_content(self, which: int) -> list[bytes | None]:
        return list(self._contents(which))

    def _contents(self, which: int) -> Iterator[bytes | None]:
        with self._open() as file, _readable(f"row group {which} of {self.path}"):
            for batch in file.iter_batches(_AT_ONCE, row_groups=[which], columns=self._content):
                for row in batch.to_pylist():
                    images = row["images"] or [{}]
                    yield images[0].get("bytes") or None

    def _open(self) -> Any:
        from pyarrow import parquet

        with _readable(f"the parquet file {self.path}"):
            return parquet.ParquetFile(self.path, pre_buffer=False, buffer_size=1 << 20)


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """One ValueError for whatever pyarrow raises."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"{what} cannot be read: {reason}") from None
