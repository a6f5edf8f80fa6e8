"""Mask reconstruction: what is left of a mask after it went through a codec. No language model takes part.

Metrics and protocols are in samtok_tasks.reconstruction.metrics, the readers in
samtok_tasks.reconstruction.data_formats.
"""

from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.measures import shape
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Prediction, Region, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Generation, SampleSet
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.formats.annotated_masks import AnnotatedMask
from samtok_tasks.formats.files import locate_any
from samtok_tasks.mini.cache import mini_cache
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.reconstruction.data_formats import DATA_FORMATS, read_masks
from samtok_tasks.reconstruction.metrics import reconstruction_metrics, reconstruction_scores

SHARES = (0.002, 0.005, 0.01, 0.03, 0.1)
SHARE_NAMES = ("< 0.2 %", "0.2 to 0.5 %", "0.5 to 1 %", "1 to 3 %", "3 to 10 %", "> 10 %")
"""Classes of the share of the image; a mask on a limit is in the upper one."""
COMPACT = (0.01, 0.03)
"""Limits of area over squared perimeter: a square has 0.0625, a disc 0.049, a bar of 1 to 24 has 0.0096."""


class Reconstruction(MiniTask):
    """Masks to symbols and back."""

    name = "reconstruction"
    summary = "masks through a codec and back (any data set with masks)"
    primary = "mean_iou"
    source = "SAMTok, arXiv 2601.16093, tokenizer ablation; boundary IoU: arXiv 2103.16562"
    splits: ClassVar[tuple[str, ...]] = ("val",)
    data_formats: ClassVar[tuple[str, ...]] = tuple(DATA_FORMATS)
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

    def default_split(self, root: Path) -> str:
        return self.splits[0] if root == mini_cache() else DATA_FORMATS[str(self.data)].splits[0]

    def locate(self, root: Path) -> str:
        data_format = DATA_FORMATS[str(self.data)]
        locate_any((*data_format.splits, *self.splits), lambda split: data_format.locate(root, split))
        return f"{self.data}, in {root}"

    def samples(self, root: Path, split: str) -> SampleSet:
        return _samples(str(self.data), root, split)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return reconstruction_scores(sample.target.masks[0], prediction)


@lru_cache(maxsize=1)  # several codecs look at the same masks
def _samples(data: str, root: Path, split: str) -> SampleSet:
    read = read_masks(data, root, split)
    return SampleSet([_sample(annotated, root) for annotated in read.masks], read.dropped)


def _sample(annotated: AnnotatedMask, root: Path) -> Sample:
    image, mask = annotated.image, annotated.mask
    return Sample(
        id=content_id("reconstruction", image.name, annotated.key, mask["counts"]),
        image=image,
        size=annotated.size,
        turns=question(image, Region(mask)),
        cluster=image_key(image, root),
        target=Target((mask,)),
        tags=_tags(annotated),
    )


def _tags(annotated: AnnotatedMask) -> dict[str, str]:
    mask, pixels = rle.decode(annotated.mask), rle.area(annotated.mask)
    parts, holes, compact = shape.components(mask), shape.holes(mask), shape.compactness(mask)
    tags = {
        "area": SHARE_NAMES[_above(pixels / mask.size, SHARES)],
        "COCO area": coco_area(pixels),
        "parts": ("1", "2 to 4", "5 or more")[_above(parts, (2, 5))],
        "holes": ("0", "1", "2 or more")[_above(holes, (1, 2))],
        "outline": ("thin", "uneven", "compact")[_above(compact, COMPACT)],
        "border": "touching" if shape.touches_border(mask) else "inside",
    }
    return tags | ({"kind": annotated.kind} if annotated.kind else {})


def _above(value: float, limits: tuple[float, ...]) -> int:
    return sum(value >= limit for limit in limits)
