"""RefCOCOm: segment the part, or the object, that a sentence means (MRES).

Papers give mIoU (CRIS: the mean of the sentences' IoU) on val, testA and testB, for parts alone and for
objects and parts together; a split here is a file of annotations by its name, since the archive's own names
are not known to us. Prompt and other metrics are those of referring segmentation. The reader is by the form
that the README names and by jdg900/MMR's loader: the official files were not available here.
"""

from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Generation, Protocol, SampleSet
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.formats.files import locate_any
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.prompts import REFERRING_PROMPT
from samtok_tasks.refcocom.reader import PartSentence, locate_refcocom, read_refcocom
from samtok_tasks.referring.metrics import referring_metrics, referring_scores
from samtok_tasks.referring.task import MAX_NEW_TOKENS


class RefCOCOm(MiniTask):
    """RefCOCOm or mini."""

    name = "refcocom"
    summary = "segment the part or object that a sentence means (RefCOCOm of MRES)"
    primary = "miou"
    source = "MRES (arXiv 2312.08007)"
    splits = ("val", "testA", "testB")
    protocols: ClassVar[tuple[Protocol, ...]] = ("standard",)
    metrics = referring_metrics("standard", second_list=False)
    generation = Generation(MAX_NEW_TOKENS)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"area": COCO_AREAS}

    def locate(self, root: Path) -> str:
        return f"RefCOCOm, in {locate_any(self.splits, lambda split: locate_refcocom(root, split)).parent}"

    def samples(self, root: Path, split: str) -> SampleSet:
        sentences, dropped = read_refcocom(root, split)
        return SampleSet([_sample(sentence, root) for sentence in sentences], dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return referring_scores(sample.target.masks[0], prediction, self.protocol)


def _sample(sentence: PartSentence, root: Path) -> Sample:
    height, width = sentence.mask["size"]
    prompt, key = REFERRING_PROMPT.format(phrase=sentence.text), image_key(sentence.image, root)
    return Sample(
        id=content_id("refcocom", key, sentence.place, prompt, sentence.mask["counts"]),
        image=sentence.image,
        size=(height, width),
        turns=question(sentence.image, prompt),
        cluster=key,
        target=Target((sentence.mask,)),
        tags={"area": coco_area(rle.area(sentence.mask))},
    )
