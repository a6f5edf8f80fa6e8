"""GRES: segment everything that an expression means, or say that nothing does (gRefCOCO).

Prompt, token limit and reading of answers follow SAMTok's released script (bytedance/Sa2VA,
projects/samtok); the metrics and the differences between the protocols are in samtok_bench.metrics.masks.
"""

from pathlib import Path
from typing import ClassVar

from samtok_bench.metric import MetricInfo
from samtok_bench.metrics import rle
from samtok_bench.metrics.masks import gres_metrics, gres_scores
from samtok_bench.metrics.rle import RLE
from samtok_bench.sample import ImagePart, Prediction, Sample, Scores, Target, Text, Turn, content_id
from samtok_bench.task import DataStatus, Generation, SampleSet, Task
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.formats.grefcoco import locate_grefcoco, read_grefcoco
from samtok_tasks.formats.refer import ReferringExpression, image_folder
from samtok_tasks.mini.writer import ensure_mini, mini_status

PROMPT = "Please segment {phrase} in this image."
MAX_NEW_TOKENS = 128


class GRES(Task):
    """Generalized referring expression segmentation on gRefCOCO or mini."""

    name = "gres"
    summary = "referring segmentation with one, several or no target (gRefCOCO)"
    primary = "giou"
    splits: ClassVar[tuple[str, ...]] = ("val", "testA", "testB", "train")
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "target": ("single", "multi", "no-target"),
        "area": (*COCO_AREAS, "none"),
    }

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return gres_metrics(self.protocol)

    @property
    def generation(self) -> Generation:
        policy = "released-union" if self.protocol == "released" else "standard"
        return Generation(MAX_NEW_TOKENS, policy)

    def default_root(self) -> Path:
        return ensure_mini()

    def data_status(self, root: Path | None) -> DataStatus:
        if root is None:
            return mini_status()
        try:
            locate_grefcoco(root)
        except OSError as error:
            return DataStatus(False, str(error))
        if not any(image_folder(root).glob("*.jpg")):
            return DataStatus(False, f"no images in {image_folder(root)}")
        return DataStatus(True, f"gRefCOCO, in {root}; `samtok-bench data check` reads all of it")

    def samples(self, root: Path, split: str) -> SampleSet:
        data = read_grefcoco(root).split(split)
        return SampleSet([_sample(expression) for expression in data], dict(data.dropped))

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        masks = sample.target.masks
        target = rle.union(masks) if masks else rle.empty(*sample.size)
        # the released script looks at the mask, ReLA at the annotation; they differ on empty annotations
        no_target = rle.is_empty(target) if self.protocol == "released" else not masks
        return gres_scores(target, no_target, prediction, self.protocol)


def _sample(expression: ReferringExpression) -> Sample:
    image, targets = expression.image_path, expression.targets
    phrase = expression.sent.strip().lower()
    place = f"{expression.ref_id}/{expression.sent_id}"
    prompt = PROMPT.format(phrase=phrase)
    return Sample(
        id=content_id("gres", image.name, place, phrase, *(mask["counts"] for mask in targets)),
        image=image,
        size=(expression.height, expression.width),
        turns=(Turn("user", (ImagePart(image), Text(prompt))),),
        cluster=image.name,
        target=Target(targets),
        tags=_tags(expression, targets),
    )


def _tags(expression: ReferringExpression, targets: tuple[RLE, ...]) -> dict[str, str]:
    tags = {"target": _count(len(targets)), "area": _area(sum(rle.area(mask) for mask in targets))}
    return tags | ({"kind": expression.kind} if expression.kind else {})


def _count(count: int) -> str:
    return "no-target" if count == 0 else "single" if count == 1 else "multi"


def _area(pixels: int) -> str:
    return coco_area(pixels) if pixels else "none"
