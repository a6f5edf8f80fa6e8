"""Pictures of masks on their image."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from samtok.colours import BEYOND, BOTH, MASKS, MISSED, RGB, TARGET

SIDE = 640
"""Longest side of a panel in pixels."""
CAPTION = 26
"""Height in pixels of the line above a panel."""

Masks = NDArray[np.bool_]
Point = tuple[int, int]
"""x, y."""


def overlay(image: Image.Image, masks: Masks, colours: Sequence[RGB] = MASKS) -> Image.Image:
    """Tint the masks (N, H, W) bool on an image of their size, each in its own colour."""
    pixels = np.asarray(image.convert("RGB"), np.float32).copy()
    for index, mask in enumerate(masks):
        pixels[mask] = 0.45 * pixels[mask] + 0.55 * np.array(colours[index % len(colours)], np.float32)
    return Image.fromarray(pixels.astype(np.uint8))


def outlined(image: Image.Image, masks: Masks) -> Image.Image:
    """Tint the masks as `overlay` does, with a white line around each.

    The line shows masks that the tint alone would hide: tiny ones, thin ones, blue on blue. It is about one
    pixel wide after `round_trip` has scaled the image down.
    """
    width = math.ceil(max(image.size) / SIDE)
    tinted = np.asarray(overlay(image, masks)).copy()
    for mask in masks:
        wider = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(2 * width + 1))
        tinted[(np.asarray(wider) > 0) & ~masks.any(0)] = TARGET
    return Image.fromarray(tinted)


def difference(image: Image.Image, masks: Masks, others: Masks) -> Image.Image:
    """Dim the image and colour the pixels that `others` miss, have in addition, or share with `masks`.

    Both are (N, H, W) bool and paired. A pixel that is wrong for any pair is shown as wrong.
    """
    missing, extra = (masks & ~others).any(0), (others & ~masks).any(0)
    both = (masks & others).any(0) & ~missing & ~extra
    dark = Image.fromarray((np.asarray(image.convert("RGB")) * 0.35).astype(np.uint8))
    return overlay(dark, np.stack([both, extra, missing]), (BOTH, BEYOND, MISSED))


def round_trip(image: Image.Image, masks: Masks, decoded: Masks, iou: Sequence[float]) -> Image.Image:
    """Show masks (N, H, W) bool, what their words decode to, and the difference, side by side.

    Images longer than `SIDE` are scaled down.

    Args:
        iou: of each mask, 0 to 1, for the caption.
    """
    mean = sum(iou) / len(iou)
    caption = f"from its words, IoU {mean:.3f}" if len(iou) == 1 else f"from their words, mean IoU {mean:.3f}"
    panels = {
        "mask" if len(iou) == 1 else "masks": outlined(image, masks),
        caption: outlined(image, decoded),
        "": difference(image, masks, decoded),
    }
    scale = min(1.0, SIDE / max(image.size))
    width, height = (max(1, round(length * scale)) for length in image.size)
    sheet = Image.new("RGB", (width * len(panels), height + CAPTION), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for index, (caption, panel) in enumerate(panels.items()):
        sheet.paste(panel.resize((width, height), Image.Resampling.LANCZOS), (index * width, CAPTION))
        draw.text((index * width + 4, 3), caption, fill="black", font=font)
    _legend(draw, font, ((len(panels) - 1) * width + 4, 3))
    return sheet


def _legend(draw: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, at: Point) -> None:
    """What the colours of a difference mean, each behind a square of it."""
    x, y = at
    for colour, name in ((BOTH, "in both"), (MISSED, "missed"), (BEYOND, "beyond")):
        draw.rectangle((x, y + 3, x + 13, y + 16), fill=colour, outline="black")
        draw.text((x + 18, y), name, fill="black", font=font)
        x += 26 + round(font.getlength(name))
