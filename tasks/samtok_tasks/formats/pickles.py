"""Pickles that hold plain containers and nothing else."""

import io
import pickle
from pathlib import Path
from typing import Any, ClassVar

# Everything that builds None, bool, int, float, str, list, tuple and dict. What is not here (names of
# classes and functions, calls, object states, persistent ids) cannot be read, so nothing can be run.
_PLAIN = (
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP, pickle.POP_MARK, pickle.DUP),
    *(pickle.NONE, pickle.NEWTRUE, pickle.NEWFALSE, pickle.FLOAT, pickle.BINFLOAT),
    *(pickle.INT, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG, pickle.LONG1, pickle.LONG4),
    *(pickle.STRING, pickle.BINSTRING, pickle.SHORT_BINSTRING),
    *(pickle.UNICODE, pickle.BINUNICODE, pickle.SHORT_BINUNICODE, pickle.BINUNICODE8),
    *(pickle.LIST, pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.DICT, pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.TUPLE, pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3),
    *(pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE),
    *(pickle.GET, pickle.BINGET, pickle.LONG_BINGET),
)


_KEYS = frozenset({str, int, float, bool, type(None)})
MOST_DEPTH = 50
"""Containers inside each other; refer's files have 4."""


def _table(items: list[Any]) -> dict[Any, Any]:
    """Keys and values in turn. To hash a tuple of tuples can take for ever, or overflow the stack in C."""
    keys = items[::2]
    if strange := {type(key) for key in keys} - _KEYS:
        raise pickle.UnpicklingError(f"a key is a {strange.pop().__name__}")
    return dict(zip(keys, items[1::2], strict=True))


def _load_dict(unpickler: Any) -> None:
    items = unpickler.pop_mark()
    unpickler.append(_table(items))


def _load_setitem(unpickler: Any) -> None:
    value, key = unpickler.stack.pop(), unpickler.stack.pop()
    unpickler.stack[-1].update(_table([key, value]))


def _load_setitems(unpickler: Any) -> None:
    items = unpickler.pop_mark()
    unpickler.stack[-1].update(_table(items))


class _PlainUnpickler(pickle._Unpickler):
    # The unpickler in C has no table of operations to cut down, and takes as much memory for its memo
    # as a broken file asks for. This one needs 3 s for the 24 MB of RefCOCO.
    dispatch: ClassVar = {
        **{code[0]: pickle._Unpickler.dispatch[code[0]] for code in _PLAIN},
        pickle.DICT[0]: _load_dict,
        pickle.SETITEM[0]: _load_setitem,
        pickle.SETITEMS[0]: _load_setitems,
    }

    def _decode_string(self, value: bytes) -> str | bytes:
        """A Python 2 string: text where it is UTF-8, else left as it is, for the record's check to refuse."""
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value


def _check_nesting(value: Any, most: int) -> None:
    """Refuse what readers cannot walk through: deep nests, containers in themselves, and those that are
    shared so often that they unfold to more than `most` parts."""
    level: list[Any] = [[value]]
    parts = 0
    for _ in range(MOST_DEPTH):
        parts += sum(map(len, level))
        if parts > most:
            raise pickle.UnpicklingError("shared parts unfold to more than the file holds")
        level = [
            part
            for container in level
            for part in (container.values() if isinstance(container, dict) else container)
            if isinstance(part, list | tuple | dict)
        ]
        if not level:
            return
    raise pickle.UnpicklingError(f"nested deeper than {MOST_DEPTH} levels")


def read_plain_pickle(path: Path) -> Any:
    """The content of a pickle of None, bool, int, float, str, list, tuple and dict.

    Python 2 strings are read as UTF-8; those that are none stay bytes, which no text field of a record takes.
    Anything else in the file, were it a harmless class, is refused before it is looked up.

    Raises:
        ValueError: the file is broken, holds more than plain containers, or nests them as no data set does.
    """
    data = path.read_bytes()
    try:
        value = _PlainUnpickler(io.BytesIO(data)).load()
        _check_nesting(value, most=len(data))
    except Exception as error:
        # the standard library promises no particular exception for a broken file
        if isinstance(error, KeyError) and error.args and isinstance(error.args[0], int):
            code = bytes([error.args[0]]) if 0 <= error.args[0] < 256 else b""
            reason = f"the operation {code!r} is not allowed: only plain containers are read"
        else:
            kind = "" if isinstance(error, pickle.UnpicklingError) else f"{type(error).__name__}: "
            reason = f"{kind}{error}"
        raise ValueError(f"{path} is not a pickle of plain containers: {reason}") from None
    return value
