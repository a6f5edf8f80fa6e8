"""The JSON objects of a text that may be cut or broken anywhere, found in linear time.

The decoder of the standard library alone would read a broken object to its end for each object in it, and
counts all lines before each fault.
"""

import json
import re
from typing import Any

_DECODER = json.JSONDecoder(strict=False)
_TOKEN = re.compile(
    r"[ \t\n\r]*+(?:"
    r'(?P<string>"(?:[^"\\]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    r"|(?P<scalar>-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][-+]?+[0-9]++)?+|-?Infinity|NaN|true|false|null)"
    r"|(?P<sign>[][{}:,]))"
)
"""As the decoder reads: NaN is a number, and strings may hold line breaks."""
_MAY_COME = {
    "{": ("string", "}"),
    "key": ("string",),
    ":": (":",),
    "[": ("string", "scalar", "{", "[", "]"),
    "value": ("string", "scalar", "{", "["),
    ",": (",", "}", "]"),
}
"""What may come in each state."""
_PAIRS = ("{}", "[]")


class Objects:
    """The objects of a text. It remembers which of them are whole.

    Args:
        text: any.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._whole: dict[int, bool] = {}

    def read(self, start: int) -> tuple[dict[str, Any], int] | None:
        """The object that begins with the "{" at a place, and where it ends; None if it is cut or broken."""
        if start not in self._whole:
            self._check(start)
        if not self._whole[start]:
            return None
        try:
            return _DECODER.raw_decode(self._text, start)
        except (ValueError, RecursionError):  # a number of too many digits, or objects too deep
            return None

    def _check(self, start: int) -> None:
        """Find out which objects are whole, of that at a place and all in it up to a fault.

        Those that are open at a fault are broken: read alone, each ends there too.
        """
        opened: list[tuple[str, int]] = []
        state, at = "value", start
        while token := _TOKEN.match(self._text, at):
            at, kind = token.end(), token["sign"] or str(token.lastgroup)
            if kind not in _MAY_COME[state]:
                break
            if kind in ("{", "["):
                opened.append((kind, at - 1))
                state = kind
            elif kind == ":":
                state = "value"
            elif kind == ",":
                state = "key" if opened[-1][0] == "{" else "value"
            elif kind in ("}", "]"):
                if opened[-1][0] + kind not in _PAIRS:
                    break
                bracket, place = opened.pop()
                if bracket == "{":
                    self._whole[place] = True
                if not opened:
                    return
                state = ","
            else:
                state = ":" if state in ("{", "key") else ","
        self._whole |= {place: False for bracket, place in opened if bracket == "{"}
