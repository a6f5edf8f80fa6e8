import collections
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samtok_tasks.formats.files import Record, parse
from samtok_tasks.formats.pickles import read_plain_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
RECORD = [
    {"ref_id": 1, "ann_id": 2, "split": "val", "sentences": [{"raw": "Left man", "tokens": ("left", "man")}]}
]


class _Said(Record):
    raw: str


class Trap:
    """Runs a command when it is unpickled in the ordinary way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.target}",)


def store(folder: Path, data: bytes) -> Path:
    path = folder / "refs(unc).p"
    path.write_bytes(data)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=PLAIN, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_containers_come_back(tmp_path: Path, value: Any, protocol: int) -> None:
    assert read_plain_pickle(store(tmp_path, pickle.dumps(value, protocol))) == value


def test_python_2_strings(tmp_path: Path) -> None:
    # what Python 2.7 writes for [{'raw': 'caf\xc3\xa9', u'id': 3L}] with protocol 2, and for 'caf\xe9'
    data = b"\x80\x02]q\x00}q\x01(U\x03rawq\x02U\x05caf\xc3\xa9q\x03X\x02\x00\x00\x00idq\x04\x8a\x01\x03ua."
    assert read_plain_pickle(store(tmp_path, data)) == [{"raw": "café", "id": 3}]
    western = data.replace(b"\x05caf\xc3\xa9", b"\x04caf\xe9")
    (record,) = read_plain_pickle(store(tmp_path, western))
    with pytest.raises(ValueError, match=r"^refs: 0: raw: .*got b'caf\\xe9', which is not UTF-8$"):
        parse(_Said, record, "refs: 0")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_trap_is_refused_and_runs_nothing(tmp_path: Path, protocol: int) -> None:
    target = tmp_path / "ran"
    path = store(tmp_path, pickle.dumps([*RECORD, Trap(target)], protocol))
    with pytest.raises(ValueError, match=r"refs\(unc\).p is not a pickle of plain containers: the operation"):
        read_plain_pickle(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())
    assert target.exists(), "the trap would have worked"


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(collections.OrderedDict(a=1), 2),
        pickle.dumps({1, 2}, 4),
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x02\x82\x01.",
        b"Pname\n.",
    ],
    ids=["class", "set", "global", "instance", "extension", "persistent"],
)
def test_harmless_classes_are_refused_too(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ValueError, match="only plain containers are read"):
        read_plain_pickle(store(tmp_path, data))


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_every_cut_is_refused(tmp_path: Path, protocol: int) -> None:
    data = pickle.dumps(RECORD, protocol)
    for length in range(len(data)):
        with pytest.raises(ValueError, match="not a pickle of plain containers"):
            read_plain_pickle(store(tmp_path, data[:length]))


def test_a_promise_of_much_data_takes_no_memory(tmp_path: Path) -> None:
    huge = b"\xff\xff\xff\x7f"
    assert read_plain_pickle(store(tmp_path, b"]r" + huge + b".")) == []
    with pytest.raises(ValueError, match="not a pickle"):
        read_plain_pickle(store(tmp_path, b"X" + huge + b"abc."))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(place=st.integers(0, 10_000), byte=st.integers(0, 255), protocol=st.sampled_from([0, 2, 4]))
def test_a_changed_byte_is_read_or_refused_cleanly(
    tmp_path: Path, place: int, byte: int, protocol: int
) -> None:
    data = bytearray(pickle.dumps(RECORD, protocol))
    data[place % len(data)] = byte
    expected = refusal = f"{tmp_path}/refs(unc).p is not a pickle of plain containers"
    try:
        read_plain_pickle(store(tmp_path, bytes(data)))
    except ValueError as error:
        refusal = str(error)
    assert refusal.startswith(expected)


NESTED = b")" + b"\x85" * 1_000_000  # a tuple a million deep
SHARED = b")" + b"q\x00h\x00\x86" * 64  # a tuple that unfolds to 2^64 parts


@pytest.mark.timeout(60)
@pytest.mark.parametrize("key", [NESTED, SHARED], ids=["nested", "shared"])
@pytest.mark.parametrize(
    ("before", "after"), [(b"}", b"Ns"), (b"}(", b"Nu"), (b"(", b"Nd")], ids=["one", "several", "made"]
)
def test_keys_that_hashing_cannot_survive(tmp_path: Path, key: bytes, before: bytes, after: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a pickle of plain containers: a key is a tuple"):
        read_plain_pickle(store(tmp_path, before + key + after + b"."))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (NESTED, "nested deeper than 50 levels"),
        (b"]" * 1_000_000 + b"a" * 999_999, "nested deeper than 50 levels"),
        (b"]q\x00h\x00a", "shared parts unfold to more than the file holds"),  # a list in itself
        (SHARED, "shared parts unfold to more than the file holds"),
    ],
    ids=["tuples", "lists", "circle", "shared"],
)
def test_nests_that_readers_cannot_walk_through(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_plain_pickle(store(tmp_path, data + b"."))


def test_parts_that_are_shared_as_pickle_does(tmp_path: Path) -> None:
    tokens = ["the", "left", "one"]
    records = [{"tokens": tokens, "box": (1, 2, 3, 4)} for _ in range(500)]
    assert read_plain_pickle(store(tmp_path, pickle.dumps(records, 2))) == records
