"""PixMMVP: segment the object that a question of MMVP is about, or nothing where there is none.

Prompt and metric are PixFoundation's (MSiam/PixFoundation, pixmmvp/inference/infer_lisa.py and
pixmmvp/eval/eval_iou.py): mIoU over all 300 images, where target and answer both empty count 1. There are 53
images without a target, so a model that always refuses gets 17.7. For the 14 questions about no object the
official prompt says "Can you segment None in this image?", and so does this one; spaces before a phrase,
which the official script leaves in, are taken out.

The other half of the benchmark, MMVP's own questions and the count of pairs where both halves succeed, needs
a judge and is not here. The annotations were tested on the real files, without MMVP's images.
"""

from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Generation, Protocol, SampleSet
from samtok_tasks.formats.files import require_split
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.pixmmvp.reader import AskedImage, locate_pixmmvp, read_pixmmvp
from samtok_tasks.reasonseg.metrics import reasonseg_scores

PROMPT = "Can you segment {phrase} in this image?"
MAX_NEW_TOKENS = 512
"""Of the official scripts."""


class PixMMVP(MiniTask):
    """PixMMVP or mini."""

    name = "pixmmvp"
    summary = "segment the object that a question of MMVP is about (PixMMVP)"
    primary = "miou"
    source = "PixFoundation, pixmmvp/eval/eval_iou.py (arXiv 2502.04192)"
    splits = ("val",)
    protocols: ClassVar[tuple[Protocol, ...]] = ("standard",)
    metrics = (MetricInfo("miou", "mIoU", "mean IoU over all images; both empty counts 1", "iou"),)
    generation = Generation(MAX_NEW_TOKENS)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"target": ("object", "none")}

    def locate(self, root: Path) -> str:
        return f"PixMMVP, in {locate_pixmmvp(root).parent}"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split("PixMMVP", split, self.splits)
        images, dropped = read_pixmmvp(root)
        return SampleSet([_sample(asked, root) for asked in images], dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return reasonseg_scores(rle.union(sample.target.masks, sample.size), None, prediction)


def _sample(asked: AskedImage, root: Path) -> Sample:
    height, width = asked.mask["size"]
    prompt = PROMPT.format(phrase=asked.phrase)
    key = image_key(asked.image, root)
    there = not rle.is_empty(asked.mask)
    return Sample(
        id=content_id("pixmmvp", key, prompt, asked.mask["counts"]),
        image=asked.image,
        size=(height, width),
        turns=question(asked.image, prompt),
        cluster=key,
        target=Target((asked.mask,) if there else ()),
        tags={"target": "object" if there else "none"},
    )
