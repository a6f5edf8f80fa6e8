"""Scene graphs as text: how SAMTok models write them, and how they are read.

An answer is a JSON list with one record per triplet, in the form on which the published models were trained
(devinxzhang/CycleGRPO, the data for PSG):

    [{"subject": {"mask_2d": WORDS, "label": "person"}, "predicate": "riding",
      "object": {"mask_2d": WORDS, "label": "horse"}}, ...]

with the mask's words in quotes, one record per line, the whole in a ```json fence. All records in the text
are read, whatever stands around them, keys in any order, so that a truncated answer keeps what it holds:

- A record is a JSON object that has `predicate` as text, and `subject` and `object` as objects with `label`
  as text. Names lose the spaces around them.
- The first mask within `mask_2d` belongs to the record. Others, and masks outside of records, are loose.
- Any other JSON object that is no part of a record is malformed, and so is one that is cut or broken.

Masks are found by their words, in reading order, so that words may be of any codec.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from samtok_bench.sample import MASK_PLACE, Prediction
from samtok_tasks.scene_graph.json_objects import Objects
from samtok_tasks.scene_graph.triplets import Triplet

RECORD_KEYS = frozenset(("subject", "predicate", "object"))
_RECORD = re.compile(r'\{\s*"(?:subject|predicate|object)"\s*:')
_MARK = re.compile("\ue000([0-9]+)\ue001")
"""Stands for a mask while the text is read as JSON: words may hold quotes. Private characters."""
_FORGED = re.compile(r"(\\\\)|\\u[eE]00[01]")
"""A backslash that is escaped, or a private character that is."""


@dataclass(frozen=True)
class GraphAnswer:
    """A graph as it was read."""

    triplets: tuple[Triplet, ...] = ()
    """In the order of the answer."""
    malformed: int = 0
    """Records that are no triplet."""
    loose_masks: int = 0
    """Masks that belong to no triplet."""


def write_graph(triplets: Sequence[tuple[str, str, str]]) -> str:
    """The answer with these names, MASK_PLACE for the words of each mask: subject, object, subject, ..."""
    records = [
        {"subject": region(subject), "predicate": predicate, "object": region(object)}
        for subject, predicate, object in triplets
    ]
    return fenced(json.dumps(record, ensure_ascii=False) for record in records)


def region(label: str) -> dict[str, str]:
    """A mask with its label."""
    return {"mask_2d": MASK_PLACE, "label": label}


def fenced(records: Iterable[str]) -> str:
    """Records as a list in a fence, one per line."""
    return "```json\n[" + ",\n".join(records) + "]\n```"


def read_graph(prediction: Prediction) -> GraphAnswer:
    """The triplets of an answer; none where there is no answer. Never raises."""
    if not prediction.answered:
        return GraphAnswer()
    text, loose = _marked(prediction)
    triplets, malformed, used = [], 0, 0
    records, broken = _records(text)
    for record in records:
        triplet = _triplet(record, prediction)
        if triplet is None:
            malformed += 1
        else:
            triplets.append(triplet)
            used += sum(mask is not None for mask in triplet.masks)
    placed = len(prediction.masks) - loose
    return GraphAnswer(tuple(triplets), malformed + broken, loose + placed - used)


def _marked(prediction: Prediction) -> tuple[str, int]:
    """The text with a mark in the place of each mask's words, and the number of masks that have no place."""
    pieces, at, unplaced = [], 0, 0
    absent = {""}
    for number in range(len(prediction.masks)):
        word = prediction.words[number] if number < len(prediction.words) else ""
        found = prediction.text.find(word, at) if word not in absent else -1
        if found < 0:
            absent.add(word)
            unplaced += 1
            continue
        pieces += [_unmarked(prediction.text[at:found]), f"\ue000{number}\ue001"]
        at = found + len(word)
    return "".join([*pieces, _unmarked(prediction.text[at:])]), unplaced


def _unmarked(text: str) -> str:
    """Without characters that would be taken for marks, also after the JSON is read."""
    plain = text.replace("\ue000", "").replace("\ue001", "")
    return _FORGED.sub(lambda found: found[1] or r"\ufffd", plain)


def _records(text: str) -> tuple[list[Any], int]:
    """The JSON objects in a text, and the number of those that are cut or broken."""
    records, broken, at, inside = [], 0, 0, False
    objects = Objects(text)
    while (start := text.find("{", at)) >= 0:
        found = objects.read(start)
        if found is None:
            # within a broken record only the beginning of another one is told apart
            broken += not inside or _RECORD.match(text, start) is not None
            at, inside = start + 1, True
            continue
        value, at = found
        if RECORD_KEYS & set(value):
            inside = False
        if not inside:
            records.append(value)
    return records, broken


def _triplet(record: Any, prediction: Prediction) -> Triplet | None:
    """None for a record that is none."""
    subject, predicate, object = (record.get(name) for name in ("subject", "predicate", "object"))
    if not isinstance(predicate, str):
        return None
    sides = []
    for side in (subject, object):
        if not isinstance(side, dict) or not isinstance(side.get("label"), str):
            return None
        found = _MARK.search(side["mask_2d"]) if isinstance(side.get("mask_2d"), str) else None
        sides.append((side["label"].strip(), prediction.masks[int(found[1])] if found else None))
    (first, first_mask), (second, second_mask) = sides
    return Triplet(first, predicate.strip(), second, first_mask, second_mask)
