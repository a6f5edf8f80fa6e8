"""RefCOCOg as captions: describe an object as people did who wanted somebody else to find it."""

from pathlib import Path

from samtok_bench.task import SampleSet
from samtok_tasks.captioning.referenced import ReferencedCaption
from samtok_tasks.formats.refer import ReferringExpression, locate_refer, read_refer, require_images
from samtok_tasks.formats.region_captions import EMPTY_REFERENCES, CaptionRegion


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
        dropped = data.dropped  # the masks that are made next add to it
        samples = []
        for expression in data:
            region = _region(expression)
            if not region.reference:
                where = f"{root}: {data.name}, ref_id {expression.ref_id}, sent_id {expression.sent_id}"
                dropped.keep(EMPTY_REFERENCES, where)
            samples.append(self.sample(region, expression.image_path.name, root))
        return SampleSet(samples, dropped)


def _region(expression: ReferringExpression) -> CaptionRegion:
    (mask,) = expression.targets
    key = f"{expression.ref_id}/{expression.sent_id}"
    return CaptionRegion(key, expression.image_path, mask, reference=expression.sent.strip().lower())
