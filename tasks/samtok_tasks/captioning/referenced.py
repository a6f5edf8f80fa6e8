"""Captions that are scored against one reference each, by METEOR and CIDEr.

So do GLaMM's and Osprey's evaluations. SAMTok's released scripts have no such evaluation, so the protocols
are the same. The prompt is Osprey's; GLaMM asks for a detailed description.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samtok_bench.aggregate import Corpus
from samtok_bench.measures.captions import scores_or_none
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import MASK_PLACE, Prediction, Sample, Target, content_id, image_key, question
from samtok_bench.task import Generation
from samtok_tasks.captioning.task import CAPTION_METRICS, RegionCaption, caption, with_region
from samtok_tasks.formats.region_captions import CaptionRegion
from samtok_tasks.mini.task import MiniTask

PROMPT = f"Please give me a short description of {MASK_PLACE}."
CIDER = "CIDEr-D, one reference each; 10 at most, 1000 in tables"


class ReferencedCaption(RegionCaption, MiniTask):
    """A short caption. The target's text is its reference."""

    primary = "cider"
    source = "COCO caption evaluation (tylin/coco-caption)"
    generation = Generation(max_new_tokens=128)
    metrics = (
        MetricInfo("cider", "CIDEr", CIDER, aggregate=Corpus(), most=10),
        MetricInfo("meteor", "METEOR", "METEOR 1.5 of the corpus", aggregate=Corpus()),
        *CAPTION_METRICS,
    )

    def sample(self, region: CaptionRegion, place: str, root: Path) -> Sample:
        """A region as a sample; its key and `place` tell it from all others."""
        mask, reference = region.mask["counts"], region.reference
        return Sample(
            id=content_id("region_caption", self.data_name, place, region.key, reference, mask),
            image=region.image,
            size=region.size,
            turns=question(region.image, *with_region(PROMPT, region.mask)),
            cluster=image_key(region.image, root),
            target=Target(text=reference),
        )

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction], shared: Any
    ) -> Mapping[str, float | None]:
        answers = (caption(prediction.text) for prediction in predictions)
        references = (sample.target.text for sample in samples)
        scores = scores_or_none(tuple(zip(references, answers, strict=True)))
        return {"cider": scores.cider, "meteor": scores.meteor} if scores else {"cider": None, "meteor": None}
