"""Visual Genome's region captions: regions are boxes there, which are filled."""

from pathlib import Path

from samtok_bench.sample import Sample, Target, content_id
from samtok_bench.task import SampleSet
from samtok_tasks.captioning.referenced import ReferencedCaption, short_question
from samtok_tasks.captioning.task import require_split
from samtok_tasks.formats.region_captions import CaptionRegion
from samtok_tasks.vg_caption.reader import locate_visual_genome, read_visual_genome


class VGCaption(ReferencedCaption):
    """Visual Genome's test captions in GLaMM's file, or mini."""

    name = "vg-caption"
    summary = "describe a region in one phrase (Visual Genome)"
    splits = ("test",)

    def locate(self, root: Path) -> str:
        return f"Visual Genome's captions, {locate_visual_genome(root)}"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split(self, split)
        read = read_visual_genome(root)
        return SampleSet([_sample(region, root) for region in read.regions], read.dropped)


def _sample(region: CaptionRegion, root: Path) -> Sample:
    place = region.image.relative_to(root).as_posix()
    height, width = region.mask["size"]
    return Sample(
        id=content_id("region_caption", "vg", place, region.key, region.reference, region.mask["counts"]),
        image=region.image,
        size=(height, width),
        turns=short_question(region.image, region.mask),
        cluster=place,
        target=Target(text=region.reference),
    )
