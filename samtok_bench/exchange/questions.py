"""What a split asks, as a file that any program can read: one JSON line per sample.

    {"id": "93c0...", "image": "images/7.jpg", "size": [480, 640], "answer": "text",
     "turns": [{"role": "user", "content": [
        {"type": "image", "path": "images/7.jpg"},
        {"type": "text", "text": "What is in "},
        {"type": "region", "mask": {"size": [480, 640], "counts": "..."}}]}]}

Paths are below the data root. A region is on the last image before it, or on the part of it that its "view"
shows. With "upright": true masks are on the image as its EXIF orientation asks viewers to show it, else on
its pixels as stored. A question that needs answers of the same model names their ids in "after", in order; in
its turns the text of ANSWER stands for what the model said, or in a question for the masks that it gave.
An image with regions may have a copy on which these are outlined, "outlined", beside the file of questions.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from samtok_bench import rle
from samtok_bench.codec import Codec
from samtok_bench.exchange.messages import Open
from samtok_bench.exchange.pictures import colour_name, outlined, png
from samtok_bench.exchange.places import Placed, image_of, placed, regions_of
from samtok_bench.rle import RLE
from samtok_bench.sample import ImagePart, Prediction, Region, Sample, Text
from samtok_bench.task import Task

ANSWER = "{{answer to %s}}"


@dataclass(frozen=True)
class Outlines:
    """Pictures on which regions are outlined."""

    folder: Path
    """Beside the file of questions."""
    open: Open
    """Gives the pictures that are drawn on."""

    def write(self, name: str, image: ImagePart, sample: Sample, masks: Sequence[RLE]) -> str:
        """Draw one; its path beside the file of questions. Errors as of `open`, and OSError."""
        pictures = self.open(image, sample)
        path = self.folder / f"{name}.png"
        path.write_bytes(png(outlined(pictures.get("seen", pictures["image"]), masks)))
        return f"{self.folder.name}/{path.name}"


class RegionForms:
    """What is written of a region beside its mask.

    Args:
        box: [x0, y0, x1, y1], pixels, half open.
        words: the words of this codec.
        outlines: the colour of its outline, in a picture that is written too.
    """

    def __init__(
        self, *, box: bool = False, words: Codec | None = None, outlines: Outlines | None = None
    ) -> None:
        self._box, self._codec, self._outlines = box, words, outlines
        # one image asks several things
        self._embed = lru_cache(maxsize=1)(words.embed_file) if words else None

    def of(self, region: Region, place: Placed, every: Sequence[Placed], sample: Sample) -> dict[str, Any]:
        """By name; ValueError for words of a region on a part of an image."""
        written: dict[str, Any] = {}
        if self._box:
            written["box"] = list(rle.box(region.rle))
        if self._codec is not None and self._embed is not None:
            image = image_of(place, every, sample)
            if image.view is not None:
                raise ValueError(f"a region on a part of {image.path} cannot be written as words")
            height, width = region.rle["size"]
            embedding = self._embed(image.path, (height, width), sample.shown_upright(image.path))
            codes = self._codec.encode(embedding, [region.rle])
            written["words"] = self._codec.text(codes[0])
        if self._outlines is not None:
            written["outline"] = colour_name(regions_of(place.image, every).index(region.rle))
        return written

    def picture(
        self, image: ImagePart, place: Placed, every: Sequence[Placed], sample: Sample
    ) -> dict[str, Any]:
        """Of an image, with its regions' outlines; errors as of `Outlines.write`."""
        drawn = regions_of(place.image, every)
        if self._outlines is None or not drawn:
            return {}
        return {"outlined": self._outlines.write(f"{sample.id}-{place.image}", image, sample, drawn)}


def questions(task: Task, samples: Sequence[Sample], root: Path, forms: RegionForms) -> Iterator[bytes]:
    """The lines of a file of questions."""
    for sample in samples:
        answers = [_stand_in(id, sample) for id in sample.after]
        asked = task.with_history(sample, answers) if answers else sample
        every = list(placed(asked.turns))
        record: dict[str, Any] = {
            "id": sample.id,
            "task": task.name,
            "protocol": task.protocol,
            "image": _below(sample.image, root),
            "size": list(sample.size),
            "answer": task.answer_form,
            "turns": [
                {
                    "role": turn.role,
                    "content": [
                        _content(place, every, sample, root, forms) for place in every if place.turn == number
                    ],
                }
                for number, turn in enumerate(asked.turns)
            ],
        }
        if sample.upright:
            record["upright"] = True
        if sample.after:
            record["after"] = list(sample.after)
        yield json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _stand_in(id: str, sample: Sample) -> Prediction:
    said = ANSWER % id
    return Prediction(text=said, words=(said,), masks=(rle.full(*sample.size),))


def _content(
    place: Placed, every: Sequence[Placed], sample: Sample, root: Path, forms: RegionForms
) -> dict[str, Any]:
    part = place.part
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Region):
        return {"type": "region", "mask": part.rle, **forms.of(part, place, every, sample)}
    view = {name: value for name, value in asdict(part.view).items() if value} if part.view else {}
    return {
        "type": "image",
        "path": _below(part.path, root),
        **({"view": view} if view else {}),
        **forms.picture(part, place, every, sample),
    }


def _below(path: Path, root: Path) -> str:
    """A path below the data root, or the whole path of one that is elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path.resolve())
