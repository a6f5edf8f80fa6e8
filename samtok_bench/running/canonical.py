"""Values as text that is the same on every machine, to be hashed."""

import json
from collections.abc import Callable, Mapping, Set
from dataclasses import fields, is_dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from pydantic import BaseModel


def canonical() -> Callable[[Any], str]:
    """What writes values as JSON: objects by their fields, sets in order, paths by the last part alone.

    It remembers the sets it has seen, which samples share; so use one for a data set, and no longer.

    It raises:
        TypeError, ValueError, RecursionError: a value has no such form.
    """
    seen: dict[int, tuple[Any, list[Any]]] = {}

    def plain(value: Any) -> Any:
        """One level of a value in terms of JSON."""
        if is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in fields(value)}
        if isinstance(value, Set):
            if id(value) not in seen:
                seen[id(value)] = value, [json.loads(text) for text in sorted(map(encode, value))]
            return seen[id(value)][1]
        if isinstance(value, Mapping | BaseModel):
            return dict(value)
        if isinstance(value, PurePath):
            return value.name
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
        if isinstance(value, np.ndarray | np.generic):
            return value.tolist()
        raise TypeError(f"{type(value).__name__} has no canonical form")

    encode = json.JSONEncoder(sort_keys=True, default=plain).encode
    return encode
