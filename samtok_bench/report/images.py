"""The pictures of a report, each of them once, small, as data URIs."""

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from samtok_bench import crops
from samtok_bench.images import ImageFileError, MissingImageError, image_size, open_image
from samtok_bench.sample import View

LADDER = (
    (4096, 90),
    (2048, 90),
    (1280, 90),
    (768, 90),
    (640, 85),
    (512, 80),
    (448, 75),
    (384, 70),
    (384, 50),
    (320, 50),
    (256, 40),
)
"""Longest side in pixels and WebP quality: the first that keeps to the budget, else the last."""
_QUALITY_GAIN = 2.5
"""At most this much is saved by the lower quality alone, apart from fewer pixels."""


@dataclass
class Picture:
    """An image, or a view of one."""

    path: Path
    view: View | None
    upright: bool
    """See `Sample.upright`."""
    width: int
    """Of the full picture, in pixels: masks on it have this size."""
    height: int
    note: str = ""
    """Why it is shown grey; empty if it is not."""
    uri: str = ""


@dataclass
class Pictures:
    """All pictures of a report, numbered in the order in which they were first asked for."""

    found: list[Picture] = field(default_factory=list)
    _numbers: dict[tuple[Path, View | None, bool], int] = field(default_factory=dict)

    def number(self, path: Path, view: View | None, size: tuple[int, int], upright: bool = False) -> int:
        """The number of a picture; its pixels are read later.

        Args:
            path: of the image.
            view: the part of it that is shown; compression is ignored, since it does not move pixels.
            size: (height, width) for an image that cannot be read.
            upright: see `Sample.upright`.
        """
        shown = View(view.box, view.size) if view and (view.box or view.size) else None
        key = (path, shown, upright)
        if key not in self._numbers:
            self._numbers[key] = len(self.found)
            self.found.append(_measured(path, shown, size, upright))
        return self._numbers[key]

    def encode(self, budget: float) -> None:
        """Read and compress all pictures.

        Args:
            budget: the number of bytes that a picture should have.
        """
        for picture in self.found:
            if not picture.note:
                _encode(picture, budget)


def _measured(path: Path, view: View | None, size: tuple[int, int], upright: bool) -> Picture:
    note = ""
    try:
        height, width = image_size(path, upright)
    except ImageFileError as error:
        (height, width), note = size, _reason(path, error)
    if view and view.box:
        width, height = view.box[2] - view.box[0], view.box[3] - view.box[1]
    if view and view.size:
        height, width = view.size
    return Picture(path, view, upright, width, height, note)


def _encode(picture: Picture, budget: float) -> None:
    try:
        image = open_image(picture.path, picture.upright)
        if picture.view:
            image = crops.cut(image, picture.view)
    except ValueError as error:  # also a view that is not within it
        picture.note = _reason(picture.path, error)
        return
    content = _within(image, budget)
    picture.uri = f"data:image/webp;base64,{base64.b64encode(content).decode()}"


def _within(image: Image.Image, budget: float) -> bytes:
    """A WebP file; rungs of the ladder whose area alone makes them too large are not tried."""
    content, pixels, longest = b"", 0, max(image.size)
    for side, quality in LADDER:
        area = min(side, longest) ** 2
        if content and len(content) * area / pixels > _QUALITY_GAIN * budget and side != LADDER[-1][0]:
            continue
        content, pixels = _webp(image, side, quality), area
        if len(content) <= budget:
            break
    return content


def _webp(image: Image.Image, side: int, quality: int) -> bytes:
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(scale * image.width)), max(1, round(scale * image.height)))
    small = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2)
    file = io.BytesIO()
    small.save(file, format="WEBP", quality=quality, method=2)
    return file.getvalue()


def _reason(path: Path, error: ValueError) -> str:
    """The error without the folder: a report is sent to others."""
    if isinstance(error, MissingImageError):
        return f"no image at {path.name}"
    return str(error).replace(str(path), path.name)
