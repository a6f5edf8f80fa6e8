"""Every command in the documents has options that exist; the quick ones run, the others say what they need."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from samtok_bench.cli.main import build_app

ROOT = Path(__file__).parents[1]
NEEDS = {
    "a server": r"endpoint:|--judge |^serve |--ray ",
    "a package of its own (make test-lmms)": r"^lmms (run|export|import)|lmms:",
    "published files": r"zhouyik/|Qwen/|sam2\.1_hiera|mask_generation|coco_predictions",
    "data": r"--data-root|truck\.jpg|saco-(gold|silver)|my_tasks/|data check$",
    "what the reader puts in place of capitals": r"(?:^|[ :=/])[A-Z][A-Z_-]{2,}|(?:^| )[ABTN](?:$| )|\.\.\.",
    "a file or a run of the reader's": r"my-sft|my-run|mine\.py|answers\.jsonl|runs/|training/|many_task",
    "hours": r"^train |--codec all",
    "nano for more than a few samples, as .ci/run's gate has it": r"^run |^gate ",
    "a folder of its own, tests/samtok_tasks/mini": r"^data mini|--out questions\.jsonl|^lmms$",
    "the reader's shell": r"--install-completion",
    "to overwrite pages, tests/samtok_bench/leaderboard": r"--write",
}
"""What a command needs that is not here, by a pattern of it without `samtok-bench`; such commands are parsed."""


def commands() -> Iterator[tuple[str, str]]:
    """(page, command without `samtok-bench`), of code blocks and of code in lines."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    for page in listed.stdout.splitlines():
        if page.startswith("tests/"):
            continue
        text = re.sub(r"\\\n\s*", "", (ROOT / page).read_text())
        blocks = re.findall(r"^ *```[a-z]*\n(.*?)^ *```$", text, re.M | re.S)
        lines = [line for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`([^`]*)`", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.M | re.S))
        for line in lines:
            found = re.match(r"(?:\$ |[A-Z_]+=\S* |\.venv\S*/|\$\(which )*samtok-bench\)? +(\S.*)", " ".join(line.split()))
            if found:
                yield page, re.split(r" +#|  +| &&? | \| ", found[1])[0]
