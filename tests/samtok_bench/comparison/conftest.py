"""Comparisons at the command line."""

import json
from pathlib import Path

import pytest
from synthetic_runs import HALF_LOST, PLAIN, write_run


@pytest.fixture
def compared(command):
    """Compare with --json: the object."""

    def compared(*arguments: str) -> dict:
        code, out, err = command("compare", *arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return compared


@pytest.fixture
def refused(command):
    """A comparison that is a mistake: the error line."""

    def refused(*arguments: str) -> str:
        code, out, err = command("compare", *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        return err.removeprefix("error: ").rstrip("\n")

    return refused


@pytest.fixture
def pair(work):
    """The runs `first` and `second`."""
    write_run(Path("first"), PLAIN)
    write_run(Path("second"), HALF_LOST)
    return "first", "second"
