"""A sample as messages of a chat API: pictures as PNG, regions in a manner that the model understands."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, get_args

from PIL import Image

from samtok_bench import rle
from samtok_bench.exchange.coordinates import Coordinates
from samtok_bench.exchange.pictures import colour_name, data_url, outlined
from samtok_bench.exchange.places import Placed, image_of, placed, regions_of
from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Region, Sample, Text

RegionForm = Literal["words", "boxes", "outline"]
REGION_FORMS: tuple[RegionForm, ...] = get_args(RegionForm)
Open = Callable[[ImagePart, Sample], Mapping[str, Image.Image]]
"""An image as the mask tokenizer gets it, and as "seen" what the language model gets if that differs."""
Words = Callable[[Image.Image, Sequence[RLE]], Sequence[str]]
"""The mask words of regions on an image."""

Picture = Callable[[Image.Image], dict[str, Any]]


def in_url(picture: Image.Image) -> dict[str, Any]:
    """A picture as a part of a message of OpenAI's API."""
    return {"type": "image_url", "image_url": {"url": data_url(picture)}}


@dataclass(frozen=True)
class Rendering:
    """How a question is put to a model elsewhere."""

    regions: RegionForm
    """A region is its mask words, its box in numbers, or an outline drawn on the picture."""
    coordinates: Coordinates
    """Of boxes."""
    instruction: str
    """Said at the end of the last turn, such as the form of the answer."""
    open: Open
    words: Words | None = None
    """For regions as words."""
    picture: Picture = in_url
    """How a picture stands in a message."""

    def messages(self, sample: Sample) -> list[dict[str, Any]]:
        """The turns of a sample; errors as those of `open`."""
        every = list(placed(sample.turns))
        messages: list[dict[str, Any]] = []
        for turn, parts in groupby(every, lambda part: part.turn):
            content = [self._content(part, every, sample) for part in parts]
            if turn == len(sample.turns) - 1 and self.instruction:
                content.append({"type": "text", "text": f" {self.instruction}"})
            messages.append({"role": sample.turns[turn].role, "content": list(_joined(content))})
        return messages

    def _content(self, place: Placed, every: Sequence[Placed], sample: Sample) -> dict[str, Any]:
        part = place.part
        if isinstance(part, ImagePart):
            drawn = regions_of(place.image, every) if self.regions == "outline" else []
            pictures = self.open(part, sample)
            seen = pictures.get("seen", pictures["image"])
            return self.picture(outlined(seen, drawn))
        text = part.text if isinstance(part, Text) else self._region(part, place, every, sample)
        return {"type": "text", "text": text}

    def _region(self, region: Region, place: Placed, every: Sequence[Placed], sample: Sample) -> str:
        if self.regions == "outline":
            number = regions_of(place.image, every).index(region.rle)
            return f"the region outlined in {colour_name(number)}"
        if self.regions == "boxes":
            height, width = region.rle["size"]
            return self.coordinates.written(rle.box(region.rle), (height, width))
        if self.words is None:
            raise ValueError("regions as mask words need a tokenizer")
        return self.words(self.open(image_of(place, every, sample), sample)["image"], [region.rle])[0]


def _joined(content: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Texts next to each other as one: servers may put a line break between parts."""
    for kind, parts in groupby(content, lambda part: str(part["type"])):
        if kind == "text":
            yield {"type": "text", "text": "".join(part["text"] for part in parts)}
        else:
            yield from parts
