"""Captions that a language model judges.

A run gives the captions, `samtok-bench judge` scores them afterwards; there is no other score in a judge's
place. What the judge is asked, how its replies are read and the means over them are those of each benchmark's
official script. A reply that the script cannot read counts as there, and is counted in `unreadable` besides.

The standard protocol is the benchmark's own script. SAMTok's repository has no judge; its captions went to
the copies in Haochen-Wang409/Grasp-Any-Region, which are the released protocol where they differ.

Prompt, zoom and token limit are those of SAMTok's released scripts (bytedance/Sa2VA, projects/samtok).
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from samtok_bench.judging.contract import Judged
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import (
    MASK_PLACE,
    ImagePart,
    Region,
    Sample,
    Target,
    Text,
    Turn,
    content_id,
    image_key,
)
from samtok_bench.task import Generation, SampleSet
from samtok_tasks.captioning.task import CAPTION_METRICS, RegionCaption, with_region
from samtok_tasks.captioning.zoom import zoom
from samtok_tasks.formats.files import require_split
from samtok_tasks.formats.region_captions import CaptionRegion, CaptionRegions

PROMPT = f"Given a detailed description of this region {MASK_PLACE}."
ZOOMED_PROMPT = (f"{PROMPT} Zoom in with the perspective as ", ", ", ".")
"""Around the crop, and the region on it."""
UNREADABLE = MetricInfo(
    "unreadable",
    "unreadable replies",
    "share of the judge's replies that the official reading does not understand",
    denominator="replies",
    direction="lower",
)


class JudgedCaption(RegionCaption, Judged):
    """A detailed caption. The truth of a sample is its CaptionRegion."""

    splits = ("test",)
    primary = "captioned"
    metrics = CAPTION_METRICS
    generation = Generation(max_new_tokens=1024)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"view": ("whole", "zoom")}

    zoomed_below: ClassVar[float]
    """Share of the image that a region's box must stay below to be zoomed in on."""

    @abstractmethod
    def regions(self, root: Path) -> CaptionRegions:
        """Read the data; raises as `samples` does."""

    def picture(self, region: CaptionRegion) -> ImagePart:
        """How the whole image is shown."""
        return ImagePart(region.image)

    def prompt(self, region: CaptionRegion) -> str:
        """What is asked of a region that is not zoomed in on."""
        return PROMPT

    def cluster(self, region: CaptionRegion, root: Path) -> str:
        """See `Sample.cluster`."""
        return image_key(region.image, root)

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split(self.name, split, self.splits)
        read = self.regions(root)
        return SampleSet([self._sample(region, root) for region in read.regions], read.dropped)

    def _sample(self, region: CaptionRegion, root: Path) -> Sample:
        place = image_key(region.image, root)
        turn, view = self._question(region)
        return Sample(
            id=content_id("region_caption", self.data_name, place, region.key, region.mask["counts"]),
            image=region.image,
            size=region.size,
            turns=(turn,),
            cluster=self.cluster(region, root),
            target=Target(text=region.reference),
            tags={"view": view} | ({"domain": region.group} if region.group else {}),
            truth=region,
        )

    def _question(self, region: CaptionRegion) -> tuple[Turn, str]:
        """The question, and the value of the tag `view`."""
        image = self.picture(region)
        zoomed = zoom(region.mask, self.zoomed_below)
        if zoomed is None:
            return Turn("user", (image, *with_region(self.prompt(region), region.mask))), "whole"
        view, mask = zoomed
        first, comma, end = ZOOMED_PROMPT
        crop = ImagePart(region.image, view)
        asked = (*with_region(first, region.mask), crop, Text(comma), Region(mask), Text(end))
        return Turn("user", (image, *asked)), "zoom"


def mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where a value is undefined."""
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if len(defined) == len(values) else None
