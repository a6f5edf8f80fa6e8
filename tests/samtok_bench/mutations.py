"""Damaged files, made from whole ones: what disks, editors and strangers do to JSON and JSON lines."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    -0.5,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\ud800",
    "\x1b[31m\n\r",
    "y" * 100_000,
    "../../etc/passwd",
    [],
    [[]],
    {},
    {"": {}},
    [None, 1, "x"],
    {"id": 1},
)


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside."""
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(content: Any, path: tuple[Any, ...], rng: random.Random) -> Any:
    """A copy with another value at a place, none, or the value somewhere else."""
    copy = deepcopy(content)
    *outer, last = path
    parent = copy
    for key in outer:
        parent = parent[key]
    value, kind = parent[last], rng.random()
    if kind < 0.2:
        del parent[last]
    elif kind < 0.25 and isinstance(parent, list):
        parent.append(value)
    elif kind < 0.3 and isinstance(parent, dict):
        parent["extra"] = value
    elif kind < 0.35:
        parent[last] = [value]
    elif kind < 0.4:
        parent[last] = {"x": value}
    elif kind < 0.45:
        parent[last] = str(value)
    elif kind < 0.5 and isinstance(value, int | float):
        parent[last] = rng.choice([-value, value * 1e9, value + 0.5])
    else:
        parent[last] = rng.choice(VALUES)
    return copy


def bytes_changed(raw: bytes, rng: random.Random) -> bytes:
    """Torn, repeated, nested too deep, no text at all, or no JSON that one would write."""
    place = rng.randrange(len(raw))
    return rng.choice(
        [
            lambda: b"",
            lambda: raw[:place],
            lambda: raw[place:],
            lambda: raw[:place] + bytes(rng.randrange(256) for _ in range(8)) + raw[place:],
            lambda: raw[:place] + b"\xff\xfe" + raw[place:],
            lambda: raw.replace(b'"', b"'"),
            lambda: raw.replace(b":", b":\x00", 1),
            lambda: raw + raw,
            lambda: b"[" * 100_000,
            lambda: b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
            lambda: b"null\n",
            lambda: b"[]\n",
            lambda: b"9" * 10_000 + b"\n",
            lambda: b"\xef\xbb\xbf" + raw,
            lambda: bytes(rng.randrange(256) for _ in range(2000)),
            lambda: raw.replace(b"0", b"9" * 5000, 1),
            lambda: b"\x89PNG\r\n\x1a\n" + raw,
            lambda: b"<!DOCTYPE html><html>" + raw,
            lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        ]
    )()


def json_mutations(raw: bytes, rng: random.Random) -> Iterator[bytes]:
    """Endless: damaged versions of a JSON file."""
    content = json.loads(raw)
    found = list(places(content))
    while True:
        kind = rng.random()
        if kind < 0.2:
            yield bytes_changed(raw, rng)
        elif kind < 0.25:  # a key twice
            key = rng.choice([path[-1] for path in found if isinstance(path[-1], str)])
            own = json.dumps(key).encode()
            yield raw.replace(own, b"%s: null, %s" % (own, own), 1)
        else:
            yield json.dumps(changed(content, rng.choice(found), rng), indent=1).encode(
                "utf-8", "surrogatepass"
            )


def lines_mutations(raw: bytes, rng: random.Random) -> Iterator[bytes]:
    """Endless: damaged versions of a file of JSON lines."""
    lines = raw.splitlines(keepends=True)
    while True:
        kind, number = rng.random(), rng.randrange(len(lines))
        if kind < 0.1:
            yield bytes_changed(raw, rng)
        elif kind < 0.15:
            yield b"".join([*lines[:number], lines[0], *lines[number:]])
        elif kind < 0.2:
            yield b"".join([*lines[:number], *lines[number + 1 :]])
        else:
            line = next(json_mutations(lines[number], rng)).replace(b"\n", b" ") + b"\n"
            yield b"".join([*lines[:number], line, *lines[number + 1 :]])


def mutated(name: str, raw: bytes, seed: int) -> bytes:
    """One damaged version of a file, by its name's ending."""
    rng = random.Random(f"{name} {seed}")
    if name.endswith(".jsonl"):
        return next(lines_mutations(raw, rng))
    return next(json_mutations(raw, rng))
