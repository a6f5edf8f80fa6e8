"""One check of a gate, at the command line."""

import json

import pytest
from gate_files import write_gate


@pytest.fixture
def check(command, work):
    """Gate one check with --json: (exit code, the check's object)."""

    def check(*runs: str, **entry) -> tuple[int, dict]:
        write_gate(work / "gate.yaml", {"metric": "mean", **entry})
        code, out, err = command("gate", "gate.yaml", *runs, "--json")
        assert code != 2, err
        return code, json.loads(out)["checks"][0]

    return check


@pytest.fixture
def refused(command, work):
    """Gate one check that is a mistake: the error line."""

    def refused(*runs: str, **entry) -> str:
        write_gate(work / "gate.yaml", {"metric": "mean", **entry})
        code, out, err = command("gate", "gate.yaml", *runs)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        return err

    return refused
