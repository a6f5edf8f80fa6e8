"""Image files for the harness and its tasks, opened by the model's own reader: one limit, one error."""

from samtok.images import (
    DEFAULT_MAX_PIXELS,
    ImageFileError,
    MissingImageError,
    allow_pixels,
    check_pixels,
    image_size,
    max_pixels,
    open_image,
    open_image_bytes,
    read_stored,
)
from samtok.mask_files import NotBinaryError, mask_pixels

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "ImageFileError",
    "MissingImageError",
    "NotBinaryError",
    "allow_pixels",
    "check_pixels",
    "image_size",
    "mask_pixels",
    "max_pixels",
    "open_image",
    "open_image_bytes",
    "read_stored",
]
