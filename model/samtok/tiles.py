"""A picture as PerceptionLM sees it: small in one tile, then in a grid of tiles.

As transformers' `PerceptionLMImageProcessor`, which needs torchvision. The rule of the grid is that of Llama
3.2 Vision: of the grids that hold the picture without shrinking it, the one that makes its shorter side
longest.
"""

import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn


def grid_of(width: int, height: int, side: int, most: int) -> tuple[int, int]:
    """Columns and rows of tiles of `side` pixels, at most `most` tiles, for a picture in pixels."""
    grids = [
        (columns, count // columns)
        for count in range(most, 0, -1)
        for columns in range(1, count + 1)
        if count % columns == 0
    ]
    ratio = width / height
    by_ratio: dict[float, list[tuple[int, int]]] = {}
    for columns, rows in grids:
        by_ratio.setdefault(columns / rows, []).append((columns, rows))
    ordered = [grid for group in by_ratio.values() for grid in group]  # of equally good ones the last wins
    best, longest = None, -1.0
    for columns, rows in ordered:
        if columns * side < width or rows * side < height:
            continue
        scale = min(columns * side / width, rows * side / height)
        if ratio == 1:
            shorter = scale * height
        else:  # in the original's order, for the sake of rounding
            shorter = math.floor(scale * width / ratio if ratio > 1 else scale * height * ratio)
        if shorter >= longest:
            best, longest = (columns, rows), shorter
    if best:
        return best
    if ratio >= 1:
        nearest = min((k for k in by_ratio if k <= ratio), key=lambda k: abs(k - ratio))
        return max(by_ratio[nearest], key=lambda grid: grid[0])
    nearest = min((k for k in by_ratio if k > ratio), key=lambda k: abs(1 / k - 1 / ratio))
    return max(by_ratio[nearest], key=lambda grid: grid[1])


class Tiles:
    """Pictures to tiles, by the settings of a `PerceptionLMImageProcessor`."""

    def __init__(self, settings: dict[str, Any], most: int) -> None:
        """Settings are those of the official file; `most` tiles are in a grid, or fewer if it says so.

        Raises:
            ValueError: settings that are not supported.
        """
        for name, only in (("vision_input_type", "thumb+tile"), ("resample", int(Image.Resampling.BICUBIC))):
            if (given := settings.get(name, only)) != only:
                raise ValueError(f"settings of images: {name} must be {only}, got {given!r}")
        self.side = int(settings.get("tile_size", 448))
        self.most = min(most, int(settings.get("max_num_tiles", 36)))
        self.mean, self.std = (
            torch.tensor(settings.get(f"image_{name}", [0.5] * 3)).view(3, 1, 1) for name in ("mean", "std")
        )

    def count(self, height: int, width: int) -> int:
        """The number of tiles of a picture, the small one included."""
        columns, rows = grid_of(width, height, self.side, self.most)
        return 1 + columns * rows

    def __call__(self, image: Image.Image) -> Tensor:
        """The tiles (T, 3, S, S) float32 of an RGB picture: the small one, then row by row."""
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None]
        columns, rows = grid_of(image.width, image.height, self.side, self.most)
        large = self._resized(pixels, columns, rows).unflatten(-1, (columns, -1)).unflatten(-3, (rows, -1))
        tiles = large[0].permute(1, 3, 0, 2, 4).flatten(0, 1)  # (rows * columns, 3, S, S)
        both = torch.cat([self._resized(pixels, 1, 1), tiles])
        return (both.float() / 255 - self.mean) / self.std

    def _resized(self, pixels: Tensor, columns: int, rows: int) -> Tensor:
        size = (rows * self.side, columns * self.side)
        return nn.functional.interpolate(pixels, size, mode="bicubic", antialias=True)
