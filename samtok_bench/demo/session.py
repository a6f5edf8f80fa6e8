"""What one visitor does with one picture: regions that are marked or answered, and a dialogue about them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from samtok_bench import rle
from samtok_bench.demo.drawing import Point, stroke_mask
from samtok_bench.demo.model import DemoModel
from samtok_bench.images import open_image
from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Part, Prediction, Region, Sample, Target, Text, Turn

REFERENCE = re.compile(r"\[(\d{1,4})\]")
"""How a question names a region."""
LONGEST_QUESTION = 4000
"""Characters."""


@dataclass(frozen=True)
class Marked:
    """A region of the picture, with the words that the tokenizer has for it."""

    number: int
    """From 1; a question names it as [1]."""
    mask: RLE
    words: str
    decoded: RLE
    """What comes back from the words."""
    iou: float | None
    """Of `mask` and `decoded`, 0 to 1; None for the words of an answer, which have no other mask."""
    points: tuple[tuple[Point, bool], ...] = ()
    """Of a region that was made by clicks: x, y in pixels, and whether it is to be inside."""


@dataclass(frozen=True)
class Exchange:
    """A question and its answer."""

    asked: str
    """As typed, with references."""
    parts: tuple[Part, ...]
    """The same as the model gets it."""
    answer: Prediction
    regions: tuple[int, ...]
    """Numbers of the regions that the answer made, one a mask."""
    opens: bool
    """Whether a dialogue begins with it: the model was told of no earlier turn."""


class Session:
    """One picture, its regions and its dialogue.

    Every method that fails leaves the session as it was.

    Args:
        model: who answers.
        picture: an image file, which stays where it is.

    Raises:
        ValueError: the file is not an image, is damaged, or has too many pixels.
    """

    def __init__(self, model: DemoModel, picture: Path) -> None:
        self.model = model
        self.path = picture
        self.image = open_image(picture, upright=True)
        self.regions: dict[int, Marked] = {}
        """By number, in the order in which they were made."""
        self.exchanges: list[Exchange] = []
        self.chosen: int | None = None
        """Number of the region that is looked at."""
        self.lit: tuple[int, ...] = ()
        """Numbers of the regions that are drawn: one alone, or those of the last answer and marked since."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        return self.image.height, self.image.width

    def brush(
        self, stroke: Sequence[Point], width: float, change: int | None = None, inside: bool = True
    ) -> Marked:
        """Make a region of a stroke, or add the stroke to a region, or take it away.

        Args:
            stroke: x, y in pixels, at least one point.
            width: of the brush, pixels.
            change: number of the region to change; None for a new one.
            inside: False takes the stroke away.

        Raises:
            ValueError: no such region, or nothing of it is left.
        """
        drawn = stroke_mask(stroke, width, self.size)
        if change is not None:
            before = rle.decode(self._region(change).mask)
            drawn = before | drawn if inside else before & ~drawn
        return self._keep(rle.encode(drawn), change)

    def box(self, x0: float, y0: float, x1: float, y1: float) -> Marked:
        """Make a region of what SAM 2 finds in a box of two opposite corners, in pixels."""
        (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))
        height, width = self.size
        corners = max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
        if corners[2] - corners[0] < 1 or corners[3] - corners[1] < 1:
            raise ValueError("the box has no area in the picture: drag from one corner to the opposite one")
        return self._keep(_found(self.model.tokenizer.in_boxes(self.image, [corners])[0]))

    def click(self, x: float, y: float, change: int | None = None, inside: bool = True) -> Marked:
        """Make a region of what SAM 2 finds at a point, or give a point to a region that clicks have made.

        Args:
            x, y: pixels.
            change: number of that region; None, or a region that was made otherwise, for a new one.
            inside: False keeps the point out.

        Raises:
            ValueError: no such region, the first point is to be outside, or SAM 2 finds nothing.
        """
        before = self._region(change).points if change is not None else ()
        if not before and not inside:
            raise ValueError("a click that takes away needs a region that a click has made: choose one")
        points = (*before, ((x, y), inside))
        places, sides = zip(*points, strict=True)
        found = _found(self.model.tokenizer.at_points(self.image, places, sides))
        return self._keep(found, change if before else None, points)

    def remove(self, number: int) -> None:
        """Take a region out; what the dialogue has said of it stays."""
        self._region(number)
        del self.regions[number]
        self.lit = tuple(one for one in self.lit if one != number)
        if self.chosen == number:
            self.chosen = self.lit[-1] if self.lit else next(reversed(self.regions), None)

    def choose(self, number: int) -> None:
        """Look at a region alone; once more, and it is seen among all."""
        self.chosen = self._region(number).number
        self.lit = tuple(self.regions) if self.lit == (number,) else (number,)

    def forget(self) -> None:
        """Begin the dialogue anew; the regions stay."""
        self.exchanges.clear()

    def ask(self, text: str, follow: bool = True) -> Exchange:
        """Ask the next question, in which [1] stands for region 1.

        Args:
            text: the question.
            follow: whether the model is told the dialogue so far.

        Raises:
            ValueError: no text, a region that is not there, or what the model refuses.
            OSError: the model cannot be reached.
        """
        parts = tuple(self._parts(text))
        heard = self._dialogue() if follow else []
        sample = Sample(
            id="demo",
            image=self.path,
            size=self.size,
            turns=tuple(self._turns(heard, parts)),
            cluster="demo",
            target=Target(),
            upright=True,
        )
        answer = self.model.predictor.predict([sample])[0]
        if not answer.answered:
            raise ValueError(answer.detail or f"no answer: {answer.outcome}")
        regions = self._answered(answer)
        numbers = tuple(region.number for region in regions)
        exchange = Exchange(text.strip(), parts, answer, numbers, opens=not heard)
        self.regions |= {region.number: region for region in regions}
        self.exchanges.append(exchange)
        if numbers:
            self.lit, self.chosen = numbers, numbers[0]
        return exchange

    def _parts(self, text: str) -> Iterator[Part]:
        text = text.strip()
        if not text:
            raise ValueError("the question is empty")
        if len(text) > LONGEST_QUESTION:
            raise ValueError(f"the question has {len(text)} characters, at most {LONGEST_QUESTION} are asked")
        end = 0
        for found in REFERENCE.finditer(text):
            if found.start() > end:
                yield Text(text[end : found.start()])
            region, end = self._region(int(found[1])), found.end()
            yield Text(region.words) if self.model.reads_words else Region(region.mask)
        if end < len(text):
            yield Text(text[end:])

    def _dialogue(self) -> list[Exchange]:
        """The last exchanges, from the one that opens the dialogue."""
        opens = [number for number, exchange in enumerate(self.exchanges) if exchange.opens]
        return self.exchanges[opens[-1] :] if opens else []

    def _turns(self, heard: Sequence[Exchange], last: tuple[Part, ...]) -> Iterator[Turn]:
        """A dialogue and its next question; what the model has said comes back to it as it was."""
        asked = [*(exchange.parts for exchange in heard), last]
        yield Turn("user", (ImagePart(self.path), *asked[0]))
        for exchange, parts in zip(heard, asked[1:], strict=True):
            yield Turn("assistant", (Text(exchange.answer.text),))
            yield Turn("user", parts)

    def _answered(self, answer: Prediction) -> list[Marked]:
        """A region for each mask of an answer; where it has no words of its own, those of the tokenizer."""
        masks = answer.masks
        if len(answer.words) == len(masks):
            made = [
                Marked(0, mask, words, mask, None) for mask, words in zip(masks, answer.words, strict=True)
            ]
        else:
            made = [self._marked(mask) for mask in masks if not rle.is_empty(mask)]
        return [replace(region, number=number) for number, region in enumerate(made, self._next())]

    def _keep(
        self, mask: RLE, number: int | None = None, points: tuple[tuple[Point, bool], ...] = ()
    ) -> Marked:
        if rle.is_empty(mask):
            raise ValueError("there is no pixel in this mask")
        region = replace(self._marked(mask), number=self._next() if number is None else number, points=points)
        self.regions[region.number] = region
        self.chosen = region.number
        self.lit = (*(one for one in self.lit if one != region.number), region.number)
        return region

    def _marked(self, mask: RLE) -> Marked:
        """A mask through its words."""
        (words,) = self.model.tokenizer.words(self.image, [mask])
        (decoded,) = self.model.tokenizer.read(words, self.image).masks
        inter, union = rle.intersection_union(mask, decoded)
        return Marked(0, mask, words, decoded, inter / union)

    def _next(self) -> int:
        """A number that was never given: the dialogue may still name regions that are gone."""
        said = (number for exchange in self.exchanges for number in exchange.regions)
        return max((*self.regions, *said), default=0) + 1

    def _region(self, number: int) -> Marked:
        if number not in self.regions:
            known = ", ".join(f"[{known}]" for known in self.regions) or "none yet"
            raise ValueError(f"there is no region [{number}]; regions: {known}")
        return self.regions[number]


def _found(mask: RLE) -> RLE:
    if rle.is_empty(mask):
        raise ValueError("SAM 2 finds nothing there")
    return mask
