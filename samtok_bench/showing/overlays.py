"""A picture of a few answers: what was asked, what was wanted, what came."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samtok_bench import rle
from samtok_bench.files import whole_file
from samtok_bench.rle import RLE
from samtok_bench.runs.journal import Line
from samtok_bench.sample import Outcome, Sample, Text

OVERLAYS = "overlays.png"
"""In a results folder."""
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
    with whole_file(path) as file:
        _sheet([_tile(sample, lines[sample.id]) for sample in chosen], COLUMNS).save(file, "PNG")


def write_changes(
    path: Path,
    samples: Mapping[str, Sample],
    before: Mapping[str, Line],
    now: Mapping[str, Line],
    captions: Mapping[str, str],
) -> list[str]:
    """Draw samples that two runs answered: the target (cyan), then the two answers (magenta).

    Args:
        path: of the picture; its folder is made if needed.
        samples: by id, as those below.
        before: the first run's lines.
        now: the second run's.
        captions: what to write above each sample to draw.

    Returns:
        what could not be drawn: samples that are gone, images that cannot be read and stay grey.

    Raises:
        ValueError: none of the samples is there.
    """
    there = [id for id in captions if id in samples]
    if not there:
        raise ValueError("none of the samples is in the data any more")
    tiles, unread = [], []
    for id in there:
        sample = samples[id]
        image = _image(sample)
        if image is None:
            unread.append(sample.image)
        answers = [(lines[id].prediction.masks, ANSWER_COLOUR) for lines in (before, now)]
        tiles.append(_strip(sample, image, [(sample.target.masks, TARGET_COLOUR), *answers], captions[id]))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        _sheet(tiles, 1).save(file, "PNG")
    gone = len(captions) - len(there)
    notes = [f"{gone} samples are not in the data any more"] if gone else []
    return notes + ([f"{len(unread)} images cannot be read, the first: {unread[0]}"] if unread else [])


def _sheet(tiles: Sequence[Image.Image], columns: int) -> Image.Image:
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    width, height = tiles[0].size
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    for k, tile in enumerate(tiles):
        sheet.paste(tile, (k % columns * width, k // columns * height))
    return sheet


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
    said = f"target: {_count(sample.target.masks)} | answer: {_count(line.prediction.masks)}"
    if line.prediction.outcome is not Outcome.OK:
        said += f", {line.prediction.outcome}"
    if "iou" in line.scores:
        said += f", IoU {100 * line.scores['iou']:.0f}"
    layers = [(sample.target.masks, TARGET_COLOUR), (line.prediction.masks, ANSWER_COLOUR)]
    return _strip(sample, _image(sample), layers, said)


def _image(sample: Sample) -> Image.Image | None:
    try:
        with Image.open(sample.image) as file:
            return file.convert("RGB")
    except OSError:
        return None


def _strip(
    sample: Sample,
    image: Image.Image | None,
    layers: Sequence[tuple[Sequence[RLE], tuple[int, int, int]]],
    said: str,
) -> Image.Image:
    """The image once a layer of masks, side by side, below the question and what is said of the answer."""
    height, width = sample.size
    if image is None:
        image = Image.new("RGB", (width, height), "grey")
    if image.size != (width, height):
        image = image.resize((width, height))
    tile = Image.new("RGB", (len(layers) * (SIDE + 4) + 4, SIDE + CAPTION), "white")
    for k, (masks, colour) in enumerate(layers):
        picture = overlay(image, masks, colour)
        scale = SIDE / max(picture.size)
        fitted = picture.resize((max(1, round(scale * width)), max(1, round(scale * height))))
        tile.paste(fitted, (4 + k * (SIDE + 4), CAPTION))
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(size=12)
    asked = "".join(part.text for part in sample.turns[-1].parts if isinstance(part, Text))
    draw.text((4, 2), asked[:80], fill="black", font=font)
    draw.text((4, 17), said, fill="black", font=font)
    return tile


def _count(masks: Sequence[RLE]) -> str:
    return f"{len(masks)} mask{'s' if len(masks) != 1 else ''}" if masks else "no mask"
