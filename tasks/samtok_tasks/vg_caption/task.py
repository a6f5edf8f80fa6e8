"""Visual Genome's region captions: regions are boxes there, which are filled."""

from pathlib import Path

from samtok_bench.sample import image_key
from samtok_bench.task import SampleSet
from samtok_tasks.captioning.referenced import ReferencedCaption
from samtok_tasks.formats.files import require_file, require_split
from samtok_tasks.vg_caption.reader import FILE, LAYOUT, read_visual_genome


class VGCaption(ReferencedCaption):
    """Visual Genome's test captions in GLaMM's file, or mini."""

    name = "vg-caption"
    summary = "describe a region in one phrase (Visual Genome)"
    splits = ("test",)
    data_name = "vg"

    def locate(self, root: Path) -> str:
        return f"Visual Genome's captions, {require_file(root / FILE, LAYOUT)}"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split(self.name, split, self.splits)
        read = read_visual_genome(root)
        samples = [self.sample(region, image_key(region.image, root), root) for region in read.regions]
        return SampleSet(samples, read.dropped)
