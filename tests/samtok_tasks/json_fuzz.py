"""Changes of JSON documents, for fuzzing readers."""

import copy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from samtok_bench.sample import Sample
from samtok_bench.task import Task


def places(content: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a JSON document."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    found = []
    for key, value in items:
        found.append((*prefix, key))
        if isinstance(value, dict | list):
            found += places(value, (*prefix, key))
    return found


def changed(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value in one place."""
    content = copy.deepcopy(content)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return content


def json_values(*keys: str) -> st.SearchStrategy[Any]:
    """Any JSON value, NaN too; objects have some of these keys."""
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(keys), inner),
        max_leaves=6,
    )


def read_or_refused(task: Task, root: Path, split: str, file: str) -> list[Sample]:
    """The samples; none where the reader refuses the data, which it must in one line that names the file."""
    try:
        return task.samples(root, split).samples
    except ValueError as error:
        refusal = str(error)
    assert file in refusal
    assert "\n" not in refusal
    return []
