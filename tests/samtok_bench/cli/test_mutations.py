"""Damaged results folders, through every command that reads them: one line, a user's exit code, soon."""

import json
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
SECONDS = 30.0
"""Of the processor; a tiny run takes a fraction of one, but a gate may load nano."""


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


@pytest.mark.parametrize("seeds", [range(5), pytest.param(range(1000, 1015), marks=pytest.mark.slow)])
def test_damaged_files(called, base, seeds):
    for name in FILES:
        for seed in seeds:
            command = random.Random(f"{name} {seed}").choice(list(COMMANDS))
            damage(base, name, seed)
            check(called, command, f"{name} {seed} by {command}")


GATE = {
    "checks": [
        {
            "name": "kept",
            "run": "run",
            "baseline": "other",
            "metric": "giou",
            "tolerance": 0.5,
            "min_images": 2,
        },
        {
            "name": "made",
            "run": {"task": "squares", "model": "perfect", "limit": 4},
            "metric": "ciou",
            "floor": 0.01,
        },
        {
            "name": "part",
            "run": "run",
            "metric": "ciou",
            "floor": 0.01,
            "tag": {"parity": "odd"},
            "max_failed": 0.1,
        },
    ]
}
HOSTILE_YAML = (
    "checks: &a [*a]",
    "checks: !!timestamp x",
    "checks: [{metric: giou, floor: !!float x}]",
    "checks: [{metric: giou, floor: !!int '" + "9" * 5000 + "'}]",
    "checks: [{metric: giou, floor: 1" + ":59" * 40_000 + "}]",
    "checks: !!binary é",
    "checks: !!python/object/apply:os.system [touch ran]",
    "checks: " + "[" * 5000,
    "checks: " + "{a: " * 5000,
    "- " * 5000,
    "a: &a [x, x]\n"
    + "".join(f"{c}: &{c} [{f'*{b}, ' * 9}]\n" for b, c in zip("abcdefgh", "bcdefghi", strict=True)),
    "a: &a {x: 1}\n"
    + "".join(f"{c}: &{c} {{<<: [{f'*{b}, ' * 9}]}}\n" for b, c in zip("abcdefgh", "bcdefghi", strict=True)),
    "? [a]\n: b",
    "? {a: b}\n: c",
    "checks: [{metric: giou, metric: ciou}]",
    "--- a\n--- b",
    "%YAML 9.9\n---\nchecks: []",
    "\tchecks: []",
    'checks: "\\x',
    "x" * 1_000_000,
    "checks: [" + "x, " * 200_000 + "]",
)


def check_gate(called, about: str) -> None:
    began = time.process_time()
    code, out, err = called("gate", "gate.yaml")
    assert time.process_time() - began < SECONDS, about
    worse = {1} if "below the floor" in out else set()  # as of another model than was meant
    assert code in CODES["gate"] | worse, f"{about}: {code}\n{out[-500:]}\n{err[-3000:]}"
    assert "Traceback" not in out + err, about
    if code == 2:
        assert err.splitlines()[-1].startswith("error: "), about
        assert len(err.splitlines()[-1]) < 2100, about


@pytest.mark.parametrize("place", range(len(HOSTILE_YAML)))
def test_hostile_yaml(called, work, place):
    Path("gate.yaml").write_text(HOSTILE_YAML[place])
    check_gate(called, HOSTILE_YAML[place][:80])
    assert called("gate", "gate.yaml")[0] == 2
    assert not Path("ran").exists()


@pytest.mark.parametrize("count", [20, pytest.param(80, marks=pytest.mark.slow)])
def test_damaged_gates(called, base, count):
    raw = json.dumps(GATE).encode()
    for seed in range(count):
        Path("gate.yaml").write_bytes(mutated("gate.yaml", raw, seed))
        check_gate(called, f"gate.yaml {seed}")
