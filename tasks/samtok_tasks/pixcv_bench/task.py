"""PixCV-Bench: segment the objects that a question of CV-Bench's 2D part is about.

Prompt and metric are PixFoundation's (MSiam/PixFoundation, pixcvbench/inference/infer_omgllava.py and
pixcvbench/eval/eval_iou.py): mIoU over the images of both sources, where all masks of an image are united
and target and answer both empty count 1. The official prompt marks one of two objects as "annotated by the
red box" where CV-Bench's question does; that question is not among these files and nothing is drawn into the
image, so this prompt names the two. Where a name of ADE20K has a comma, the official script cuts it there.

The questions themselves are not asked here. COCO's annotations were tested on the real file, ADE20K's and
`Objects.csv` by their form.
"""

from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Dropped, Generation, Protocol, SampleSet
from samtok_tasks.formats.files import require_split
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.pixcv_bench.reader import PARTS, AskedImage, locate_pixcv_bench, read_pixcv_bench
from samtok_tasks.reasonseg.metrics import reasonseg_scores

PROMPT = "Can you please segment {phrase} in the given image"
MAX_NEW_TOKENS = 512
ALL = "all"


class PixCVBench(MiniTask):
    """PixCV-Bench or mini."""

    name = "pixcv-bench"
    summary = "segment the objects that a question of CV-Bench is about (PixCV-Bench)"
    primary = "miou"
    source = "PixFoundation, pixcvbench/eval/eval_iou.py (arXiv 2502.04192)"
    splits = (ALL, *PARTS)
    protocols: ClassVar[tuple[Protocol, ...]] = ("standard",)
    metrics = (MetricInfo("miou", "mIoU", "mean IoU over all images; both empty counts 1", "iou"),)
    generation = Generation(MAX_NEW_TOKENS)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"source": tuple(PARTS), "objects": ("one", "two")}

    def locate(self, root: Path) -> str:
        return f"PixCV-Bench, in {locate_pixcv_bench(root).parent}"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split("PixCV-Bench", split, self.splits)
        samples, left_out = [], Dropped()
        for part in PARTS if split == ALL else (split,):
            images, dropped = read_pixcv_bench(root, part)
            samples += [_sample(asked, root, part) for asked in images]
            left_out.update(dropped)
        return SampleSet(samples, left_out)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return reasonseg_scores(rle.union(sample.target.masks, sample.size), None, prediction)


def _sample(asked: AskedImage, root: Path, source: str) -> Sample:
    height, width = asked.mask["size"]
    prompt = PROMPT.format(phrase=" and ".join(asked.objects))
    key = image_key(asked.image, root)
    return Sample(
        id=content_id("pixcv-bench", key, prompt, asked.mask["counts"]),
        image=asked.image,
        size=(height, width),
        turns=question(asked.image, prompt),
        cluster=key,
        target=Target(() if rle.is_empty(asked.mask) else (asked.mask,)),
        tags={"source": source, "objects": "one" if len(asked.objects) == 1 else "two"},
    )
