"""Damaged results folders, through every command that reads them: one line, a user's exit code, soon."""

import random
import re
import shutil
import time
from pathlib import Path

import pytest
from judged_squares import SERVER, install
from mutations import mutated

from samtok_bench.judging import transcript
from samtok_bench.runs.folder import CEILING, JOURNAL, RUN, SUMMARY

COMMANDS = {
    "run": "run --task judged-squares --model perfect --out run",
    "show": "show run",
    "show one": "show run --sample a194",
    "runs": "runs .",
    "rescore": "rescore run",
    "judge": f"judge run {SERVER}",
    "compare": "compare other run --show 2 --pictures drawn --force",
    "compare judged": "compare other run --judged-by m",
    "gate": "gate gate.yaml",
    "gate given": "gate given.yaml run",
    "power": "gate --power run --baseline other",
    "report": "report run other --out page.html",
    "leaderboard": "leaderboard --results .",
    "add": "leaderboard add run --name added --results results",
}
FILES = (RUN, SUMMARY, JOURNAL, CEILING, transcript.SUMMARY, transcript.TRANSCRIPT)
CODES = {"gate": {0, 2, 3, 4}, "gate given": {0, 2, 3, 4}, "run": {0, 1, 2}, "rescore": {0, 1, 2}}
"""Where they are not 0 and 2: a gate's code of a regression is never one."""
SECONDS = 10.0
"""Of the processor; a tiny run takes a fraction of one."""


@pytest.fixture
def base(work, monkeypatch, called) -> Path:
    """Two finished runs, judged."""
    install(monkeypatch)
    for folder in ("run", "other"):
        code, _, err = called("run", "--task", "judged-squares", "--model", "perfect", "--out", folder)
        assert code == 0, err
        code, _, err = called("judge", folder, *SERVER.split())
        assert code == 0, err
    check = "metric: giou, baseline: other, tolerance: 0.5, min_images: 2"
    Path("gate.yaml").write_text(f"checks: [{{{check}, run: run}}, {{metric: ciou, floor: 0.001, run: run}}]")
    Path("given.yaml").write_text(f"checks: [{{{check}}}]")
    shutil.copytree("run", "whole")
    shutil.move("whole", work.parent / "whole")
    return work


def check(called, name: str, about: str) -> None:
    began = time.process_time()
    code, out, err = called(*COMMANDS[name].split())
    assert time.process_time() - began < SECONDS, about
    assert code in CODES.get(name, {0, 2}), f"{about}: {code}\n{out[-500:]}\n{err[-3000:]}"
    assert "Traceback" not in out + err, about
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", err), f"{about}: {err[-300:]!r}"
    if code == 2:
        *_, last = err.splitlines()
        assert last.startswith("error: "), about
        assert len(last) < 2100, about
        assert sum(line.startswith("error: ") for line in err.splitlines()) == 1, about


def damage(base: Path, name: str, seed: int) -> None:
    shutil.rmtree(base / "run")
    shutil.copytree(base.parent / "whole", base / "run")
    for left in ("results", "drawn"):
        shutil.rmtree(base / left, ignore_errors=True)
    (base / "run" / name).write_bytes(mutated(name, (base / "run" / name).read_bytes(), seed))


def try_mutations(called, base: Path, name: str, seeds: range, commands: int) -> None:
    for seed in seeds:
        for command in random.Random(seed).sample(list(COMMANDS), commands):
            damage(base, name, seed)
            check(called, command, f"{name} {seed} by {command}")


@pytest.mark.parametrize("name", FILES)
def test_some_damaged_files(called, base, name):
    try_mutations(called, base, name, range(25), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_many_damaged_files(called, base, name):
    try_mutations(called, base, name, range(1000, 1150), 2)
