"""The pictures of a sample as a model gets them."""

from pathlib import Path

from PIL import Image

from samtok_bench import crops
from samtok_bench.images import open_image
from samtok_bench.sample import ImagePart, Sample


def pictures_of(part: ImagePart, sample: Sample) -> dict[str, Image.Image]:
    """What the mask tokenizer gets of an image, and "seen", what the language model gets, if that differs.

    Raises:
        OSError, ValueError: the image cannot be read, or has another size than its annotation says.
    """
    stated = sample.size if part.path == sample.image else None
    image = open_at_size(part.path, stated, sample.shown_upright(part.path))
    pictures = {"image": crops.cut(image, part.view) if part.view else image}
    if part.view and part.view.jpeg_quality is not None:
        pictures["seen"] = crops.compressed(pictures["image"], part.view.jpeg_quality)
    return pictures


def first_image(sample: Sample) -> ImagePart:
    """What the masks of an answer are on."""
    parts = (part for turn in sample.turns for part in turn.parts)
    return next((part for part in parts if isinstance(part, ImagePart)), ImagePart(sample.image))


def open_at_size(path: Path, stated: tuple[int, int] | None, upright: bool) -> Image.Image:
    """An image, of a stated size (height, width) if there is one; errors as `pictures_of`."""
    image = open_image(path, upright)
    size = (image.height, image.width)
    if stated is not None and size != stated:
        raise ValueError(
            f"{path} is {size[1]} x {size[0]} pixels, its annotation says {stated[1]} x {stated[0]}"
        )
    return image
