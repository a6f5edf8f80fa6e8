"""Opening annotation files, and the checks that every reader makes of a record.

The readers of all benchmarks raise FileNotFoundError with the expected layout where a file is missing, and
ValueError with the file and the record where one is broken.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from samtok_bench.rle import MAX_COORDINATE
from samtok_bench.validation import PathBelow as PathBelow
from samtok_bench.validation import below, first_fault

T = TypeVar("T")


class Record(BaseModel):
    """A record of an annotation file: types as JSON has them, and fields that nobody asked for pass."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    @model_validator(mode="after")
    def _whole_characters(self) -> Self:
        """Half an emoji is legal in JSON, but in no prompt, id or file."""
        for name, value in self.__dict__.items():  # as `self` gives them, at a fraction of the cost
            kind = type(value)
            for text in (value,) if kind is str else value if kind is list or kind is tuple else ():
                if isinstance(text, str) and not text.isascii() and _LONE_SURROGATE.search(text):
                    raise ValueError(f"{name!r} holds half of a character (a lone surrogate): {text!a}")
        return self


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
RecordT = TypeVar("RecordT", bound=BaseModel)
MOST_SHOWN = 80
"""Characters of a wrong value in a message."""


class NoSplitError(ValueError):
    """A data set that is there without the split that was asked for."""


def require_file(path: Path, layout: str) -> Path:
    """The path itself, if there is a file; else FileNotFoundError with the layout, which tells the source."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. {layout}")
    return path


def require_any(places: Sequence[Path], layout: str) -> Path:
    """The first of several places that has a file; where none has, `require_file` of the first raises."""
    return require_file(next((place for place in places if place.is_file()), places[0]), layout)


def locate_any(splits: Iterable[str], locate: Callable[[str], T]) -> T:
    """What a function finds for the first split whose files are there; else the first FileNotFoundError."""
    first, *others = splits
    try:
        return locate(first)
    except FileNotFoundError:
        for split in others:
            with suppress(FileNotFoundError):
                return locate(split)
        raise


def require_split(name: str, split: str, known: Sequence[str]) -> None:
    """NoSplitError for an unknown split of a benchmark whose splits are fixed."""
    if split not in known:
        raise NoSplitError(f"{name} has no split {split!r}; it has {', '.join(known)}")


class NotTextError(ValueError):
    """A JSON file whose bytes are no text in UTF-8."""


def read_json(path: Path) -> Any:
    """The content of a JSON file in UTF-8, or in UTF-16 or 32; a byte order mark is passed over.

    Raises:
        NotTextError: other bytes. No other encoding is tried: it would make wrong text without a word.
        ValueError: no JSON; both with the file and the place.
    """
    return _json(path.read_bytes(), str(path), "a JSON file")


def _json(raw: bytes, where: str, what: str) -> Any:
    try:
        return json.loads(raw)
    except UnicodeDecodeError as error:
        at = f"byte 0x{raw[error.start]:02x} at position {error.start}"
        encoding = error.encoding.upper()
        raise NotTextError(f"{where} is not {what} in {encoding}: {at}; save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not {what}: {error}") from None


def read_list(path: Path, model: type[RecordT], what: str = "record") -> Iterator[tuple[str, RecordT]]:
    """The records of a JSON file that holds a list, each with its place for messages.

    Args:
        path: the file.
        model: of a record.
        what: what messages call a record.
    """
    records = read_json(path)
    if not isinstance(records, list):
        raise ValueError(f"{path}: expected a list, got {type(records).__name__}")
    yield from _parsed(records, model, f"{path}: {what}")


def read_part(
    content: Any, name: str, model: type[RecordT], path: Path, what: str
) -> Iterator[tuple[str, RecordT]]:
    """As `read_list`, of the list called `name` in a file's content."""
    yield from _parsed(field(content, name, list, str(path)), model, f"{path}: {what}")


def _parsed(records: list[Any], model: type[RecordT], what: str) -> Iterator[tuple[str, RecordT]]:
    for number, record in enumerate(records):
        where = f"{what} {number}"
        yield where, parse(model, record, where)


def read_lines(path: Path, model: type[RecordT]) -> Iterator[tuple[str, RecordT]]:
    """The records of a file with one JSON value per line, as `read_list`; blank lines are passed over."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path}: line {number}"
            if not line.strip():
                continue
            yield where, parse(model, _json(line, where, "JSON"), where)


def read_csv(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file in UTF-8 by column, each with its place; spaces around a cell are passed over.

    Raises:
        ValueError: another encoding, a column that is missing, or a row without one of them.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8: {error}") from None
    reader = csv.DictReader(StringIO(text, newline=""))
    names = {(name or "").strip(): name for name in reader.fieldnames or ()}
    for column in columns:
        if column not in names:
            raise ValueError(f"{path} has no column {column!r}; it has {', '.join(map(repr, names))}")
    for row in reader:
        where = f"{path}: line {reader.line_num}"
        cells = {column: row[names[column]] for column in columns}
        if None in cells.values():
            raise ValueError(f"{where} has too few cells")
        yield where, {column: cell.strip() for column, cell in cells.items()}


def parse(model: type[RecordT], record: Any, where: str) -> RecordT:
    """A record as its model, from what JSON or a pickle gives.

    Raises:
        ValueError: one line, "WHERE: FIELD: what is wrong".
    """
    if not isinstance(record, dict):
        raise ValueError(f"{where}: expected a dictionary, got {type(record).__name__}")
    try:
        return model.model_validate(record)
    except ValidationError as error:
        fault = error.errors()[0]
        explains_itself = fault["type"] in ("missing", "value_error")
        shown = repr(fault["input"])
        shown = shown if len(shown) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}..."
        given = "" if explains_itself else f", got {shown}"
        if isinstance(fault["input"], bytes):  # a Python 2 string of a pickle
            given += ", which is not UTF-8"
        said = first_fault(error).removesuffix(f" or instance of {fault.get('ctx', {}).get('class_name')}")
        raise ValueError(f"{where}: {said}{given}") from None


def field(record: Any, name: str, kind: type[T], where: str) -> T:
    """A field of a record, of the type it must have; else ValueError. Whole numbers pass for no bool."""
    if not isinstance(record, dict):
        raise ValueError(f"{where}: expected a dictionary, got {type(record).__name__}")
    if name not in record:
        raise ValueError(f"{where}: the field {name!r} is missing")
    value = record[name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        expected = " or ".join(member.__name__ for member in get_args(kind)) or kind.__name__
        raise ValueError(f"{where}: {name!r} must be {expected}, got {type(value).__name__}")
    return value


def path_below(record: Any, name: str, where: str) -> str:
    """A field that holds the path of a file below some folder, without needless dots; else ValueError."""
    given = field(record, name, str, where)
    try:
        return below(given)
    except ValueError as error:
        raise ValueError(f"{where}: {name!r} {error}") from None


Coordinate = Annotated[float, Field(ge=-MAX_COORDINATE, le=MAX_COORDINATE, allow_inf_nan=False)]
"""Pixels, in an image or near it."""
