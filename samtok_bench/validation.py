"""What pydantic finds wrong, in one line."""

from pydantic import ValidationError


def first_fault(error: ValidationError) -> str:
    """The first fault: its place, and what is wrong there."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"]) or "its content"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
