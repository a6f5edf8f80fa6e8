"""A picture of a few answers: what was asked, what was wanted, what came."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samtok_bench.metrics import rle
from samtok_bench.metrics.rle import RLE
from samtok_bench.results import Line
from samtok_bench.sample import Outcome, Sample, Text

COUNT = 8
COLUMNS = 2
SIDE = 256
CAPTION = 34
TARGET_COLOUR = (0, 225, 255)
ANSWER_COLOUR = (255, 0, 200)


def write_overlays(path: Path, samples: Sequence[Sample], lines: Mapping[str, Line]) -> None:
    """Draw evenly spaced samples: the target (cyan) and the answer (magenta) side by side.

    Images that cannot be read stay grey.
    """
    chosen = [samples[int(k)] for k in np.linspace(0, len(samples) - 1, min(COUNT, len(samples)))]
    tiles = [_tile(sample, lines[sample.id]) for sample in chosen]
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    width, height = tiles[0].size
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for k, tile in enumerate(tiles):
        sheet.paste(tile, (k % columns * width, k // columns * height))
    sheet.save(path)


def overlay(image: Image.Image, masks: Sequence[RLE], colour: tuple[int, int, int]) -> Image.Image:
    """Tint the union of masks and draw its outline.

    Args:
        image: RGB, of the masks' size.
        masks: may be none.
        colour: RGB, 0 to 255.
    """
    if not masks:
        return image
    mask = rle.decode(rle.union(masks))
    pixels = np.asarray(image, dtype=np.float32).copy()
    pixels[mask] = 0.55 * pixels[mask] + 0.45 * np.array(colour, dtype=np.float32)
    pixels[_outline(mask)] = colour
    return Image.fromarray(pixels.astype(np.uint8))


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner


def _tile(sample: Sample, line: Line) -> Image.Image:
    height, width = sample.size
    try:
        with Image.open(sample.image) as file:
            image = file.convert("RGB")
    except OSError:
        image = Image.new("RGB", (width, height), "grey")
    if image.size != (width, height):
        image = image.resize((width, height))
    pair = [
        overlay(image, sample.target.masks, TARGET_COLOUR),
        overlay(image, line.prediction.masks, ANSWER_COLOUR),
    ]
    tile = Image.new("RGB", (2 * SIDE + 12, SIDE + CAPTION), "white")
    for k, picture in enumerate(pair):
        scale = SIDE / max(picture.size)
        fitted = picture.resize((max(1, round(scale * width)), max(1, round(scale * height))))
        tile.paste(fitted, (4 + k * (SIDE + 4), CAPTION))
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(size=12)
    asked = "".join(part.text for part in sample.turns[-1].parts if isinstance(part, Text))
    said = f"target: {_count(sample.target.masks)} | answer: {_count(line.prediction.masks)}"
    if line.prediction.outcome is not Outcome.OK:
        said += f", {line.prediction.outcome}"
    if "iou" in line.scores:
        said += f", IoU {100 * line.scores['iou']:.0f}"
    draw.text((4, 2), asked[:80], fill="black", font=font)
    draw.text((4, 17), said, fill="black", font=font)
    return tile


def _count(masks: Sequence[RLE]) -> str:
    return f"{len(masks)} mask{'s' if len(masks) != 1 else ''}" if masks else "no mask"
