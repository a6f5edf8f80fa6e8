"""RefCOCOg as captions: describe an object as people did who wanted somebody else to find it."""

from pathlib import Path

from samtok_bench.task import SampleSet
from samtok_tasks.captioning.referenced import ReferencedCaption
from samtok_tasks.formats.refer import ReferringExpression, locate_refer, read_refer, require_images
from samtok_tasks.formats.region_captions import CaptionRegion


class RefCOCOgCaption(ReferencedCaption):
    """Every sentence of RefCOCOg, or of mini, is the reference of a sample of its own."""

    name = "refcocog-caption"
    summary = "describe an object in one phrase (RefCOCOg)"
    splits = ("val", "test", "train")
    data_name = "refcocog"

    def locate(self, root: Path) -> str:
        locate_refer(root, self.data_name)
        require_images(root)
        return f"RefCOCOg, in {root}; `samtok-bench data check` reads all of it"

    def samples(self, root: Path, split: str) -> SampleSet:
        data = read_refer(root, self.data_name).split(split)
        samples = [self.sample(_region(expression), expression.image_path.name) for expression in data]
        return SampleSet(samples, data.dropped)


def _region(expression: ReferringExpression) -> CaptionRegion:
    (mask,) = expression.targets
    key = f"{expression.ref_id}/{expression.sent_id}"
    return CaptionRegion(key, expression.image_path, mask, reference=expression.sent.strip().lower())
