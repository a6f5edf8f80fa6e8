"""The journal of a run: one line per answered sample, synced to disk, whole after a kill."""

import codecs
import json
import mmap
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from samtok_bench import rle
from samtok_bench.files import naming, write_whole
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.validation import first_fault


@dataclass(frozen=True)
class Line:
    """One line of the journal."""

    id: str
    cluster: str
    """With the tags, what a comparison of runs needs of the sample: it then works without the data."""
    tags: Mapping[str, str]
    prediction: Prediction
    scores: Scores


_LINE = TypeAdapter(Line)


class Journal:
    """An append-only file of lines by sample id."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Line]:
        """All whole lines by sample id; a torn last line, which a kill leaves, is none.

        Raises:
            ValueError: a malformed line elsewhere, or an id twice; names the line.
        """
        lines: dict[str, Line] = {}
        for number, text in enumerate(whole_lines(self.path), start=1):
            line = self._parse(text, number)
            if line.id in lines:
                raise ValueError(f"{self.path}: line {number} repeats the sample {line.id}")
            lines[line.id] = line
        return lines

    def count(self) -> int:
        """How many whole lines there are; none of them is read."""
        return len(whole_lines(self.path))

    def append(self, lines: Iterable[Line]) -> None:
        """Add lines, in place of a torn last one, and sync them to disk."""
        append_lines(self.path, map(_text, lines))

    def replace(self, lines: Iterable[Line]) -> None:
        """Exchange the whole content; readers see the old or the new one."""
        write_whole(self.path, b"".join(map(_text, lines)))

    def _parse(self, text: bytes, number: int) -> Line:
        try:
            record = json.loads(text)
            own = {name: record.pop(name) for name in ("id", "cluster", "tags", "scores")}
            if isinstance(masks := record.get("masks"), list):
                record["masks"] = [_mask(mask, place) for place, mask in enumerate(masks)]
            return _LINE.validate_python({**own, "prediction": record})
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            reason = first_fault(error) if isinstance(error, ValidationError) else str(error)
            reason = reason.removeprefix("prediction.")
            raise ValueError(f"{self.path}: line {number} is malformed ({reason})") from None


def _mask(given: Any, place: int) -> RLE:
    try:
        return rle.validate(given)
    except ValueError as error:
        raise ValueError(f"mask {place}: {error}") from None


def whole_lines(path: Path) -> list[bytes]:
    """The lines of a file but for a torn last one, which a kill leaves; none where there is no file."""
    if not path.exists():
        return []
    raw = path.read_bytes().removeprefix(codecs.BOM_UTF8)  # of an editor
    return raw[: raw.rfind(b"\n") + 1].splitlines()


def append_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Add lines, each with its end, in place of a torn last one, and sync them to disk."""
    with naming(path), path.open("ab+") as file:
        if file.tell():
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                whole = content.rfind(b"\n") + 1
            file.truncate(whole)
        file.write(b"".join(lines))
        file.flush()
        os.fsync(file.fileno())


def _text(line: Line) -> bytes:
    own = {"id": line.id, "cluster": line.cluster, "tags": dict(line.tags)}
    record = {**own, **asdict(line.prediction), "scores": line.scores}
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"
