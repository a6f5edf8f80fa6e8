"""Questions for reinforcement learning, from sources of prompts or of training dialogues."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from samtok.training.codes import CodeSource
from samtok.training.dialogues import Dialogue, draw
from samtok.training.prompts import Prompt, read_prompts
from samtok.training.recipe import DataSource, Kind
from samtok.words import format_words

_AT_ONCE = 16
"""Records that are read together, and images that are embedded as one batch."""


def draw_questions(
    data: DataSource, codes: CodeSource, seed: int, number: int, no_target: float | None = None
) -> list[Prompt]:
    """Draw the first so many questions of a source.

    Args:
        data: the source, of dialogues or of prompts, see `read_prompts`.
        codes: gives the masks their words.
        seed: equal seeds give equal questions.
        number: how many.
        no_target: the largest share of them without a mask in the answer, 0..1; more are passed over.

    Raises:
        ValueError: the source gives hardly any questions with a mask, or something else.
    """
    kinds: list[Kind] = ["prompts", "dialogues"]
    data.first(seed, kinds)
    prompts: list[Prompt] = []
    most = number if no_target is None else int(no_target * number)
    for start in count(0, _AT_ONCE):
        dialogues = draw(data, seed, range(start, start + _AT_ONCE), {}, kinds)
        for prompt in _read(dialogues, codes, start):
            if len(prompts) == number:
                return prompts
            if not prompt.masks:
                if most == 0:
                    continue
                most -= 1
            prompts.append(prompt)
        if start >= 100 * number:
            raise ValueError(f"{data.source} has only {len(prompts)} such questions in {start} records")
    raise AssertionError("count() has no end")


def _read(drawn: Sequence[Any], codes: CodeSource, first: int) -> Iterator[Prompt]:
    """Of what is drawn, prompts as they are and the questions of dialogues; ValueError for masks in words."""
    if any(record.get("tokenizer") and "problem" not in record for record in drawn):
        raise ValueError(
            "the data has mask words without their masks: `parquet` and `task-prompts` have both"
        )
    ready = [record for record in drawn if "problem" in record]
    yield from read_prompts(ready, codes)
    yield from questions([dialogue for dialogue in drawn if "problem" not in dialogue], codes, first)


def questions(dialogues: Sequence[Dialogue], codes: CodeSource, first: int = 0) -> Iterator[Prompt]:
    """The questions that stand alone: all turns of a dialogue whose turns are apart, else its first one.

    Args:
        dialogues: see `samtok.training.dialogues.Dialogue`.
        codes: gives the masks their words.
        first: the number of the first dialogue, for the prompts' ids.
    """
    asked = [dialogue["turns"] if dialogue.get("apart") else dialogue["turns"][:1] for dialogue in dialogues]
    masks = [[part for turn in turns for parts in turn for part in _masks(parts)] for turns in asked]
    images = [dialogue["image"] for dialogue in dialogues]
    groups = [
        np.array(group, bool).reshape(-1, *image.shape[:2])
        for group, image in zip(masks, images, strict=True)
    ]
    for number, (image, turns, found) in enumerate(
        zip(images, asked, codes(images, groups), strict=True), first
    ):
        words = iter(format_words(found))
        for place, (question, answer) in enumerate(turns):
            problem, wanted = ("".join(_said(part, words) for part in parts) for parts in (question, answer))
            truth = [_rle(mask) for mask in _masks(answer)]
            yield Prompt(f"{number}:{place}", image, problem, wanted, truth)


def _masks(parts: Sequence[Any]) -> list[NDArray[np.bool_]]:
    return [part for part in parts if not isinstance(part, str)]


def _said(part: Any, words: Iterator[str]) -> str:
    return part if isinstance(part, str) else next(words)


def _rle(mask: NDArray[np.bool_]) -> dict[str, Any]:
    found = coco.encode(np.asfortranarray(mask, np.uint8))
    return {"size": found["size"], "counts": found["counts"].decode()}
