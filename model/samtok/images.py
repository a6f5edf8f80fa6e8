"""Any image as the model sees it: uint8 RGB, resized to the square input, normalised.

Every image file is opened here, whoever asks, so that "unreadable" means the same everywhere.

Pixels are taken as stored. EXIF orientation is not applied unless asked for, because the masks of nearly all
data sets refer to the stored pixels, and because the released code does not apply it either.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    from torch import Tensor

ImageLike: TypeAlias = Image.Image | np.ndarray

# ImageNet statistics, as SAM 2 uses them
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

DEFAULT_MAX_PIXELS = 178_956_970
"""What Pillow takes for a bomb is larger: half a gigabyte as RGB."""
_DEEP_FORMATS = ("PNG", "PPM")
"""Pillow's mode I holds their 16 bits; elsewhere it holds 32."""
_ORIENTATION = 274
"""EXIF tag."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the tag's value, what makes an image upright."""
_SIDEWAYS = 5
"""The tag's first value that exchanges height and width."""
_max_pixels = DEFAULT_MAX_PIXELS


class ImageFileError(ValueError):
    """An image file that is not read, with the reason in one line."""


class MissingImageError(ImageFileError, FileNotFoundError):
    """There is no such file."""


def max_pixels() -> int:
    """How many pixels an image may have."""
    return _max_pixels


def allow_pixels(count: int) -> None:
    """Set the limit of this process. Pillow's own moves along, which also guards tiles and nested images."""
    global _max_pixels
    if count < 1:
        raise ValueError(f"--max-image-pixels must be at least 1, got {count}")
    _max_pixels = Image.MAX_IMAGE_PIXELS = count


def check_pixels(height: int, width: int, what: str) -> None:
    """ImageFileError for more pixels than the limit; `what` is the image or the mask, for the message."""
    if height * width > _max_pixels:
        raise ImageFileError(f"{what} is {width} x {height} pixels: {_limit()}")


def open_image(path: str | Path, upright: bool = False) -> Image.Image:
    """Read a whole image file as RGB.

    Args:
        path: the file.
        upright: turn and mirror it as its EXIF orientation asks viewers to, as OpenCV does.

    Raises:
        MissingImageError: there is no such file.
        ImageFileError: it is not an image, is damaged, has more than `max_pixels`, or see `to_rgb`.
    """
    image = read_stored(path)
    turn = _TURNS.get(_orientation(path)) if upright else None
    try:
        return to_rgb(image) if turn is None else to_rgb(image).transpose(turn)
    except ValueError as error:
        raise ImageFileError(f"{path}: {error}") from None


def open_image_bytes(stored: bytes, name: str) -> Image.Image:
    """Read the content of an image file as `open_image` does; `name` stands for the path in errors."""
    with _opened(name, content=stored) as image:
        image.load()
        try:
            return to_rgb(image)
        except ValueError as error:
            raise ImageFileError(f"{name}: {error}") from None


def read_stored(
    path: str | Path, formats: tuple[str, ...] | None = None, content: bytes | None = None
) -> Image.Image:
    """Read a whole image file in its own mode. Errors as of `open_image`.

    Args:
        path: the file.
        formats: those that it may have, by Pillow's names; any by default.
        content: of the file; `path` then only stands for it in errors.
    """
    with _opened(path, formats, content) as image:
        image.load()
        return image


def image_size(path: str | Path, upright: bool = False) -> tuple[int, int]:
    """Height and width of an image, from its header, as `open_image` gives it and with its errors."""
    with _opened(path) as image:
        size = image.height, image.width
    return size[::-1] if upright and _orientation(path) >= _SIDEWAYS else size


def _orientation(path: str | Path) -> int:
    """Of EXIF; 1, which is upright, where it says nothing that is known."""
    with _opened(path) as image:
        value = image.getexif().get(_ORIENTATION)
        return int(value) if value in _TURNS else 1


@contextmanager
def _opened(
    path: str | Path, formats: tuple[str, ...] | None = None, content: bytes | None = None
) -> Iterator[Image.Image]:
    """An image of which only the header is read; whatever Pillow raises becomes one error."""
    try:
        if content is None and not Path(path).is_file():
            raise MissingImageError(f"no image file at {path}")
        with Image.open(path if content is None else BytesIO(content), formats=formats) as image:
            check_pixels(image.height, image.width, str(path))
            if image.format == "EPS":
                raise ImageFileError(f"{path} is PostScript, a program, and is not run: convert it to PNG")
            yield image
    except ImageFileError:
        raise
    except UnidentifiedImageError:
        kind = "an image" if formats is None else f"a {' or '.join(formats)} image"
        raise ImageFileError(f"{path} is not {kind} that Pillow can read") from None
    except Image.DecompressionBombError as error:
        found = re.search(r"\d+ pixels", str(error))
        raise ImageFileError(f"{path} has {found[0] if found else 'too many pixels'}: {_limit()}") from None
    except MemoryError:
        raise ImageFileError(f"{path} does not fit in this machine's memory") from None
    except Exception as error:  # Pillow promises no particular exception for a broken file
        if isinstance(error, OSError) and error.errno is not None:
            raise ImageFileError(f"{path} cannot be read: {error.strerror}") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageFileError(f"{path} is damaged or truncated: {reason}") from None


def _limit() -> str:
    return f"at most {_max_pixels:,} are read; --max-image-pixels N changes that"


def to_rgb(image: ImageLike) -> Image.Image:
    """Convert a PIL image of any mode, or an array (H, W), (H, W, 3) or (H, W, 4) uint8, to RGB.

    Greyscale is repeated over the channels, an alpha channel is dropped (as PIL's convert does), and 16-bit
    greyscale keeps its 8 high bits. Pixels of 32 bits are refused: no file says which range they have.

    Raises:
        ValueError: another type, dtype or shape, a mode without a conversion, or no pixels.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
            raise ValueError(f"image array must be uint8 of shape (H, W, 3), got {image.dtype} {image.shape}")
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise ValueError(f"image must be a PIL image or an array, got {type(image).__name__}")
    if 0 in image.size:
        raise ValueError(f"image has no pixels: size {image.size[0]} x {image.size[1]}")
    if image.mode == "F" or (image.mode == "I" and getattr(image, "format", None) not in _DEEP_FORMATS):
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"image has {kind} pixels, whose range is not known: save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        # PIL clips 16-bit values at 255 instead of scaling them
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray((wide.clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def to_pixels(image: ImageLike, size: int) -> "Tensor":
    """Resize and normalise an image: (3, size, size) float32.

    PIL's antialiased bicubic filter stretches it to the square, without keeping the aspect ratio, like the
    release's "DirectResize".
    """
    import torch  # starts slowly

    square = to_rgb(image).resize((size, size), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 255  # (3, S, S)
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
