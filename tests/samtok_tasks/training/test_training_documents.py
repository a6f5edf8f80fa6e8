"""The recipes' parts in the document are sound."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from samtok.training.sources import GROUP
from samtok_tasks.training.mixture import SOURCES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/training-data.md").read_text()
BLOCKS = [yaml.safe_load(block)["data"] for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def check(data: dict[str, Any]) -> None:
    if data["source"] == "mixture":
        for part in data["options"]["sources"]:
            assert part["weight"] > 0
            check({key: value for key, value in part.items() if key != "weight"})
    else:
        SOURCES[data["source"]].checked(data["options"])


@pytest.mark.parametrize("data", BLOCKS, ids=[block["source"] for block in BLOCKS])
def test_options_in_the_page_are_options(data: dict[str, Any]) -> None:
    check(data)


def test_the_page_lists_all_sources_and_recipes_know_them() -> None:
    listed = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE))
    assert listed == set(SOURCES) | {"mixture"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(project["entry-points"][GROUP]) == listed
