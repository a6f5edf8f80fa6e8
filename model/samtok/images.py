"""Any image as the model sees it: uint8 RGB, resized to the square input, normalised.

Pixels are taken as stored. EXIF orientation is not applied, because the masks of every supported data set
refer to the stored pixels, and because the released code does not apply it either.
"""

from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

ImageLike: TypeAlias = Image.Image | np.ndarray

# ImageNet statistics, as SAM 2 uses them
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def to_rgb(image: ImageLike) -> Image.Image:
    """Convert a PIL image of any mode, or an array (H, W), (H, W, 3) or (H, W, 4) uint8, to RGB.

    Greyscale is repeated over the channels, an alpha channel is dropped (as PIL's convert does), and 16-bit
    greyscale keeps its 8 high bits.

    Raises:
        ValueError: another type, dtype or shape, or no pixels.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
            raise ValueError(f"image array must be uint8 of shape (H, W, 3), got {image.dtype} {image.shape}")
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image):
        raise ValueError(f"image must be a PIL image or an array, got {type(image).__name__}")
    if 0 in image.size:
        raise ValueError(f"image has no pixels: size {image.size[0]} x {image.size[1]}")
    if image.mode.startswith("I"):
        # PIL clips 16-bit values at 255 instead of scaling them
        wide = np.asarray(image).astype(np.int64)
        return Image.fromarray((wide.clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def open_image(path: str | Path) -> Image.Image:
    """Read a whole image file as RGB.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an image, or damaged or truncated.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no image file at {path}")
    try:
        with Image.open(path) as image:
            image.load()
            return to_rgb(image)
    except UnidentifiedImageError:
        raise ValueError(f"{path} is not an image that Pillow can read") from None
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} is damaged or truncated: {error}") from None


def to_pixels(image: ImageLike, size: int) -> Tensor:
    """Resize and normalise an image: (3, size, size) float32.

    PIL's antialiased bicubic filter stretches it to the square, without keeping the aspect ratio, like the
    release's "DirectResize".
    """
    square = to_rgb(image).resize((size, size), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 255  # (3, S, S)
    return (pixels - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
