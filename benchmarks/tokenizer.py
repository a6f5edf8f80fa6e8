"""What it saves to embed an image once for all of its masks, at the full size of the published tokenizers.

Eight masks of one photograph are decoded from their words by Hiera-L at 1024 px with random weights. Without
published weights times are right and masks mean nothing; words are then read from codebooks that are made of
the vectors of other masks. The ways:

- the authors' sam2 package as the released model uses it: the image is encoded for each mask
- our code, which embeds the image once and decodes the masks as one batch: the base of the ratios
- our code in the manner of the package
- on CUDA also with bf16, and with bf16 and torch.compile for the image encoder; `words` says how many of the
  eight masks have the same words as in float32, `same_pixels` what share of the masks is as in the base

    python benchmarks/tokenizer.py [--image FILE] [--device cuda] [--rounds 1] [--threads 1] [--limit 80]
    python benchmarks/tokenizer.py --side 512   # a quarter of the work
    python benchmarks/tokenizer.py --small      # a tiny configuration, to see that everything runs

Ratios are of processor time on a CPU, of wall time on CUDA. After `--limit` seconds nothing new is begun, and
a compilation at work is given up.
"""

import argparse
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from timing import Cost, median, tell, timed
from torch import Tensor

from samtok.config import SAMTokConfig, build_sam2_config
from samtok.images import to_pixels
from samtok.tokenizer import THRESHOLD, ImageEmbedding, SAMTok
from samtok.verification import ReleasedSAMTok

MASKS = 8
Decode = Callable[[], Tensor]


class OutOfTime(Exception):
    """What is at work takes too long."""


