"""Every command in the documents has options that exist; quick ones run, others say what they need."""

import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from samtok_bench.cli.main import build_app

ROOT = Path(__file__).parents[1]
SHELL = r"(?:\$ |[A-Z_]+=\S* |\.venv\S*/|\$\(which )*samtok-bench\)? +(\S.*)"
NEEDS = {
    "a server": r"endpoint:|--judge |^serve --|--ray ",
    "a package of its own (make test-lmms)": r"^lmms (run|export|import)|lmms:",
    "published files": r"zhouyik/|Qwen/|sam2\.1_hiera|mask_generation|coco_predictions",
    "data": r"--data-root|truck\.jpg|saco-(gold|silver)|my_tasks/|hub-masks",
    "what the reader puts in place of capitals": r"(?:^|[ :=/])[A-Z][A-Z_-]{2,}|(?:^| )[ABTN](?:$| )|\.\.\.",
    "a file or a run of the reader's": r"my-sft|my-run|mine\.py|answers\.jsonl|runs/|training/|many_task",
    "hours": r"^train |--codec all",
    "a browser (make test-demo)": r"^demo",
    "half a minute (tests/samtok_bench/running/test_health.py)": r"^doctor",
    "to be the committed comparison (tests/test_documents.py)": "^compare results/nano-mini/gres results",
    "nano for minutes, as in .ci/run's gate": r"^run --task|^gate ",
    "a place to write to (tested beside these commands)": r"^data questions|^report |--to tensorboard",
    "to overwrite pages (tests/samtok_bench/leaderboard)": r"--write",
    "the reader's shell": r"--install-completion",
}
"""What a command needs that is not here, by a pattern that finds it; such commands are parsed only."""


def commands() -> Iterator[tuple[str, str]]:
    """(page, command without `samtok-bench`), of code blocks and of code in lines."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True)
    for page in listed.stdout.splitlines():
        text = re.sub(r"\\\n\s*", "", (ROOT / page).read_text())
        block = re.compile(r"^ *```[a-z]*\n(.*?)^ *```$", re.M | re.S)
        lines = [line for found in block.findall(text) for line in found.splitlines()]
        lines += re.findall(r"`([^`]*)`", block.sub("", text))
        for line in lines:
            if found := re.match(SHELL, " ".join(line.split())):
                yield page, re.split(r" +#| && | \| ", found[1])[0]


COMMANDS = list(dict.fromkeys(commands()))
NAME = re.compile("[a-z][a-z-]*( [a-z][a-z-]*)*")
ALONE = {"leaderboard", "models", "runs", "tasks", "--help", "run --help"}
"""What does something without arguments; other commands without them are names in sentences."""


def is_quick(command: str) -> bool:
    """Whether a command can run here, within seconds."""
    if command in ALONE:
        return True
    return not NAME.fullmatch(command) and not any(re.search(need, command) for need in NEEDS.values())


QUICK = sorted({command for _, command in COMMANDS if is_quick(command)})


def arguments(command: str) -> list[str]:
    """Words as a shell would pass them on; what may be left out is there."""
    command = re.sub(r"\$\(\(.*?\)\)", "8", command)
    return [word for word in shlex.split(re.sub(r"[][]", "", command)) if word != "..."]


@pytest.fixture
def parsed(monkeypatch) -> Callable[[str], str]:
    """Parse a command as the shell's, without calling anything: what is wrong with it."""
    command_line = get_command(build_app())
    monkeypatch.setattr(command_line.context_class, "invoke", lambda *_, **__: None)
    wrong_use = typer.BadParameter.__base__

    def parsed(command: str) -> str:
        try:
            command_line.main(arguments(command), prog_name="samtok-bench", standalone_mode=False)
        except wrong_use as error:
            problem = error.format_message()
            mentioned = NAME.fullmatch(command) or command.endswith("...") or problem == "Missing command."
            return "" if mentioned and problem.startswith("Missing") else problem
        return ""

    return parsed


def test_every_command_has_options_that_exist(parsed):
    assert parsed("run --task gres --modle nano").startswith("No such option")
    assert parsed("compare --metric miou").startswith("Missing argument")
    assert parsed("run --task gres --limit many")
    assert parsed("leaderbord")
    # the shell's completion would be installed while it is parsed
    asked = [(page, command) for page, command in COMMANDS if command != "--install-completion"]
    wrong = {(page, command): problem for page, command in asked if (problem := parsed(command))}
    assert not wrong, "\n".join(map(str, wrong.items()))
    assert len(COMMANDS) > 100


@pytest.mark.parametrize("command", QUICK)
def test_quick_commands_run(command, parsed, called, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(ROOT)
    code, out, err = called(*arguments(command))
    assert (code, "Traceback" in err) == (0, False), err
    assert out


def test_each_need_is_of_some_command():
    unused = [need for need, pattern in NEEDS.items() if not any(re.search(pattern, c) for _, c in COMMANDS)]
    assert not unused
