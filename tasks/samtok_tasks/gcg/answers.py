"""Grounded captions as text: how phrases are marked, and how answers are read.

An answer is a text such as `A <|object_ref_start|>red circle<|object_ref_end|> WORDS lies on sand.` The
protocols read it differently in these points:

- released: tags and all else between < and > are cut out of the caption, line breaks too, without a space;
- standard: mask words, Qwen's special tokens and GLaMM's <p> </p> are cut out of the caption, a line break is
  a space. Phrases may also stand in <p> </p>.

An answer may also have its phrases beside the text, one a mask. Then boxes or polygons in the text, as JSON
or in Qwen2-VL's marks, are no caption, whatever the protocol.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import count

from samtok_bench.rle import RLE
from samtok_bench.sample import Prediction, Target, free_place
from samtok_bench.shown import Linked, Said
from samtok_bench.task import Protocol
from samtok_tasks.answers import enclosed, without_enclosed

BEGIN, END = "<|object_ref_start|>", "<|object_ref_end|>"
"""What stands around a phrase."""

_TAGS = {"released": ((BEGIN, END),), "standard": ((BEGIN, END), ("<p>", "</p>"))}
"""By protocol what may stand around a phrase."""
_MARKUP = re.compile(r"<\|[^<>|]*\|>|</?(?:p|think|answer)>")
_NO_THOUGHT, _SPEAKER = "<think>\n\n</think>\n\n", "ASSISTANT: "
_PLACES = re.compile(
    r"""```\w*\s*[\[{].*?(?:```|\Z)|(?:\[\s*)?\{\s*["'](?:(?>.*[\]}])(?!\s*,|.*[\[{])|.*)"""
    r"""|<\|box_start\|>.*?(?:<\|box_end\|>|\Z)""",
    re.DOTALL,
)
"""Places that stand beside a caption: JSON up to its last bracket, or where it is cut to the end."""
_BEFORE_SIGN = re.compile(r"\A +(?=[.,;:!?])")
_SPACES = re.compile(r"\s+")
_BETWEEN = re.compile(r"[\s,]*")
"""What may stand between a phrase and its masks, or between these."""


@dataclass(frozen=True)
class GroundedPhrases:
    """Phrases and masks of a caption, in reading order."""

    phrases: tuple[str, ...]
    masks: tuple[RLE, ...]
    phrase_of: tuple[int | None, ...]
    """For each mask the number of the phrase that it directly follows; None where it follows none."""


def marked(phrase: str) -> str:
    """A phrase with its tags."""
    return f"{BEGIN}{phrase}{END}"


def plain_caption(prediction: Prediction, protocol: Protocol) -> str:
    """The caption of an answer without phrase tags and mask words; see the module for the protocols."""
    if protocol == "released":
        cleaned = _without_breaks(_said(prediction).replace(_NO_THOUGHT, "")).split(_SPEAKER)[-1]
        return " ".join(without_enclosed(cleaned, "<", ">").split()).strip("'").strip()
    text = _said(prediction)
    kept, at = [], 0
    for start, end in _spans(prediction):
        kept.append(text[at:start])
        at = end
    return " ".join(_MARKUP.sub("", "".join([*kept, text[at:]])).split())


def grounded_phrases(prediction: Prediction, protocol: Protocol) -> GroundedPhrases:
    """The phrases and masks of an answer.

    A mask belongs to the phrase right before it; other masks, white space and commas may stand between. A
    mask whose words are not in the text has no phrase.
    """
    text, released = prediction.text, protocol == "released"
    if _are_beside(prediction):
        places = count()
        stated = [(phrase, next(places) if phrase or released else None) for phrase in prediction.phrases]
        said = tuple(phrase for phrase, place in stated if place is not None)
        return GroundedPhrases(said, prediction.masks, tuple(place for _, place in stated))
    at = max(0, text.rfind(_SPEAKER)) if released else 0
    tagged = list(enclosed(text, *_TAGS[protocol], at=at))
    ends = [phrase.end for phrase in tagged]
    owner: int | None = None
    before, reach = -1, -1  # where the last phrase or its last mask ends, and where its next one may begin
    phrase_of: list[int | None] = []
    for start, end in _spans(prediction):
        number = bisect_right(ends, start) - 1
        if number >= 0 and ends[number] > before:
            before, owner, reach = ends[number], number, _reach(text, ends[number])
        if start > reach:
            phrase_of.append(None)
            continue
        before, reach = end, reach if end <= reach else _reach(text, end)
        phrase_of.append(owner)
    phrase_of += [None] * (len(prediction.masks) - len(phrase_of))
    phrases = (text[phrase.start : phrase.stop] for phrase in tagged)
    read = (_without_breaks(phrase) if released else " ".join(phrase.split()) for phrase in phrases)
    return GroundedPhrases(tuple(phrase.strip() for phrase in read), prediction.masks, tuple(phrase_of))


def sentence(prediction: Prediction, protocol: Protocol) -> Said:
    """The caption of an answer, its phrases with their masks; masks without a phrase keep their place."""
    read, text = grounded_phrases(prediction, protocol), prediction.text
    own: dict[int | None, list[int]] = {}
    for mask, number in enumerate(read.phrase_of):
        own.setdefault(number, []).append(mask)
    linked = [Linked(phrase, tuple(own.get(k, ()))) for k, phrase in enumerate(read.phrases)]
    if _are_beside(prediction):
        said = _said(prediction).strip()
        return (*filter(None, [said]), *linked, *(Linked("", (mask,)) for mask in own.get(None, ())))
    start = max(0, text.rfind(_SPEAKER)) if protocol == "released" else 0
    tagged = enclosed(text, *_TAGS[protocol], at=start)
    spans = _spans(prediction)
    places = [(phrase.begin, phrase.end, link) for phrase, link in zip(tagged, linked, strict=True)]
    loose = set(own.get(None, ()))
    places += [(*span, Linked("", (k,) if k in loose else ())) for k, span in enumerate(spans)]
    pieces: list[str | Linked] = [""]
    at = 0
    for begin, end, link in sorted(places, key=lambda place: place[:2]):
        if begin < at:  # words of a mask within a phrase
            continue
        pieces[-1] += text[at:begin]  # type: ignore[operator]
        at = end
        if link.text or link.masks:
            pieces += [link, ""]
    pieces[-1] += text[at:]  # type: ignore[operator]
    pieces += [Linked("", (k,)) for k in sorted(loose) if k >= len(spans)]
    plain = (
        _without_markup(piece, k > 0) if isinstance(piece, str) else piece for k, piece in enumerate(pieces)
    )
    return tuple(piece for piece in plain if piece)


def target_sentence(target: Target) -> Said:
    """The same of a target."""
    place = free_place(target.pieces)
    return sentence(
        Prediction(text=place.join(target.pieces), masks=target.masks, words=(place,) * len(target.masks)),
        "standard",
    )


def _are_beside(prediction: Prediction) -> bool:
    """Whether the phrases stand beside the text, one a mask: the model says which each mask is of."""
    return bool(prediction.phrases) and not prediction.words


def _said(prediction: Prediction) -> str:
    """The text without the places of masks whose phrases stand beside it."""
    return _PLACES.sub("", prediction.text) if _are_beside(prediction) else prediction.text


def _without_markup(text: str, goes_on: bool) -> str:
    """A part of a caption; white space is one space, and none before a sign or at the beginning."""
    plain = _SPACES.sub(" ", _MARKUP.sub("", text))
    return _BEFORE_SIGN.sub("", plain) if goes_on else plain.lstrip()


def _reach(text: str, at: int) -> int:
    """Where what may stand between a phrase and its masks ends."""
    found = _BETWEEN.match(text, at)
    assert found is not None  # it matches nothing too
    return found.end()


def _spans(prediction: Prediction) -> list[tuple[int, int]]:
    """Where the words of the masks stand in the text, as far as they are there in order."""
    spans, at = [], 0
    for words in prediction.words[: len(prediction.masks)]:
        start = prediction.text.find(words, at)
        if not words or start < 0:
            break
        at = start + len(words)
        spans.append((start, at))
    return spans


def _without_breaks(text: str) -> str:
    """As the released script cleans a text first."""
    return text.replace("<s>", "").replace("\n", "").replace("  ", " ")
