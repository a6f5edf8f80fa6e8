"""GRES: segment everything that an expression means, or say that nothing does (gRefCOCO).

Prompt, token limit and reading of answers follow SAMTok's released script (bytedance/Sa2VA,
projects/samtok); the metrics and the differences between the protocols are in samtok_tasks.gres.metrics.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from samtok_bench import rle
from samtok_bench.metric import MetricInfo
from samtok_bench.reading import STANDARD
from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import PROTOCOLS, Generation, HubSource, Protocol, SampleSet
from samtok_tasks import released
from samtok_tasks.areas import COCO_AREAS, coco_area
from samtok_tasks.formats.refer import ReferringExpression, require_images
from samtok_tasks.gres.metrics import gres_metrics, gres_scores
from samtok_tasks.gres.reader import locate_grefcoco, read_grefcoco
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.prompts import REFERRING_PROMPT, THINKING

MAX_NEW_TOKENS = 128
THINKING_NEW_TOKENS = 1024


class GRES(MiniTask):
    """Generalized referring expression segmentation on gRefCOCO or mini."""

    name = "gres"
    summary = "referring segmentation with one, several or no target (gRefCOCO)"
    primary = "giou"
    source = "ReLA, refer_evaluation.py (arXiv 2306.00968)"
    protocols = (*PROTOCOLS, "released-rl")
    splits: ClassVar[tuple[str, ...]] = ("val", "testA", "testB", "train")
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource(
            "FudanCVL/gRefCOCO",
            ("grefs(unc).json", "instances.json"),
            "grefcoco",
            "COCO's train2014 images in images/train2014/ (images.cocodataset.org/zips/train2014.zip)",
            "81eede59b3ac070049f597d023c0ff08d1fb80e9",
        )
    }
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {
        "target": ("single", "multi", "no-target"),
        "area": (*COCO_AREAS, "none"),
    }

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return gres_metrics(self._scoring)

    @property
    def _scoring(self) -> Protocol:
        """The released script for thinking models differs in prompt and answer alone, not in its data."""
        return "standard" if self.protocol == "standard" else "released"

    @property
    def generation(self) -> Generation:
        if self.protocol == "released-rl":
            return Generation(THINKING_NEW_TOKENS, released.RL)
        return Generation(MAX_NEW_TOKENS, released.UNION if self.protocol == "released" else STANDARD)

    def locate(self, root: Path) -> str:
        locate_grefcoco(root)
        require_images(root)
        return f"gRefCOCO, in {root}; `samtok-bench data check` reads all of it"

    def samples(self, root: Path, split: str) -> SampleSet:
        data = read_grefcoco(root, keep_crowds=self._scoring == "released").split(split)
        prompt = REFERRING_PROMPT + (THINKING if self.protocol == "released-rl" else "")
        return SampleSet([_sample(expression, prompt, root) for expression in data], data.dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        target = rle.union(sample.target.masks, sample.size)
        # the released script looks at the mask, ReLA at the annotation; they differ on empty annotations
        no_target = rle.is_empty(target) if self._scoring == "released" else not sample.target.masks
        return gres_scores(target, no_target, prediction, self._scoring)


def _sample(expression: ReferringExpression, prompt: str, root: Path) -> Sample:
    image, targets = expression.image_path, expression.targets
    phrase = expression.sent.strip().lower()
    place = f"{expression.ref_id}/{expression.sent_id}"
    pixels = sum(rle.area(mask) for mask in targets)
    tags = {
        "target": "no-target" if not targets else "single" if len(targets) == 1 else "multi",
        "area": coco_area(pixels) if pixels else "none",
    }
    return Sample(
        id=content_id("gres", image.name, place, phrase, *(mask["counts"] for mask in targets)),
        image=image,
        size=(expression.height, expression.width),
        turns=question(image, prompt.format(phrase=phrase)),
        cluster=image_key(image, root),
        target=Target(targets),
        tags=tags | ({"kind": expression.kind} if expression.kind else {}),
    )
