"""Records of annotation files: what is read, and what is said of a broken one."""

import json
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_fuzz import json_values

from samtok_bench.validation import below
from samtok_tasks.formats.files import (
    NoSplitError,
    NotTextError,
    PathBelow,
    Record,
    parse,
    read_json,
    read_lines,
    read_list,
    read_part,
    require_split,
)


class Mask(Record):
    size: list[int]


class Question(Record):
    image: PathBelow
    place: int
    masks: list[Mask]


RECORD = {"image": "a/./b.png", "place": 3, "masks": [{"size": [4, 6]}], "more": None}


def test_a_record_is_read_and_more_fields_pass():
    record = parse(Question, RECORD, "f.json: record 1")
    assert record == Question(image="a/b.png", place=3, masks=[Mask(size=[4, 6])])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"place": "3"}, "place: Input should be a valid integer, got '3'"),
        ({"place": True}, "place: Input should be a valid integer, got True"),
        ({"place": 3.0}, "place: Input should be a valid integer, got 3.0"),
        ({"image": "../b.png"}, "image: must be a path below the folder, got '../b.png'"),
        ({"image": "/b.png"}, "image: must be a path below the folder, got '/b.png'"),
        ({"image": "."}, "image: must be a path below the folder, got '.'"),
        ({"image": "a\0"}, r"image: must be a path below the folder, got 'a\x00'"),
        ({"masks": [3]}, "masks.0: Input should be a valid dictionary, got 3"),
        ({"masks": [{}]}, "masks.0.size: Field required"),
        ({"masks": "x" * 200}, f"masks: Input should be a valid list, got '{'x' * 79}..."),
    ],
)
def test_a_broken_record_is_one_line(change, message):
    with pytest.raises(ValueError, match=r"^f\.json: record 1: ") as error:
        parse(Question, RECORD | change, "f.json: record 1")
    assert str(error.value) == f"f.json: record 1: {message}"


class Texts(Record):
    caption: str = ""
    labels: list[str] | None = None


@pytest.mark.parametrize(
    ("record", "name"), [({"caption": "a smile \ud83d"}, "caption"), ({"labels": ["a", "\ude00"]}, "labels")]
)
def test_half_of_a_character_is_named_with_its_record(record, name):
    with pytest.raises(ValueError, match=rf"^f\.json: record 1: .*'{name}' holds half of a character"):
        parse(Texts, record, "f.json: record 1")
    whole = json.loads('{"caption": "a smile \\ud83d\\ude00, é"}')
    assert parse(Texts, whole, "f.json: record 1").caption == "a smile \U0001f600, é"


def test_a_record_is_a_dictionary():
    with pytest.raises(ValueError, match=r"^f\.json: record 1: expected a dictionary, got list$"):
        parse(Question, [RECORD], "f.json: record 1")


@given(json_values("image", "place", "masks", "size"))
def test_any_value_is_read_or_refused_in_one_line(value):
    try:
        parse(Question, value, "f.json: record 1")
    except ValueError as error:
        said = str(error)
        assert said.startswith("f.json: record 1: ")
        assert "\n" not in said


def test_lists_and_lines_say_where_each_record_is(tmp_path):
    path = tmp_path / "a.json"
    masks = [Mask(size=[1]), Mask(size=[2])]
    path.write_text(json.dumps([{"size": [1]}, {"size": [2]}, 3]))
    listed = read_list(path, Mask)
    assert [next(listed), next(listed)] == [(f"{path}: record {k}", masks[k]) for k in (0, 1)]
    with pytest.raises(ValueError, match=r"a\.json: record 2: expected a dictionary, got int"):
        next(listed)
    path.write_text('{"size": [1]}\n\n{"size": [2]}\r\n[')
    lines = read_lines(path, Mask)
    assert [next(lines), next(lines)] == [(f"{path}: line 1", masks[0]), (f"{path}: line 3", masks[1])]
    with pytest.raises(ValueError, match=r"a\.json: line 4 is not JSON: "):
        next(lines)
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json: expected a list, got dict"):
        list(read_list(path, Mask))
    content = {"masks": [{"size": [1]}, {}]}
    part = read_part(content, "masks", Mask, path, "mask")
    assert next(part) == (f"{path}: mask 0", masks[0])
    with pytest.raises(ValueError, match=r"a\.json: mask 1: size: Field required"):
        next(part)
    with pytest.raises(ValueError, match=r"a\.json: the field 'boxes' is missing"):
        next(read_part(content, "boxes", Mask, path, "box"))


def test_text_in_another_encoding_is_named_and_never_guessed(tmp_path):
    path = tmp_path / "a.json"
    said = '{"caption": "左边的伞"}'
    path.write_bytes(said.encode("gbk"))
    with pytest.raises(
        NotTextError, match=r"a\.json is not a JSON file in UTF-8: byte 0xd7 at position 13; "
    ):
        read_json(path)
    with pytest.raises(ValueError, match=r"a\.json: line 1 is not JSON in UTF-8: byte 0xd7 at position 13; "):
        next(read_lines(path, Texts))
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes(said.encode(encoding))
        assert read_json(path) == {"caption": "左边的伞"}
    path.write_bytes(said.encode("utf-8-sig"))
    assert next(read_lines(path, Texts))[1].caption == "左边的伞"


def test_splits():
    require_split("gres", "val", ("val", "test"))
    with pytest.raises(NoSplitError, match=r"^gres has no split 'x'; it has val, test$"):
        require_split("gres", "x", ("val", "test"))


@given(st.text("a./\0\né", max_size=7))
def test_paths_below_a_folder_are_what_pathlib_makes_of_them(given_path):
    path = PurePosixPath(given_path)
    allowed = path.parts and not path.is_absolute() and ".." not in path.parts and "\0" not in given_path
    if allowed:
        assert below(given_path) == str(path)
    else:
        with pytest.raises(ValueError, match="must be a path below the folder"):
            below(given_path)
