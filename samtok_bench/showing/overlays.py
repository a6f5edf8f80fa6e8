"""A picture of a few answers: what was asked, what was wanted, what came."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from samtok.colours import RGB, TARGET, mask_colour
from samtok_bench import rle
from samtok_bench.errors import in_one_line
from samtok_bench.files import whole_file
from samtok_bench.images import ImageFileError, open_image
from samtok_bench.rle import RLE
from samtok_bench.runs.journal import Line
from samtok_bench.sample import Outcome, Sample, Text

OVERLAYS = "overlays.png"
"""In a results folder."""
COUNT = 8
COLUMNS = 2
SIDE = 256
CAPTION = 34
LEGEND_HEIGHT = 20
LEGEND = "each mask in a colour of its own; white: the outline of the target"


def write_overlays(path: Path, samples: Sequence[Sample], lines: Mapping[str, Line]) -> list[str]:
    """Draw evenly spaced samples: the target and the answer side by side, in the colours of `samtok.colours`.

    Whatever cannot be drawn fails nothing: the answers stand without a picture.

    Returns:
        what could not be drawn: images that cannot be read and stay grey, or the whole picture.
    """
    images = _Images()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        chosen = [samples[int(k)] for k in np.linspace(0, len(samples) - 1, min(COUNT, len(samples)))]
        sheet = _sheet([_tile(sample, lines[sample.id], images) for sample in chosen], COLUMNS)
        with whole_file(path) as file:
            sheet.save(file, "PNG")
    except Exception as error:
        with suppress(OSError):
            path.unlink()  # of an earlier time
        return [f"no {path.name}: {type(error).__name__}: {in_one_line(error)}"]
    return images.notes()


def write_changes(
    path: Path,
    samples: Mapping[str, Sample],
    before: Mapping[str, Line],
    now: Mapping[str, Line],
    captions: Mapping[str, str],
) -> list[str]:
    """Draw samples that two runs answered: the target, then the two answers.

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
    tiles, images = [], _Images()
    for id in there:
        sample = samples[id]
        answers = [lines[id].prediction.masks for lines in (before, now)]
        tiles.append(_strip(sample, images.fitted(sample), answers, captions[id]))
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        _sheet(tiles, 1).save(file, "PNG")
    gone = len(captions) - len(there)
    notes = [f"{gone} samples are not in the data any more"] if gone else []
    return notes + images.notes()


class _Images:
    """The images of a picture. Those that cannot be read stay grey and are counted."""

    def __init__(self) -> None:
        self._unread: list[str] = []

    def fitted(self, sample: Sample) -> Image.Image:
        """The image of a sample, or grey in its place, with SIDE as its longer side."""
        height, width = sample.size
        scale = SIDE / max(height, width)
        size = max(1, round(scale * width)), max(1, round(scale * height))
        try:
            return open_image(sample.image, sample.upright).resize(size)
        except ImageFileError as error:
            self._unread.append(str(error))
            return Image.new("RGB", size, "grey")

    def notes(self) -> list[str]:
        """One line, if an image could not be read."""
        if not self._unread:
            return []
        return [f"{len(self._unread)} images cannot be read, the first: {self._unread[0]}"]


def _sheet(tiles: Sequence[Image.Image], columns: int) -> Image.Image:
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    width, height = tiles[0].size
    sheet = Image.new("RGB", (columns * width, rows * height + LEGEND_HEIGHT), "white")
    for k, tile in enumerate(tiles):
        sheet.paste(tile, (k % columns * width, k // columns * height))
    legend = ImageDraw.Draw(sheet)
    legend.text((4, rows * height + 2), LEGEND, fill="black", font=ImageFont.load_default(size=12))
    return sheet


def overlay(image: Image.Image, masks: Sequence[RLE], colour: RGB) -> Image.Image:
    """Tint the union of masks and draw its outline.

    Args:
        image: RGB.
        masks: of the image's size, or of the size that it has in full; may be none.
        colour: RGB, 0 to 255.
    """
    if not masks:
        return image
    mask = rle.resized(rle.union(masks), image.height, image.width)
    pixels = np.asarray(image, dtype=np.float32).copy()
    pixels[mask] = 0.55 * pixels[mask] + 0.45 * np.array(colour, dtype=np.float32)
    pixels[_outline(mask)] = colour
    return Image.fromarray(pixels.astype(np.uint8))


def _in_colours(image: Image.Image, masks: Sequence[RLE], outlined: Sequence[RLE] = ()) -> Image.Image:
    """Each mask in its colour, and a line in that of the target around others."""
    for number, mask in enumerate(masks):
        image = overlay(image, [mask], mask_colour(number))
    if not outlined:
        return image
    pixels = np.array(image)
    pixels[_outline(rle.resized(rle.union(outlined), image.height, image.width))] = TARGET
    return Image.fromarray(pixels)


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return mask & ~inner.astype(bool)


def _tile(sample: Sample, line: Line, images: _Images) -> Image.Image:
    said = f"target: {_count(sample.target.masks)} | answer: {_count(line.prediction.masks)}"
    if line.prediction.outcome is not Outcome.OK:
        said += f", {line.prediction.outcome}"
    if "iou" in line.scores:
        said += f", IoU {100 * line.scores['iou']:.0f}"
    return _strip(sample, images.fitted(sample), [line.prediction.masks], said)


def _strip(
    sample: Sample,
    image: Image.Image,
    answers: Sequence[Sequence[RLE]],
    said: str,
) -> Image.Image:
    """The image with the target and with each answer, below the question and what is said of the answer."""
    wanted = sample.target.masks
    panels = [_in_colours(image, wanted), *(_in_colours(image, masks, wanted) for masks in answers)]
    tile = Image.new("RGB", (len(panels) * (SIDE + 4) + 4, SIDE + CAPTION), "white")
    for k, panel in enumerate(panels):
        tile.paste(panel, (4 + k * (SIDE + 4), CAPTION))
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(size=12)
    asked = "".join(part.text for part in sample.turns[-1].parts if isinstance(part, Text))
    draw.text((4, 2), asked[:80], fill="black", font=font)
    draw.text((4, 17), said, fill="black", font=font)
    return tile


def _count(masks: Sequence[RLE]) -> str:
    return f"{len(masks)} mask{'s' if len(masks) != 1 else ''}" if masks else "no mask"
