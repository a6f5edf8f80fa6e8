"""What a task says of an answer (samtok_bench.shown), as JSON for a page."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Part, Text
from samtok_bench.shown import Choices, Relation, Relations, Said, Sentence, Shown

Regions = Callable[[RLE], int]
"""The number of a region of the prompt."""


def view(shown: Shown, region: Regions) -> dict[str, Any]:
    """Kind and contents; a piece is a text, ["masks", numbers, text] or ["region", number, ""]."""
    if isinstance(shown, Sentence):
        return {"kind": "sentence", "target": _said(shown.target), "answer": _said(shown.answer)}
    if isinstance(shown, Choices):
        choices = [{"letter": one.letter, "pieces": _asked(one.parts, region)} for one in shown.choices]
        about = {"right": shown.right, "given": shown.given}
        return {"kind": "choices", "question": _asked(shown.question, region), "choices": choices, **about}
    if isinstance(shown, Relations):
        sides = {name: list(map(_relation, getattr(shown, name))) for name in ("target", "answer")}
        return {"kind": "relations", **sides, "besides": shown.besides}
    return {"kind": "statement", **asdict(shown)}


def _said(pieces: Said) -> list[Any]:
    return [piece if isinstance(piece, str) else ["masks", list(piece.masks), piece.text] for piece in pieces]


def _relation(one: Relation) -> dict[str, Any]:
    subject, object = _said((one.subject, one.object))
    about = {"predicate": one.predicate, "verdict": one.verdict, "why": one.why}
    return {"subject": subject, "object": object, **about}


def _asked(parts: Sequence[Part], region: Regions) -> list[Any]:
    return [
        part.text if isinstance(part, Text) else ["region", region(part.rle), ""]
        for part in parts
        if not isinstance(part, ImagePart)
    ]
