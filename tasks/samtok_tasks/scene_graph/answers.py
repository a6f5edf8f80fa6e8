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

Mask words are read by the protocol:

- standard: a mask is a whole group of words, wherever it stands; of two in one `mask_2d` the first counts.
- released: as the public successor's script does (evaluation/psg/eval_output_of_qwen25vl.py), see `GRAPH`.
  Only what stands in a `mask_2d` is read, and each is one mask: the last code of each level makes it, so of
  two groups the last counts. Without a first code there is no mask. A second code that is missing is the
  index -1 there. That says "none", but the script's decoder turns each -1 into 0 before it looks for them,
  and so adds row 0 of the second codebook: <|mt_0007|> alone is the mask of the codes (7, 0), here too.

The script stops at a record without a subject, predicate, object, label or mask, and skips the whole answer
unless that ends with the fence; here the other records count.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from samtok_bench.sample import Prediction
from samtok_bench.task import Protocol
from samtok_tasks import released
from samtok_tasks.released import Spans
from samtok_tasks.scene_graph.json_objects import Objects
from samtok_tasks.scene_graph.triplets import Triplet

RECORD_KEYS = frozenset(("subject", "predicate", "object"))
_RECORD = re.compile(r'\{\s*"(?:subject|predicate|object)"\s*:')
_FIELD = re.compile(r'"mask_2d"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)', re.DOTALL)
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


def write_graph(triplets: Sequence[tuple[str, str, str]]) -> list[str]:
    """The answer with these names, in pieces around the words of its masks: subject, object, subject, ..."""
    records = []
    for subject, predicate, object in triplets:
        before, between = _region(subject)
        joined, after = _region(object)
        middle = f'{between}, "predicate": {_quoted(predicate)}, "object": {joined}'
        records.append([f'{{"subject": {before}', middle, f"{after}}}"])
    return _fenced(records)


def write_regions(labels: Sequence[str]) -> list[str]:
    """A list of masks with their labels, in pieces around the masks' words."""
    return _fenced([_region(label) for label in labels])


def _region(label: str) -> list[str]:
    return ['{"mask_2d": "', f'", "label": {_quoted(label)}}}']


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _fenced(records: Sequence[Sequence[str]]) -> list[str]:
    """Records, each in pieces, as a list in a fence, one per line."""
    pieces = ["```json\n["]
    for number, (first, *others) in enumerate(records):
        pieces[-1] += ",\n" + first if number else first
        pieces += others
    pieces[-1] += "]\n```"
    return pieces


def mask_fields(text: str) -> Spans:
    """Where the values of `mask_2d` stand, without their quotes."""
    return [field.span(1) for field in _FIELD.finditer(text)]


GRAPH = released.last_in_each("released-graph", mask_fields)
"""The released reading of mask words."""


def read_graph(prediction: Prediction, protocol: Protocol = "standard") -> GraphAnswer:
    """The triplets of an answer; none where there is no answer. Never raises."""
    if not prediction.answered:
        return GraphAnswer()
    # words of masks that were not read may be the same as those of masks that were
    fields = mask_fields(prediction.text) if protocol == "released" else [(0, len(prediction.text))]
    text, loose = _marked(prediction, fields)
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


def _marked(prediction: Prediction, fields: Spans) -> tuple[str, int]:
    """The text with a mark in the place of each mask's words, and the number of masks that have no place.

    Only words that begin in a field have one.
    """
    pieces, done, unplaced = [], 0, 0
    for number, place in enumerate(_places(prediction, fields)):
        if place is None:
            unplaced += 1
            continue
        start, end = place
        pieces += [_unmarked(prediction.text[done:start]), f"\ue000{number}\ue001"]
        done = end
    return "".join([*pieces, _unmarked(prediction.text[done:])]), unplaced


def _places(prediction: Prediction, fields: Spans) -> Iterator[tuple[int, int] | None]:
    """Where the words of each mask begin and end, in order; None for those that have no place."""
    current, at = 0, 0
    absent = {""}
    for number in range(len(prediction.masks)):
        word = prediction.words[number] if number < len(prediction.words) else ""
        place = None
        for ahead in range(current, current if word in absent else len(fields)):
            begin, end = fields[ahead]
            found = prediction.text.find(word, max(at, begin), end + len(word))
            if found >= 0:
                current, at = ahead, found + len(word)
                place = found, at
                break
        if place is None:
            absent.add(word)
        yield place


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
