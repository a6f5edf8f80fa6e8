"""How a task shows an answer beside its target: plain data, which a page renders without knowing the task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from samtok_bench.sample import ImagePart, Part, Text

Verdict = Literal["right", "half", "wrong"]


@dataclass(frozen=True, slots=True)
class Linked:
    """Words that belong to masks."""

    text: str
    """Empty for masks that no words belong to."""
    masks: tuple[int, ...] = ()
    """Numbers from 0 of the answer's masks; in a target, of the target's."""


Said = tuple[str | Linked, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text, some words of which have masks."""

    target: Said
    answer: Said

    @property
    def title(self) -> str:
        """What tells the sample from others in a list."""
        return said(self.target)


@dataclass(frozen=True, slots=True)
class Statement:
    """A text beside its reference."""

    reference: str
    answer: str

    @property
    def title(self) -> str:
        """What tells the sample from others in a list."""
        return self.reference


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the answers to choose from; its regions are those of the prompt."""

    letter: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """A multiple-choice question."""

    question: tuple[Part, ...]
    choices: tuple[Choice, ...]
    right: str
    """A letter."""
    given: str | None
    """None where the answer means no choice."""

    @property
    def title(self) -> str:
        """What tells the sample from others in a list."""
        return asked(self.question)


@dataclass(frozen=True, slots=True)
class Relation:
    """A triplet of a scene graph."""

    subject: Linked
    predicate: str
    object: Linked
    verdict: Verdict
    """In a target: right if the answer has it, else wrong."""
    why: str = ""
    """In a few words, what is wrong; empty if nothing is."""


@dataclass(frozen=True, slots=True)
class Relations:
    """A scene graph."""

    target: tuple[Relation, ...]
    answer: tuple[Relation, ...]
    besides: str = ""
    """What else the answer holds, such as malformed records; empty if nothing."""

    @property
    def title(self) -> str:
        """What tells the sample from others in a list."""
        return ", ".join(f"{one.subject.text} {one.predicate} {one.object.text}" for one in self.target)


Shown = Sentence | Statement | Choices | Relations


def said(pieces: Said) -> str:
    """A sentence without its masks."""
    return "".join(piece if isinstance(piece, str) else piece.text for piece in pieces)


def asked(parts: Sequence[Part]) -> str:
    """A question in one line, with an ellipsis in the place of a region; images are left out."""
    texts = (
        part.text if isinstance(part, Text) else "\u2026" for part in parts if not isinstance(part, ImagePart)
    )
    return " ".join("".join(texts).split())
