"""Which image of a sample a region is on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Part, Region, Sample, Turn


@dataclass(frozen=True)
class Placed:
    """A part of a turn, and where it stands."""

    part: Part
    turn: int
    """From 0."""
    image: int
    """How many images there are up to here: a region is on the last of them."""


def placed(turns: Sequence[Turn]) -> Iterator[Placed]:
    """The parts of all turns, in order."""
    images = 0
    for number, turn in enumerate(turns):
        for part in turn.parts:
            images += isinstance(part, ImagePart)
            yield Placed(part, number, images)


def image_of(region: Placed, every: Sequence[Placed], sample: Sample) -> ImagePart:
    """The image that a region is on: the sample's own, if the turns show none before it."""
    images = (part.part for part in every if part.image == region.image)
    return next((part for part in images if isinstance(part, ImagePart)), ImagePart(sample.image))


def regions_of(image: int, every: Sequence[Placed]) -> list[RLE]:
    """The masks on an image, by its number, in the order in which they are named, each once."""
    found: list[RLE] = []
    for place in every:
        if place.image == image and isinstance(place.part, Region) and place.part.rle not in found:
            found.append(place.part.rle)
    return found
