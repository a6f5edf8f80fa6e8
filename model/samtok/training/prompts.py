"""What reinforcement learning asks: a question about an image, with the answer that is rewarded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco

from samtok.images import ImageLike, open_image, open_image_bytes, to_rgb
from samtok.training.codes import CodeSource
from samtok.words import format_words


@dataclass(frozen=True)
class Prompt:
    """One question with its truth."""

    id: str
    """Tells it from all others of its data, such as `gres8k_train.parquet:480`."""
    image: Path | bytes | ImageLike | Callable[[], ImageLike]
    """A file, the content of one, pixels, or what gives them when it is asked; see `open`."""
    problem: str
    """The question's text, without a mark for the image, which comes first."""
    answer: str
    """The answer that is wanted, with its mask words."""
    masks: Sequence[Mapping[str, Any]] = ()
    """COCO RLE {"size": [height, width], "counts": str}, in the order of their words in `answer`."""
    source: str = ""
    """The kind of question, such as `gres` or `thinking_ver`: what rewards may depend on."""

    def open(self) -> Image.Image:
        """The image as RGB; ImageFileError as of `samtok.images.open_image`."""
        if isinstance(self.image, Path):
            return open_image(self.image)
        if isinstance(self.image, bytes):
            return open_image_bytes(self.image, f"the image of {self.id}")
        return to_rgb(self.image() if callable(self.image) else self.image)


def read_prompts(records: Sequence[Mapping[str, Any]], codes: CodeSource) -> Iterator[Prompt]:
    """Prompts of what a source of prompts yields.

    Args:
        records: each has `id`, `image` and `source` as in Prompt, and `problem` and `answer` as lists of
            texts and COCO RLE. `words` may say all masks, in order, if `tokenizer` says whose they are.
        codes: makes the words of masks where there are none, or those of another tokenizer.
    """
    for record in records:
        masks = [part for part in (*record["problem"], *record["answer"]) if not isinstance(part, str)]
        stated = record.get("tokenizer")
        if stated and codes.has_words(stated):
            said = iter(record["words"])
        else:
            said = iter(_words(record, masks, codes))
        problem, answer = ("".join(_said(record[name], said)) for name in ("problem", "answer"))
        wanted = [part for part in record["answer"] if not isinstance(part, str)]
        yield Prompt(record["id"], record["image"], problem, answer, wanted, record["source"])


def _words(record: Mapping[str, Any], masks: Sequence[Any], codes: CodeSource) -> list[str]:
    if not masks:
        return []
    image = Prompt(record["id"], record["image"], "", "").open()
    dense = np.stack([coco.decode(mask).astype(bool) for mask in masks])
    return format_words(codes([np.asarray(image)], [dense])[0])


def _said(parts: Sequence[Any], words: Iterator[str]) -> Iterator[str]:
    return (part if isinstance(part, str) else next(words) for part in parts)
