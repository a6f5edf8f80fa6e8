"""Files of many records, a JSON list or JSON lines, of which only the places of the records are in memory."""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samtok_tasks.formats.files import require_file
from samtok_tasks.training.streams import UnusableError

_CHUNK = 1 << 20
"""Bytes read at once."""
_BOM = b"\xef\xbb\xbf"
_DECODER = json.JSONDecoder()
_FIRST, _LATER, _END = (re.compile(f"[ \t\r\n]*{then}") for then in ("", ",[ \t\r\n]*", "]"))


class RecordFile:
    """The records of a file by their numbers.

    Args:
        path: of a JSON list, or of JSON lines, in UTF-8.

    Raises:
        FileNotFoundError: there is no file.
        ValueError: a list that is not whole; names the record. A broken line is met when it is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = require_file(path, "Expected a JSON list of records, or JSON lines.")
        with path.open("rb") as file:
            self._is_list = file.read(_CHUNK).removeprefix(_BOM).lstrip()[:1] == b"["

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        """(N, 2), start and end of each record in bytes."""
        found = list_places(self.path) if self._is_list else line_places(self.path)
        return np.array(list(found), np.int64).reshape(-1, 2)

    def __len__(self) -> int:
        return len(self._places)

    def where(self, number: int) -> str:
        """A record's place, for messages."""
        return f"{self.path}: record {number}"

    def __getitem__(self, number: int) -> Any:
        """A record; UnusableError if it is no JSON."""
        start, end = self._places[number].tolist()
        with self.path.open("rb") as file:
            file.seek(start)
            raw = file.read(end - start)
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise UnusableError("records that are no JSON", self.where(number), str(error)) from None


def line_places(path: Path) -> Iterator[tuple[int, int]]:
    """Start and end of each line that is not blank, in bytes."""
    start = 0
    with path.open("rb") as file:
        for line in file:
            begin = start + len(_BOM) if not start and line.startswith(_BOM) else start
            start += len(line)
            if line.removeprefix(_BOM).strip():
                yield begin, start


def list_places(path: Path) -> Iterator[tuple[int, int]]:
    """Start and end of each value of a JSON list, in bytes.

    One value at a time is in memory. As Latin-1 a character is a byte, and all that ends a value is ASCII.

    Raises:
        ValueError: what follows the values so far is not JSON, or the list has no end; names the record.
    """
    with path.open("rb") as file:
        text, base, number = file.read(_CHUNK).decode("latin-1"), 0, 0
        at = text.index("[") + 1
        while True:
            try:
                found = _next_value(text, at, _FIRST if number == 0 else _LATER)
            except (ValueError, RecursionError) as error:
                more = file.read(max(_CHUNK, len(text) - at))
                if not more:
                    fault = error.msg if isinstance(error, JSONDecodeError) else str(error)
                    raise ValueError(f"{path}: record {number} is not JSON: {fault}") from None
                text, base, at = text[at:] + more.decode("latin-1"), base + at, 0
                continue
            if found is None:
                return
            start, at = found
            yield base + start, base + at
            number += 1


def _next_value(text: str, at: int, gap: re.Pattern[str]) -> tuple[int, int] | None:
    """Start and end of the value after a gap; None if the list ends, ValueError if the text does."""
    if _END.match(text, at):
        return None
    before = gap.match(text, at)
    if before is None:
        raise ValueError("a comma or the end of the list is missing")
    _, end = _DECODER.raw_decode(text, before.end())
    if end == len(text):  # what ends there may go on
        raise ValueError("the file is cut off")
    return before.end(), end
