"""Pickles that hold plain containers and nothing else."""

import io
import pickle
from pathlib import Path
from typing import Any

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


class _PlainUnpickler(pickle._Unpickler):
    # The unpickler in C has no table of operations to cut down, and takes as much memory for its memo
    # as a broken file asks for. This one needs 3 s for the 24 MB of RefCOCO.
    dispatch = {code[0]: pickle._Unpickler.dispatch[code[0]] for code in _PLAIN}  # noqa: RUF012


def read_plain_pickle(path: Path) -> Any:
    """The content of a pickle of None, bool, int, float, str, list, tuple and dict.

    Python 2 strings are read as latin-1. Anything else in the file, were it a harmless class, is refused
    before it is looked up.

    Raises:
        ValueError: the file is broken or holds more than plain containers.
    """
    data = path.read_bytes()
    try:
        return _PlainUnpickler(io.BytesIO(data), encoding="latin1").load()
    except Exception as error:
        # the standard library promises no particular exception for a broken file
        if isinstance(error, KeyError) and error.args and isinstance(error.args[0], int):
            code = bytes([error.args[0]]) if 0 <= error.args[0] < 256 else b""
            reason = f"the operation {code!r} is not allowed: only plain containers are read"
        else:
            reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is not a pickle of plain containers: {reason}") from None
