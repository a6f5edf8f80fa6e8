"""Pictures of masks on their image."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIDE = 640
"""Longest side of a panel in pixels."""
CAPTION = 26
"""Height in pixels of the line above a panel."""
# distinct for colour-blind readers too (Okabe and Ito)
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (204, 121, 167), (213, 94, 0))
MISSING, EXTRA, BOTH = (230, 60, 40), (40, 110, 230), (235, 235, 235)

Masks = NDArray[np.bool_]


def overlay(
    image: Image.Image, masks: Masks, colours: Sequence[tuple[int, int, int]] = COLOURS
) -> Image.Image:
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
        tinted[(np.asarray(wider) > 0) & ~masks.any(0)] = 255
    return Image.fromarray(tinted)


def difference(image: Image.Image, masks: Masks, others: Masks) -> Image.Image:
    """Dim the image and colour the pixels that `others` miss, have in addition, or share with `masks`.

    Both are (N, H, W) bool and paired. A pixel that is wrong for any pair is shown as wrong.
    """
    missing, extra = (masks & ~others).any(0), (others & ~masks).any(0)
    both = (masks & others).any(0) & ~missing & ~extra
    dark = Image.fromarray((np.asarray(image.convert("RGB")) * 0.35).astype(np.uint8))
    return overlay(dark, np.stack([both, extra, missing]), (BOTH, EXTRA, MISSING))


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
        "difference: red missing, blue extra": difference(image, masks, decoded),
    }
    scale = min(1.0, SIDE / max(image.size))
    width, height = (max(1, round(length * scale)) for length in image.size)
    sheet = Image.new("RGB", (width * len(panels), height + CAPTION), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for index, (caption, panel) in enumerate(panels.items()):
        sheet.paste(panel.resize((width, height), Image.Resampling.LANCZOS), (index * width, CAPTION))
        draw.text((index * width + 4, 3), caption, fill="black", font=font)
    return sheet
