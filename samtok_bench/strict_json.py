"""JSON from elsewhere, without what Python lets pass in silence."""

import json
import math
from typing import Any

DEEPEST = 50
"""Levels of lists and objects in each other."""
_TOO_DEEP = f"more than {DEEPEST} levels"


def parse_json(raw: bytes) -> Any:
    """The content of a JSON file.

    Raises:
        ValueError: it is not JSON, has a key twice in an object (of which Python would keep the last), a
            number that is not finite, half of a character, which no file can hold, or depth without end.
    """
    try:
        text = raw.decode("utf-8-sig")
        content = json.loads(text, object_pairs_hook=_each_once, parse_float=_finite, parse_constant=_finite)
        if "\\ud" in text.lower():
            json.dumps(content, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(f"half of a character (a lone surrogate), {half!a}") from None
    level = [content]
    for _ in range(DEEPEST):
        inner = [value for value in level if isinstance(value, dict | list)]
        level = [
            value for values in inner for value in (values.values() if isinstance(values, dict) else values)
        ]
    if level:
        raise ValueError(_TOO_DEEP)
    return content


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is no finite number")
    return number


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        left = dict(content)
        twice = next(key for key, _ in reversed(pairs) if left.pop(key, pairs) is pairs)
        raise ValueError(f"the key {twice[:60]!r} comes twice")
    return content
