"""Parquet files as the Hugging Face hub has them, with images inside, of which only a little is in memory."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from samtok_bench.files import whole_file
from samtok_tasks.formats.files import require_file

NEEDS = "pyarrow"
NOT_INSTALLED = "pyarrow is not installed: pip install 'samtok-bench[parquet]'"
_AT_ONCE = 8
"""Images that are read at once."""
_MOST_NAMED = 40
"""Columns in a message."""
_LIST = re.compile(r"\.(list|bag)\.(element|item|array|array_element)(?=\.|$)")
"""What stands in the path of a leaf for a list."""


def has_pyarrow() -> bool:
    """Whether parquet files can be read and written here."""
    return find_spec(NEEDS) is not None


class ParquetTable:
    """A parquet file of which all but the images' bytes is in memory; these are read by row groups.

    Args:
        path: the file.
        columns: that it must have; `samples.mask` is the field `mask` of structs, or of a list of them.
        images: the column of images: bytes, {bytes, path}, or a list of one.
        hint: the end of the message about a column that is missing.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: pyarrow is not installed, or the file is no such parquet file.
    """

    def __init__(self, path: Path, columns: Sequence[str], images: str, hint: str = "") -> None:
        if not has_pyarrow():
            raise ValueError(NOT_INSTALLED)
        self.path = require_file(path, f"Expected a parquet file with {', '.join(columns)}.")
        with self._open() as file:
            leaves = {path: file.schema.column(k) for k, path in enumerate(_leaves(file))}
            by_name = {_LIST.sub("", path): leaf for path, leaf in leaves.items()}
            for column in columns:
                if not any(name == column or name.startswith(f"{column}.") for name in by_name):
                    raise ValueError(_without(path, column, by_name, hint))
            inside = {path for path in leaves if _is_content(_LIST.sub("", path), leaves[path], images)}
            self._images, self._content = images, sorted(inside)
            with _readable(f"the text of {path}"):
                self._table = file.read(columns=[path for path in leaves if path not in inside])
            self._rows = file.metadata.num_rows
            groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
            self.sizes = [group.num_rows for group in groups]
            """Rows of each row group."""
            parts = [group.column(k) for group in groups for k in range(group.num_columns)]
            self.largest = max(
                (part.total_uncompressed_size for part in parts if part.path_in_schema in inside), default=0
            )
            """Bytes of the images of the largest row group."""

    def __len__(self) -> int:
        return int(self._rows)

    def row(self, place: int) -> dict[str, Any]:
        """A row without the bytes of its images; lists of lists of bool or uint8 are an array (H, W)."""
        return {name: _plain(self._table[name][place]) for name in self._table.column_names}

    def contents(self) -> Iterator[bytes | None]:
        """The image of each row, in order; None for one that is not inside.

        Raises:
            ValueError: a row group is damaged.
        """
        for group, rows in enumerate(self.sizes):
            if self._content:
                yield from self._contents(group)
            else:
                yield from [None] * rows

    def _contents(self, group: int) -> Iterator[bytes | None]:
        with self._open() as file, _readable(f"row group {group} of {self.path}"):
            for batch in file.iter_batches(_AT_ONCE, row_groups=[group], columns=self._content):
                for row in batch.to_pylist():
                    yield _stored(row[self._images])

    def _open(self) -> Any:
        from pyarrow import parquet

        with _readable(f"the parquet file {self.path}"):
            return parquet.ParquetFile(self.path, pre_buffer=False, buffer_size=1 << 20)


def write_parquet(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows, images (H, W, 3) uint8 among them as JPEG in {bytes, path}; ValueError without pyarrow."""
    if not has_pyarrow():
        raise ValueError(NOT_INSTALLED)
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.Table.from_pylist([{name: _cell(value) for name, value in row.items()} for row in rows])
    with whole_file(path) as file:
        parquet.write_table(table, file)


def _cell(value: Any) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim == 2:
        return value.tolist()
    Image.fromarray(value).save(file := BytesIO(), "JPEG", quality=95, subsampling=0)
    return {"bytes": file.getvalue(), "path": None}


def _plain(cell: Any) -> Any:
    """As Python has it, but rows of pixels as an array (H, W): a list of a million takes too long."""
    from pyarrow import types

    if types.is_list(cell.type) and types.is_list(cell.type.value_type) and cell.is_valid:
        rows, kind = cell.values, cell.type.value_type.value_type
        pixels = rows.flatten()
        even = len(set(rows.value_lengths().to_pylist())) == 1 and not rows.null_count + pixels.null_count
        if even and (types.is_boolean(kind) or types.is_uint8(kind)):
            return pixels.to_numpy(zero_copy_only=False).reshape(len(rows), -1)
    return cell.as_py()


def _leaves(file: Any) -> list[str]:
    return [file.schema.column(k).path for k in range(len(file.schema))]


def _is_content(name: str, leaf: Any, images: str) -> bool:
    return name == f"{images}.bytes" or (name == images and leaf.physical_type == "BYTE_ARRAY" and _raw(leaf))


def _raw(leaf: Any) -> bool:
    return leaf.logical_type.type == "NONE"  # bytes, where a text says STRING


def _without(path: Path, column: str, names: Mapping[str, Any], hint: str) -> str:
    shown = sorted({re.sub(r"\.(bytes|path|size|counts)$", "", name) for name in names})
    more = f" and {len(shown) - _MOST_NAMED} more" if len(shown) > _MOST_NAMED else ""
    return f"{path} has no column {column!r}; it has {', '.join(shown[:_MOST_NAMED])}{more}{hint}"


def _stored(image: Any) -> bytes | None:
    image = (image[0] if image else None) if isinstance(image, list) else image
    image = image.get("bytes") if isinstance(image, dict) else image
    return image or None


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """One ValueError for whatever pyarrow raises."""
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ValueError(f"{what} cannot be read: {reason}") from None
