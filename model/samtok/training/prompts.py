"""What reinforcement learning asks: a question about an image, with the answer that is rewarded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from samtok.images import ImageLike, open_image, open_image_bytes, to_rgb


@dataclass(frozen=True)
class Prompt:
    """One question with its truth."""

    id: str
    """Tells it from all others of its data, such as `gres8k_train.parquet:480`."""
    image: Path | bytes | ImageLike
    """A file, the content of one, or pixels; see `open`."""
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
        return to_rgb(self.image)
