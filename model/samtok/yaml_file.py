"""YAML files from elsewhere, read in bounded time and memory: recipes, and the files of gates."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

MOST_BYTES = 2**18
"""Of a file; the parser takes some seconds for as many."""
DEEPEST = 50
"""Levels of lists and mappings in each other."""
MOST_VALUES = 20_000
"""In all, where a value counts once more for every alias of it."""
_MERGE = "tag:yaml.org,2002:merge"


def read_yaml(path: Path) -> Any:
    """The one document of a YAML file: plain values, lists and mappings.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not YAML, repeats a key, or is too large or too deep; names file and line.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} is larger than {MOST_BYTES} bytes, which no recipe and no gate's file is")
    try:
        loader = _Loader(content)
        loader.name = path.name  # in error messages
        return loader.get_single_data()
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


class _Loader(yaml.SafeLoader):
    """Plain values only, each key once, and an end to depth and to aliases of aliases."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self._depth, self._total = 0, 0
        self._sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if self._depth == DEEPEST:
            raise ComposerError(None, None, f"more than {DEEPEST} levels", event.start_mark)
        alias, before = isinstance(event, yaml.AliasEvent), self._total
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        assert node is not None
        if alias and node not in self._sizes:
            raise ComposerError(None, None, "a value contains itself", event.start_mark)
        self._total += self._sizes[node] if alias else 1
        self._sizes.setdefault(node, self._total - before)
        if self._total > MOST_VALUES:
            raise ComposerError(None, None, f"more than {MOST_VALUES} values", event.start_mark)
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # YAML would silently keep only the last of equal keys; before `<<` is resolved, which repeats some
        node = super().compose_mapping_node(anchor)
        for (_, name), count in Counter(_identity(key) for key, _ in node.value).items():
            if count > 1:
                raise ComposerError(None, None, f"the key {name!r} appears {count} times", node.start_mark)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        # PyYAML 6.0.4 takes the wrong one of equal keys where the merged mapping itself merges another
        own = {_identity(key): (key, value) for key, value in node.value if key.tag != _MERGE}
        merged: dict[Any, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(source, yaml.MappingNode):
                        raise ConstructorError(None, None, "`<<` takes mappings only", source.start_mark)
                    self.flatten_mapping(source)
                    merged = {_identity(pair[0]): pair for pair in source.value} | merged
        node.value = list((merged | own).values())

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
            kind = node.tag.rpartition(":")[2]
            raise ConstructorError(None, None, f"this is no {kind} ({error})", node.start_mark) from None


def _identity(key: yaml.Node) -> tuple[str, Any]:
    return key.tag, key.value if isinstance(key, yaml.ScalarNode) else id(key)
