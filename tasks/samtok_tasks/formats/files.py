"""Opening annotation files, and the checks that every reader makes of a record."""

import json
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar, get_args

T = TypeVar("T")


class NoSplitError(ValueError):
    """A data set that is there without the split that was asked for."""


def require_file(path: Path, layout: str) -> Path:
    """The path itself, if there is a file.

    Args:
        path: the file a reader needs.
        layout: the expected tree and where to get it, shown to the user.

    Raises:
        FileNotFoundError: with the layout.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. {layout}")
    return path


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        ValueError: the file is not JSON; names the file and the place.
    """
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from None


def field(record: Any, name: str, kind: type[T], where: str) -> T:
    """A field of a record, of the type it must have. Whole numbers pass for no bool.

    Raises:
        ValueError: the record is no dictionary, or the field is missing or of another type.
    """
    if not isinstance(record, dict):
        raise ValueError(f"{where}: expected a dictionary, got {type(record).__name__}")
    if name not in record:
        raise ValueError(f"{where}: the field {name!r} is missing")
    value = record[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        expected = " or ".join(one.__name__ for one in get_args(kind)) or kind.__name__
        raise ValueError(f"{where}: {name!r} must be {expected}, got {type(value).__name__}")
    return value


def path_below(record: Any, name: str, where: str) -> str:
    """A field that holds the path of a file below some folder, without needless dots.

    Raises:
        ValueError: the field is missing or no text, or the path is absolute, leads upwards or is empty.
    """
    given = field(record, name, str, where)
    path = PurePosixPath(given)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in given:
        raise ValueError(f"{where}: {name!r} must be a path below the folder, got {given!r}")
    return str(path)
