"""Mask reconstruction: what is left of a mask after it went through a codec. No language model takes part.

Metrics and protocols are in samtok_tasks.reconstruction.metrics, the readers in formats.regions.
"""

from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.measures import shape
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import ImagePart, Prediction, Region, Sample, Scores, Target, Turn, content_id
from samtok_bench.task import DataStatus, Generation, SampleSet, Task
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.mini.writer import ensure_mini, mini_cache, mini_status
from samtok_tasks.reconstruction.data_formats import FORMATS, SPLITS, RegionMask, read_regions
from samtok_tasks.reconstruction.metrics import reconstruction_metrics, reconstruction_scores

SHARES = (0.002, 0.005, 0.01, 0.03, 0.1)
SHARE_NAMES = ("< 0.2 %", "0.2 to 0.5 %", "0.5 to 1 %", "1 to 3 %", "3 to 10 %", "> 10 %")
"""Classes of the share of the image; a mask on a limit is in the upper one."""
COMPACT = (0.01, 0.03)
"""Limits of area over squared perimeter: a square has 0.0625, a disc 0.049, a bar of 1 to 24 has 0.0096."""


class Reconstruction(Task):
    """Masks to symbols and back."""

    name = "reconstruction"
    summary = "masks through a codec and back (any set of region masks)"
    primary = "mean_iou"
    splits: ClassVar[tuple[str, ...]] = ("val",)
    data_formats: ClassVar[tuple[str, ...]] = tuple(FORMATS)
    answered_by = "codec"
    generation = Generation(0)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "area": SHARE_NAMES,
        "COCO area": COCO_AREAS,
        "parts": ("1", "2 to 4", "5 or more"),
        "holes": ("0", "1", "2 or more"),
        "outline": ("thin", "uneven", "compact"),
        "border": ("inside", "touching"),
        "kind": ("object", "part", "group", "background", "arbitrary"),
    }

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return reconstruction_metrics(self.protocol)

    def default_root(self) -> Path:
        if self.data != self.data_formats[0]:
            raise ValueError(
                f"--data {self.data} needs a --data-root; without one there is mini, in COCO's form"
            )
        return ensure_mini()

    def default_split(self, root: Path) -> str:
        return self.splits[0] if root == mini_cache() else SPLITS[self.data or ""][0]

    def data_status(self, root: Path | None) -> DataStatus:
        return mini_status() if root is None else super().data_status(root)

    def samples(self, root: Path, split: str) -> SampleSet:
        return _samples(self.data or self.data_formats[0], root, split)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return reconstruction_scores(sample.target.masks[0], prediction)


@lru_cache(maxsize=1)  # several codecs look at the same masks
def _samples(data: str, root: Path, split: str) -> SampleSet:
    read = read_regions(data, root, split)
    return SampleSet([_sample(region) for region in read.regions], dict(read.dropped), dict(read.first))


def _sample(region: RegionMask) -> Sample:
    return Sample(
        id=content_id("reconstruction", region.image.name, region.key, region.mask["counts"]),
        image=region.image,
        size=(region.height, region.width),
        turns=(Turn("user", (ImagePart(region.image), Region(region.mask))),),
        cluster=region.image.name,
        target=Target((region.mask,)),
        tags=_tags(region),
    )


def _tags(region: RegionMask) -> dict[str, str]:
    mask, pixels = rle.decode(region.mask), rle.area(region.mask)
    parts, holes, compact = shape.components(mask), shape.holes(mask), shape.compactness(mask)
    tags = {
        "area": SHARE_NAMES[_above(pixels / mask.size, SHARES)],
        "COCO area": coco_area(pixels),
        "parts": ("1", "2 to 4", "5 or more")[_above(parts, (2, 5))],
        "holes": ("0", "1", "2 or more")[_above(holes, (1, 2))],
        "outline": ("thin", "uneven", "compact")[_above(compact, COMPACT)],
        "border": "touching" if shape.touches_border(mask) else "inside",
    }
    return tags | ({"kind": region.kind} if region.kind else {})


def _above(value: float, limits: tuple[float, ...]) -> int:
    return sum(value >= limit for limit in limits)
