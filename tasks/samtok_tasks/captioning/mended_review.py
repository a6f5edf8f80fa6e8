"""Reviews that the official scripts cannot read, read leniently."""

import re

from samtok_tasks.lenient import numbers, plain

_NAMED = re.compile(r"\b[A-Za-z]++ [12]\s*+:")
"""As "Assistant 1:"."""
_OF_TEN = re.compile(r"\s*+(?:/|\bout of)\s*+10(?!\.?\d)")


def mended_review(reply: str) -> str:
    """A reply with two scores of 0 to 10 in other words, as "7 4": "7, 4", "Scores: 7 4", "Assistant 1: 7/10
    Assistant 2: 4/10" in one line or two.

    The first line with scores counts, or the first two with one each; there are no words but labels.
    """
    lines = (_scores_in(line) for line in _OF_TEN.sub("", plain(reply).replace(",", " ")).split("\n"))
    found: list[str] = []
    for scores in lines:
        if scores is None:
            return reply
        found += scores
        if len(found) >= 2:
            break
    good = len(found) == 2 and all(0 <= float(score) <= 10 for score in found)
    return " ".join(found) if good else reply


def _scores_in(line: str) -> list[str] | None:
    """The numbers of a line behind its labels; None where there are other words."""
    parts = [part.rstrip(".;|") for part in _NAMED.sub(" ", line).rpartition(":")[2].split()]
    return (
        [part for part in parts if part] if all(numbers(part) == [part] for part in parts if part) else None
    )
