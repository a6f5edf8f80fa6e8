"""Checks of what others wrote, and what pydantic finds wrong in one line."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, ValidationError


def first_fault(error: ValidationError) -> str:
    """The first fault: its place, and what is wrong there."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "its content"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def below(given: str) -> str:
    """The path of a file below some folder, without needless dots; ValueError for another path."""
    path = PurePosixPath(given)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in given:
        raise ValueError(f"must be a path below the folder, got {given!r}")
    return str(path)


PathBelow = Annotated[str, AfterValidator(below)]
"""The path of a file below some folder, without needless dots."""
