"""What flows through a run: samples go to a predictor, predictions come back.

A region is a mask, never text: each predictor renders it in its own manner.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, count, islice
from pathlib import Path
from typing import Any, Literal, Self

from samtok_bench.rle import RLE

Scores = dict[str, float]
"""What one sample adds to every metric: sufficient statistics such as intersection and union."""
MASK_PLACE = "<region>"
"""How a text shows that a mask is there. Data may say the same, so it is never looked for in a text."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words of a turn."""

    text: str


@dataclass(frozen=True, slots=True)
class View:
    """What a model gets of a picture; see samtok_bench.crops."""

    box: tuple[int, int, int, int] | None = None
    """x0, y0, x1, y1 of the part that is shown, pixels, half open; None for all."""
    size: tuple[int, int] | None = None
    """(height, width) to which that part is resized (Lanczos); None leaves it."""
    jpeg_quality: int | None = None
    """The language model sees the picture after a JPEG of this quality, a mask tokenizer before it."""


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture in a turn, by path: it is opened late."""

    path: Path
    view: View | None = None
    """None for the picture as it is; regions that follow are masks on the view."""


@dataclass(frozen=True, slots=True)
class Region:
    """A mask in a turn, on the most recent image before it."""

    rle: RLE


Part = Text | ImagePart | Region


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's parts, in order."""

    role: Literal["user", "assistant"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What the answer should be."""

    masks: tuple[RLE, ...] = ()
    """One mask an instance; none where nothing is to be segmented. In an answer of `pieces` a mask may come
    again.
    """
    text: str = ""
    """As it is shown. Nothing in it stands for a mask, whatever it says: `pieces` do."""
    ignore: RLE | None = None
    """Pixels that count neither for nor against an answer."""
    pieces: tuple[str, ...] = ()
    """Where text and masks take turns: what stands before, between and after the masks, see `in_turns`."""

    def __post_init__(self) -> None:
        if self.pieces and len(self.pieces) != len(self.masks) + 1:
            raise ValueError(f"{len(self.masks)} masks stand between {len(self.pieces)} pieces of text")

    @classmethod
    def in_turns(cls, pieces: Iterable[str], masks: Iterable[RLE]) -> Self:
        """A piece of text, a mask, a piece, ..., a piece; shown with MASK_PLACE for the masks."""
        said = tuple(pieces)
        return cls(tuple(masks), MASK_PLACE.join(said), pieces=said)


@dataclass(frozen=True, slots=True)
class Sample:
    """One question with its target."""

    id: str
    """Depends on the content alone (see `content_id`), so it is the same on every machine."""
    image: Path
    size: tuple[int, int]
    """(height, width) that the annotations state, pixels."""
    turns: tuple[Turn, ...]
    cluster: str
    """What samples share that makes them dependent: the image (`image_key`). Intervals resample clusters."""
    target: Target
    tags: Mapping[str, str] = field(default_factory=dict)
    """Break-downs, as {"target": "multi", "area": "small"}."""
    after: tuple[str, ...] = ()
    """Ids of samples whose answers the question needs: they are asked first, see `Task.with_history`."""
    upright: bool = False
    """Whether the annotations are on the image as its EXIF orientation asks viewers to show it, and whoever
    opens it must turn it; else they are on the pixels as stored.
    """
    truth: Any = field(default=None, repr=False)
    """What the sample's own task needs beside the target, to score an answer or to have it judged. Nothing
    else looks at it.
    """
    number: int | None = None
    """By which results files of others name it, where the benchmark has such files; unique in a split."""

    @property
    def masks(self) -> Iterator[RLE]:
        """All that are shown, wanted or ignored."""
        yield from (part.rle for turn in self.turns for part in turn.parts if isinstance(part, Region))
        yield from self.target.masks
        if self.target.ignore is not None:
            yield self.target.ignore

    def shown_upright(self, path: Path) -> bool:
        """Whether an image of the turns must be turned, see `upright`."""
        return self.upright and path == self.image


@dataclass(frozen=True, slots=True)
class Code:
    """What a codec wrote for one mask."""

    tokens: int
    """Words of a language model's vocabulary that it takes, with those that frame it."""
    bits: float
    """Length of the code, without frame or entropy coding."""
    symbols: tuple[int, ...] = ()
    """Index in each codebook, for codecs that have codebooks."""


class Outcome(StrEnum):
    """How a sample ended. All five stay in every denominator."""

    OK = "ok"
    PARSE_ERROR = "parse_error"
    """The answer holds a malformed mask word; its well-formed masks are kept."""
    MODEL_ERROR = "model_error"
    """The predictor raised; there is no answer."""
    TRUNCATED = "truncated"
    """The answer reached the token limit; what it holds is kept."""
    SKIPPED = "skipped"
    """Not asked: the image is missing, unreadable or of another size."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one sample."""

    outcome: Outcome = Outcome.OK
    text: str = ""
    masks: tuple[RLE, ...] = ()
    """In reading order, of the sample's size."""
    phrases: tuple[str, ...] = ()
    """The phrase that each mask belongs to, or none at all for tasks without phrases."""
    words: tuple[str, ...] = ()
    """The raw mask words, one a mask."""
    faults: tuple[str, ...] = ()
    """Kinds of the malformed words."""
    codes: tuple[Code, ...] = ()
    """What a codec wrote, one a mask; models write none."""
    detail: str = ""
    """Why, for an outcome without an answer."""
    stop_reason: Literal["stop", "length", ""] = ""
    prompt_tokens: int = 0
    new_tokens: int = 0
    seconds: float = 0.0
    timings: Mapping[str, float] = field(default_factory=dict)
    """Seconds by step, for predictors that tell them apart."""

    @property
    def answered(self) -> bool:
        """Whether the predictor gave an answer at all."""
        return self.outcome not in (Outcome.MODEL_ERROR, Outcome.SKIPPED)


def question(image: Path, *parts: "str | Part") -> tuple[Turn, ...]:
    """A dialogue of one question about an image, which comes first."""
    return (
        Turn("user", (ImagePart(image), *(Text(part) if isinstance(part, str) else part for part in parts))),
    )


def image_key(image: Path, root: Path) -> str:
    """What tells an image from all others of a data set: its path below the data root.

    Names of files do not: frames of several videos share them. Of a root that is a file, its folder counts.
    """
    try:
        return image.relative_to(root).as_posix()
    except ValueError:
        return image.relative_to(root.parent).as_posix()


def content_id(*parts: str) -> str:
    """Sixteen hex digits that depend on the parts and their order.

    One of them must be unique in the data set, as a record's number is: the name of an image's file is not.
    """
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def matching_id(ids: Collection[str], asked: str) -> str:
    """The one id that begins so; ValueError where there is none, or more than one."""
    found = [id for id in ids if id.startswith(asked)]
    if len(found) != 1:
        known = f"; the first ids are {', '.join(islice(ids, 3))}" if not found else ""
        raise ValueError(f"--sample {asked}: {len(found)} of {len(ids)} samples have such an id{known}")
    return found[0]


def free_place(texts: Iterable[str]) -> str:
    """What can stand for a mask between texts and is found again: MASK_PLACE unless they say that."""
    said = list(texts)
    places = chain([MASK_PLACE], (f"<region {number}>" for number in count(2)))
    return next(place for place in places if not any(place in text for text in said))


def prompt_text(turns: tuple[Turn, ...]) -> str:
    """The dialogue as one text, with `<image>` and `<region>`; for snapshots and previews."""
    shown = {ImagePart: "<image>", Region: MASK_PLACE}
    lines = []
    for turn in turns:
        parts = (part.text if isinstance(part, Text) else shown[type(part)] for part in turn.parts)
        lines.append(f"{turn.role}: {''.join(parts)}")
    return "\n".join(lines)
