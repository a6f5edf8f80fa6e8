"""RefCOCOg as captions: describe an object as people did who wanted somebody else to find it."""

from pathlib import Path

from samtok_bench.sample import Sample, Target, content_id
from samtok_bench.task import SampleSet
from samtok_tasks.captioning.referenced import ReferencedCaption, short_question
from samtok_tasks.formats.refer import ReferringExpression, locate_refer, read_refer, require_images

DATA = "refcocog"


class RefCOCOgCaption(ReferencedCaption):
    """Every sentence of RefCOCOg, or of mini, is the reference of a sample of its own."""

    name = "refcocog-caption"
    summary = "describe an object in one phrase (RefCOCOg)"
    splits = ("val", "test", "train")

    def locate(self, root: Path) -> str:
        locate_refer(root, DATA)
        require_images(root)
        return f"RefCOCOg, in {root}; `samtok-bench data check` reads all of it"

    def samples(self, root: Path, split: str) -> SampleSet:
        data = read_refer(root, DATA).split(split)
        return SampleSet([_sample(expression) for expression in data], data.dropped)


def _sample(expression: ReferringExpression) -> Sample:
    image, (mask,) = expression.image_path, expression.targets
    reference = expression.sent.strip().lower()
    place = f"{expression.ref_id}/{expression.sent_id}"
    return Sample(
        id=content_id("region_caption", DATA, image.name, place, reference, mask["counts"]),
        image=image,
        size=(expression.height, expression.width),
        turns=short_question(image, mask),
        cluster=image.name,
        target=Target(text=reference),
    )
