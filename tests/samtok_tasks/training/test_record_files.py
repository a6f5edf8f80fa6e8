"""Files of many records by their places."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samtok_tasks.training import record_files
from samtok_tasks.training.record_files import RecordFile
from samtok_tasks.training.streams import UnusableError

VALUES = st.recursive(
    st.none() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=25)
@given(st.lists(VALUES, max_size=6), st.integers(1, 40), st.booleans(), st.sampled_from([None, 1]))
def test_records_are_those_of_the_list(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any], chunk: int, ascii_only: bool, indent: Any
) -> None:
    """However the file is cut into chunks: escapes, brackets in strings and characters of many bytes."""
    path = tmp_path_factory.getbasetemp() / "records.json"
    path.write_text(json.dumps(records, ensure_ascii=ascii_only, indent=indent), "utf-8", newline="\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_files, "_CHUNK", chunk)
        # the first chunk tells what the file is
        read = RecordFile(path)
        assert [read[number] for number in range(len(read))] == records


def test_lines_are_records_and_blank_ones_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n\n  \n{"a": "\xc3\xa9"}\r\n{"a": 3}')
    read = RecordFile(path)
    assert [read[number] for number in range(len(read))] == [{"a": 1}, {"a": "é"}, {"a": 3}]


def test_a_broken_line_is_met_when_it_is_read(tmp_path: Path) -> None:
    (path := tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    read = RecordFile(path)
    assert len(read) == 3
    with pytest.raises(UnusableError, match=r"a\.jsonl: record 1: Expecting value"):
        read[1]


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        ('[{"a": 1}, {"a": 2}', 1, "the file is cut off"),
        ('[{"a": 1}, {"a": ', 1, "Expecting value"),
        ('[{"a": 1} {"a": 2}]', 1, "a comma"),
        ('[{"a": 1},]', 1, "Expecting value"),
        ("[", 0, "Expecting value"),
        ("[" * 5000, 0, "maximum recursion depth|Expecting"),
    ],
)
def test_a_list_that_is_not_whole_is_named_with_its_record(
    tmp_path: Path, text: str, number: int, said: str
) -> None:
    (path := tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=rf"a\.json: record {number} is not JSON: ({said})"):
        len(RecordFile(path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"b\.json is missing"):
        RecordFile(tmp_path / "b.json")


def test_a_list_is_not_held_in_memory(tmp_path: Path) -> None:
    """Ten megabytes, of which a chunk and the places are."""
    import tracemalloc

    record = json.dumps({"image": "a.jpg", "text": "x" * 1000})
    (path := tmp_path / "a.json").write_text("[" + ",\n".join([record] * 10_000) + "]")
    tracemalloc.start()
    assert len(RecordFile(path)) == 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6e6