def main() -> None:
    """Print times and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--image", type=Path, help="a photograph; by default a generated picture")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, default=3600, help="seconds")
    parser.add_argument("--side", type=int, default=1024, help="of the encoder's input, pixels")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    torch.set_num_threads(options.threads)
    image = Image.open(options.image).convert("RGB") if options.image else _picture()
    with torch.no_grad(), _at_most(options.limit):
        model, released, missing = _models(
            _small() if options.small else SAMTokConfig(build_sam2_config(options.side)), options.device
        )
        ways = Ways(model, released, image)
        rows: dict[str, dict[str, Any]] = {}
        masks: dict[str, Tensor] = {}
        try:
            for name, way in ways.all():
                if time.monotonic() - began > options.limit:
                    raise OutOfTime
                rows[name], masks[name] = _measured(name, way, ways, options)
        except Exception:
            if time.monotonic() - began < options.limit:  # else it may be torch's word for an interrupt
                raise
            print(f"after {options.limit} s no more is begun", flush=True)
    clock = "cpu_s" if options.device == "cpu" else "wall_s"
    if base := rows.get(Ways.OURS):
        for name, row in rows.items():
            row["ratio"] = row[clock] / base[clock]
            row["same_pixels"] = float((masks[name] == masks[Ways.OURS]).float().mean())
    device = torch.cuda.get_device_name() if options.device != "cpu" else f"CPU, {options.threads} threads"
    tell(rows, device=device, image=f"{image.width} x {image.height}", sam2=missing or "1.1.0")


class Ways:
    """The ways to the same eight masks of an image."""

    OURS = "embedded once"

    def __init__(self, model: SAMTok, released: ReleasedSAMTok | None, image: Image.Image) -> None:
        self.model, self.released, self.image = model, released, image
        self.masks = _ellipses(MASKS, image.height, image.width, seed=1)
        embedding = model.embed(image)
        if model.device.type == "cuda":  # where words are compared
            _spread_codebooks(model, embedding)
        self.codes = model.encode(embedding, self.masks)

    def all(self) -> Iterator[tuple[str, Decode]]:
        """By name; each has its settings made when it is its turn."""
        if self.released is not None:
            for book, level in zip(self.released.codebooks, self.model.quantizer.levels, strict=True):
                book.copy_(level.weight)
            yield "sam2 package, encoded for each mask", self._released
        yield self.OURS, self._once
        yield "our code, embedded for each mask", self._for_each
        if self.model.device.type == "cuda":
            self.model.autocast = torch.bfloat16
            yield "embedded once, bf16", self._once
            self.model.sam2.vision_encoder.compile()
            yield "embedded once, bf16, compiled image encoder", self._once

    def same_words(self) -> str:
        """How many masks have the words of float32 with the settings as they are."""
        codes = self.model.encode(self.model.embed(self.image), self.masks)
        return f"{int((codes == self.codes).all(-1).sum())} of {MASKS}"

    def _once(self) -> Tensor:
        return self.model.decode(self.model.embed(self.image), self.codes)

    def _for_each(self) -> Tensor:
        return torch.cat([self.model.decode(self.model.embed(self.image), code[None]) for code in self.codes])

    def _released(self) -> Tensor:
        assert self.released is not None
        pixels = to_pixels(self.image, self.model.config.image_size).to(self.model.device)
        features = self.released.embed(pixels.repeat(MASKS, 1, 1, 1))
        with self.model.device:  # it makes small tensors wherever torch does
            found = [
                self.released.decode(features[k : k + 1], code[None]) for k, code in enumerate(self.codes)
            ]
        logits, iou = (torch.cat(parts) for parts in zip(*found, strict=True))
        best = logits[torch.arange(MASKS), iou.argmax(-1)]
        size = (self.image.height, self.image.width)
        return torch.nn.functional.interpolate(best[None], size, mode="bilinear")[0] > THRESHOLD


def _measured(
    name: str, way: Decode, ways: Ways, options: argparse.Namespace
) -> tuple[dict[str, Any], Tensor]:
    """Medians over the rounds, and the masks."""
    made: list[Tensor] = []

    def work() -> None:
        made[:] = [way()]
        if options.device != "cpu":
            torch.cuda.synchronize()

    if options.device != "cpu":
        work()  # kernels are chosen, or compiled, at the first call
    cost: Cost = median([timed(work) for _ in range(options.rounds)])
    row: dict[str, Any] = {"cpu_s": cost.cpu_s, "wall_s": cost.wall_s}
    if options.device != "cpu":
        row["words"] = ways.same_words()
    print(f"{name}: {row}", flush=True)
    return row, made[0].cpu()


def _models(config: SAMTokConfig, device: str) -> tuple[SAMTok, ReleasedSAMTok | None, str]:
    """Ours and the released one with the same weights; without the sam2 package ours alone, and why."""
    try:
        released = ReleasedSAMTok(config)
    except ValueError as error:
        print(f"without the row of the sam2 package: {error}", flush=True)
        return SAMTok(config).to(device).eval(), None, "not installed"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.pth"
        torch.save(released.state_dict(), path)
        model = SAMTok.from_published(None, path, config)
    return model.to(device), released.to(device), ""


def _spread_codebooks(model: SAMTok, embedding: ImageEmbedding) -> None:
    """Make the codebooks of the vectors of other masks: random ones would give all masks the same words."""
    masks = torch.as_tensor(
        _ellipses(model.config.codebook_size, *embedding.size, seed=0), device=model.device
    )
    left = torch.cat([model.encode_vectors(embedding.features, part[None])[0] for part in masks.split(16)])
    for level in model.quantizer.levels:
        level.start_from(left)
        left = (left - left.roll(1, 0)) / 2  # as long as what is left of a vector by its neighbour


def _ellipses(count: int, height: int, width: int, seed: int) -> np.ndarray:
    """(count, height, width) bool."""
    places = np.random.default_rng(seed).random((count, 4, 1, 1))
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([np.hypot((y - a) / (0.1 + c / 3), (x - b) / (0.1 + d / 3)) < 1 for a, b, c, d in places])


def _picture() -> Image.Image:
    """1,200 x 1,800, as large as a photograph."""
    noise = np.random.default_rng(0).integers(0, 255, (12, 18, 3), np.uint8)
    return Image.fromarray(noise).resize((1800, 1200), Image.Resampling.BICUBIC)


def _small() -> SAMTokConfig:
    backbone = {
        "hidden_size": 8,
        "num_attention_heads": 1,
        "blocks_per_stage": [1, 2, 3, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 2, 4, 8],
        "window_size_per_stage": [8, 4, 8, 4],
        "global_attention_blocks": [5],
        "window_positional_embedding_background_size": [7, 7],
    }
    # the sam2 package fixes the width of the IoU head
    return SAMTokConfig(build_sam2_config(128, 32, backbone, {"iou_head_hidden_dim": 256}), codebook_size=16)


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """OutOfTime where the work takes longer."""

    def stop(*_: object) -> None:
        raise OutOfTime

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


if __name__ == "__main__":
    main()
