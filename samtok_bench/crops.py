"""Views of pictures: cut, resized, compressed."""

import io

from PIL import Image

from samtok_bench.sample import View


def cut(image: Image.Image, view: View) -> Image.Image:
    """The part of a picture that a view shows, at the view's size, not compressed.

    Raises:
        ValueError: the box is not within the picture.
    """
    if view.box is not None:
        x0, y0, x1, y1 = view.box
        if not (0 <= x0 < x1 <= image.width and 0 <= y0 < y1 <= image.height):
            raise ValueError(f"the box {view.box} is not within {image.width} x {image.height} pixels")
        image = image.crop(view.box)
    if view.size is not None:
        height, width = view.size
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return image


def compressed(image: Image.Image, quality: int) -> Image.Image:
    """A picture after a JPEG of this quality (Pillow's scale, 75 is its default)."""
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=quality)
    return Image.open(io.BytesIO(file.getvalue())).convert("RGB")
