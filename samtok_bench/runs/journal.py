"""The journal of a run: one line per answered sample, synced to disk, whole after a kill."""

import codecs
import json
import mmap
import os
import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from samtok_bench import rle
from samtok_bench.files import naming, whole_file
from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Scores
from samtok_bench.validation import first_fault


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the journal."""

    id: str
    cluster: str
    """With the tags, what a comparison of runs needs of the sample: it then works without the data."""
    tags: Mapping[str, str]
    prediction: Prediction
    scores: Scores


_LINE = TypeAdapter(Line)
_ANSWER = [field.name for field in fields(Prediction)]
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Journal:
    """An append-only file of lines by sample id."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Line]:
        """All whole lines by sample id; a torn last line, which a kill leaves, is none.

        Raises:
            ValueError: a malformed line elsewhere, or an id twice; names the line.
        """
        return {line.id: line for line in self.lines()}

    def lines(self) -> Iterator[Line]:
        """The same one after the other, as they are in the file."""
        return (line for _, line in self._placed())

    def walk(self, see: Callable[[Line], None]) -> "StoredLines":
        """Show each of them, and keep only where it is; errors as `read`."""
        starts: dict[str, int] = {}
        for start, line in self._placed():
            see(line)
            starts[line.id] = start
        return StoredLines(self.path, starts)

    def _placed(self) -> Iterator[tuple[int, Line]]:
        seen: set[str] = set()
        for number, (start, text) in enumerate(_placed_lines(self.path), start=1):
            try:
                line = _parsed(text)
            except ValueError as error:
                raise ValueError(f"{self.path}: line {number} is malformed ({error})") from None
            if line.id in seen:
                raise ValueError(f"{self.path}: line {number} repeats the sample {line.id}")
            seen.add(line.id)
            yield start, line

    def count(self) -> int:
        """How many whole lines there are; none of them is read."""
        return sum(1 for _ in whole_lines(self.path))

    def append(self, lines: Iterable[Line]) -> None:
        """Add lines, in place of a torn last one, and sync them to disk."""
        append_lines(self.path, map(_text, lines))

    def replace(self, lines: Iterable[Line]) -> None:
        """Exchange the whole content; readers see the old or the new one."""
        with whole_file(self.path) as file:
            file.writelines(map(_text, lines))


class StoredLines(Mapping[str, Line]):
    """The lines of a journal by sample id, each read when it is looked at.

    That the file is exchanged or grows does not matter; nobody edits it in place meanwhile.
    """

    def __init__(self, path: Path, starts: Mapping[str, int]) -> None:
        self._starts = starts
        self._file = path.open("rb")
        weakref.finalize(self, self._file.close)

    def __getitem__(self, id: str) -> Line:
        self._file.seek(self._starts[id])
        return _parsed(self._file.readline())

    def __iter__(self) -> Iterator[str]:
        return iter(self._starts)

    def __len__(self) -> int:
        return len(self._starts)


def _parsed(text: bytes) -> Line:
    """ValueError for what is no line."""
    try:
        record = json.loads(text)
        own = {name: record.pop(name) for name in ("id", "cluster", "tags", "scores")}
        # what many lines have is one string
        own["scores"] = {sys.intern(name): value for name, value in own["scores"].items()}
        own["tags"] = {sys.intern(name): _shared(value) for name, value in own["tags"].items()}
        own["cluster"] = _shared(own["cluster"])
        if isinstance(masks := record.get("masks"), list):
            record["masks"] = [_mask(mask, place) for place, mask in enumerate(masks)]
        return _LINE.validate_python({**own, "prediction": record})
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        reason = first_fault(error) if isinstance(error, ValidationError) else str(error)
        raise ValueError(reason.removeprefix("prediction.")) from None


def _shared(given: Any) -> Any:
    return sys.intern(given) if isinstance(given, str) else given


def _mask(given: Any, place: int) -> RLE:
    try:
        return rle.validate(given)
    except ValueError as error:
        raise ValueError(f"mask {place}: {error}") from None


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file but for a torn last one, which a kill leaves; none where there is no file."""
    return (text for _, text in _placed_lines(path))


def _placed_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The same, each with the byte where it begins."""
    if not path.exists():
        return
    with path.open("rb") as file:
        start = len(codecs.BOM_UTF8) if file.read(3) == codecs.BOM_UTF8 else 0  # of an editor
        file.seek(start)
        for text in file:
            if text.endswith(b"\n"):
                yield start, text[:-1]
            start += len(text)


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
    answer = {name: getattr(line.prediction, name) for name in _ANSWER}
    answer |= {"codes": [asdict(code) for code in answer["codes"]], "timings": dict(answer["timings"])}
    text = _ENCODER.encode({**own, **answer, "scores": line.scores})
    return text.encode("utf-8", "backslashreplace") + b"\n"
