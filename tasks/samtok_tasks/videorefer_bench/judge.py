"""How the replies of VideoRefer-Bench-D's judge are read."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterator

from samtok_bench.sample import Scores
from samtok_tasks.lenient import NUMBER, plain

DIMENSIONS = {
    "Subject Correspondence": "sc",
    "Appearance Description": "ad",
    "Temporal Description": "td",
    "Hallucination Detection": "hd",
}
"""The scores, 0 to 5, with the ids of their metrics."""
_NUMBERED = re.compile(r"(?<!\d)\d++\.\s++")
_NAMED = {
    name: re.compile(rf"(?i:{name})(?:\s?\([^()\n]{{0,20}}\))?[^\w\n.]{{0,20}}({NUMBER})", re.ASCII)
    for name in DIMENSIONS
}
_VALUE = re.compile(r":\s++([\d.]++)")


def dimension_scores(reply: str) -> Scores:
    """What "1. Name: 3" says for each name, the last time it is said."""
    try:
        said = {name: float(text) for name, text in _said(reply)}
    except ValueError:  # the script gives up the whole reply
        said = {}
    read = {id: said[name] for name, id in DIMENSIONS.items() if math.isfinite(said.get(name, math.nan))}
    scores = {"replies": 1.0, "unreadable": float(len(read) < len(DIMENSIONS))}
    for id in DIMENSIONS.values():
        scores |= {id: read.get(id, 0.0), f"{id}_read": float(id in read)}
    return scores


def mended_dimensions(reply: str) -> str:
    """A reply with the scores in other words, as the script reads them: "Subject Correspondence (SC): 3/5",
    "2.5.", names or numbers in bold face or JSON. The last score of 0 to 5 for each name counts.
    """
    text = plain(reply)
    lines = []
    for number, (name, pattern) in enumerate(_NAMED.items(), start=1):
        said = [score for score in pattern.findall(text) if 0 <= float(score) <= 5]
        lines += [f"{number}. {name}: {float(said[-1])}"] if said else []
    return "\n".join(lines) or reply


def _said(reply: str) -> Iterator[tuple[str, str]]:
    r"""Names and numbers of a reply: the script's `\d+\.\s+(.*?):\s+([\d.]+)`, in linear time."""
    values = list(_VALUE.finditer(reply))
    starts = [value.start() for value in values]
    at = line_end = 0
    for numbered in _NUMBERED.finditer(reply):
        begin = numbered.end()
        if numbered.start() < at:  # it is the number said before
            continue
        if line_end < begin:
            found = reply.find("\n", begin)
            line_end = found if found >= 0 else len(reply)
        number = bisect_left(starts, begin)
        if number < len(values) and starts[number] < line_end:
            at = values[number].end()
            yield reply[begin : starts[number]], values[number][1]
