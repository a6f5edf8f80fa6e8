"""A contact sheet: scenes with their expressions, to be looked at."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samtok_bench import rle
from samtok_bench.images import open_image
from samtok_tasks.formats.refer import ReferringExpression
from samtok_tasks.gres.reader import read_grefcoco
from samtok_tasks.mini.scene import Mask

OUTLINES = ((255, 0, 200), (0, 235, 255), (170, 255, 0), (255, 120, 0))
ZOOM = 2
_MARGIN = 12
_LINE = 22


def contact_sheet(root: Path, *, split: str = "val", images: int = 20, columns: int = 5) -> Image.Image:
    """Draw the first images of a split of gRefCOCO's form, targets outlined, expressions underneath.

    Each expression has a colour of its own, that of its targets' outlines; "-" marks one without a
    target. It reads the written files, so what it shows is what a task will see.

    Raises:
        FileNotFoundError, ValueError: the data root is incomplete or has no such split.
    """
    groups: dict[int, list[ReferringExpression]] = {}
    for expression in read_grefcoco(root).split(split):
        groups.setdefault(expression.image_id, []).append(expression)
    tiles = [_tile(group) for group in list(groups.values())[:images]]
    width = max(tile.width for tile in tiles)
    height = max(tile.height for tile in tiles)
    rows = -(-len(tiles) // columns)
    sheet = Image.new(
        "RGB", (columns * (width + _MARGIN) + _MARGIN, rows * (height + _MARGIN) + _MARGIN), "white"
    )
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        sheet.paste(tile, (_MARGIN + column * (width + _MARGIN), _MARGIN + row * (height + _MARGIN)))
    return sheet


def _tile(expressions: list[ReferringExpression]) -> Image.Image:
    image = open_image(expressions[0].image_path)
    picture = image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.NEAREST)
    pixels = np.asarray(picture).copy()
    for place, expression in enumerate(expressions):
        for target in expression.targets:
            mask = np.kron(rle.decode(target), np.ones((ZOOM, ZOOM), dtype=bool))
            pixels[_border(mask, inset=2 * place)] = OUTLINES[place % len(OUTLINES)]
    tile = Image.new("RGB", (picture.width, picture.height + _LINE * len(expressions)), "white")
    tile.paste(Image.fromarray(pixels))
    draw = ImageDraw.Draw(tile)
    font = ImageFont.load_default(size=15)
    for place, expression in enumerate(expressions):
        top = picture.height + _LINE * place
        draw.rectangle((0, top + 4, 14, top + 18), fill=OUTLINES[place % len(OUTLINES)])
        count = len(expression.annotation_ids) or "-"
        draw.text((20, top + 2), f"{count}  {expression.raw}", fill="black", font=font)
    return tile


def _border(mask: Mask, inset: int) -> NDArray[np.bool_]:
    """Two pixels along the inner edge of a mask, `inset` pixels inside it."""
    for _ in range(inset):
        mask = _eroded(mask)
    return mask & ~_eroded(_eroded(mask))


def _eroded(mask: Mask) -> Mask:
    padded = np.pad(mask, 1)
    return padded[1:-1, 1:-1] & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
