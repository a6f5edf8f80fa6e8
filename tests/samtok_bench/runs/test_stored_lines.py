"""Lines of a journal that stay in the file until they are looked at."""

import codecs
from pathlib import Path

import pytest

from samtok_bench.runs.journal import Journal, Line
from samtok_bench.sample import Prediction


def line(id: str, text: str) -> Line:
    return Line(id, "image.png", {"kind": "a"}, Prediction(text=text), {"iou": 0.5})


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_lines_are_read_when_they_are_looked_at(tmp_path: Path, mark: bytes):
    journal = Journal(tmp_path / "samples.jsonl")
    lines = {id: line(id, text) for id, text in (("b", "two é"), ("a", ""), ("c", "x" * 9000))}
    journal.replace(lines.values())
    journal.path.write_bytes(mark + journal.path.read_bytes() + b'{"id":"torn')
    seen: list[Line] = []
    stored = journal.walk(seen.append)
    assert seen == list(lines.values())
    assert (len(stored), list(stored), "d" in stored) == (3, ["b", "a", "c"], False)
    journal.replace([line("b", "of a later time")])  # as a rescore does
    assert stored == lines
    assert journal.read() == {"b": line("b", "of a later time")}


def test_a_line_that_repeats_is_named(tmp_path: Path):
    journal = Journal(tmp_path / "samples.jsonl")
    journal.append([line("a", ""), line("b", ""), line("a", "")])
    with pytest.raises(ValueError, match=r"samples.jsonl: line 3 repeats the sample a"):
        journal.walk(lambda line: None)
