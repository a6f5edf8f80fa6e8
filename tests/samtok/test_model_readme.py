"""The Python of model/README.md runs and prints what the page says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from samtok.locate import TOKENIZER, has_weights, nano_folder, nano_is_installed

PAGE = (Path(__file__).parents[2] / "model" / "README.md").read_text()


def run(code: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "model/README.md", "exec"), {})
    return out.getvalue()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(not has_weights(nano_folder() / TOKENIZER), reason="nano's tokenizer is not there")
def test_the_tokenizer_example_prints_what_the_page_says():
    (printed,) = blocks("text")
    assert run(blocks("python")[0]) == printed


@pytest.mark.skipif(not nano_is_installed(), reason="nano's language model is not there")
def test_the_chat_example_answers_both_questions():
    printed = run(blocks("python")[1]).splitlines()
    assert len(printed) >= 2
    assert all(line.endswith(("stop", "length")) for line in (printed[0], printed[-1]))
