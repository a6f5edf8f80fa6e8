"""GCG: describe the image, with a mask for each phrase (GranD-f).

Prompt, token limit and reading of answers follow SAMTok's released script (bytedance/Sa2VA, projects/samtok),
see samtok_tasks.gcg.answers; the metrics and the differences between the protocols are in
samtok_tasks.gcg.metrics.
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from samtok_bench import rle
from samtok_bench.measures.captions import scores_or_none
from samtok_bench.measures.sentences import sentence_similarity
from samtok_bench.metric import MetricInfo
from samtok_bench.reading import STANDARD
from samtok_bench.sample import MASK_PLACE, Prediction, Sample, Scores, content_id, image_key, question
from samtok_bench.shown import Sentence
from samtok_bench.task import PROTOCOLS, Generation, HubSource, Protocol, SampleSet
from samtok_tasks import released
from samtok_tasks.formats.files import require_split
from samtok_tasks.gcg.answers import (
    GroundedPhrases,
    grounded_phrases,
    marked,
    plain_caption,
    sentence,
    target_sentence,
)
from samtok_tasks.gcg.labels import target
from samtok_tasks.gcg.metrics import TextSimilarity, ap50, gcg_metrics, gcg_scores
from samtok_tasks.gcg.reader import SPLITS, GroundedCaption, locate_grandf, read_grandf, require_images
from samtok_tasks.gcg.training_splits import TRAINING_SPLITS, read_training_split
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.prompts import THINKING

# the five spaces are the released script's
PROMPT = (
    "Could you please give me a brief description of the image? Please respond with interleaved     "
    "segmentation masks for the corresponding parts of the answer."
)
THINKING_PROMPT = f"{PROMPT.removesuffix('.')} and highlight the phrases.{THINKING}"
MAX_NEW_TOKENS = 512
THINKING_NEW_TOKENS = 2048
FLOOR_CAPTION = f"The picture shows {marked('an object')}"
MASK_COUNTS = ("none", "1", "2 to 4", "5 or more")


class GCG(MiniTask):
    """Grounded conversation generation on GranD-f or mini."""

    name = "gcg"
    answer_form = "grounded caption"
    summary = "caption with a mask for each phrase (GranD-f)"
    primary = "miou"
    source = "GLaMM, eval/gcg/evaluate.py (arXiv 2311.03356)"
    protocols = (*PROTOCOLS, "released-rl")
    splits: ClassVar[tuple[str, ...]] = (*SPLITS, *TRAINING_SPLITS)
    hub: ClassVar[Mapping[str | None, HubSource]] = {
        None: HubSource(
            "MBZUAI/GranD-f",
            ("val_test/*",),
            "GranDf/annotations",
            "the images in GranDf_HA_images/val_test/ (docs/datasets.md of "
            "github.com/mbzuai-oryx/groundingLMM)",
        )
    }
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"masks": MASK_COUNTS}

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return gcg_metrics(self._scoring)

    @property
    def _scoring(self) -> Protocol:
        """The released script for thinking models differs in its prompt alone: thoughts are caption too."""
        return "standard" if self.protocol == "standard" else "released"

    @property
    def generation(self) -> Generation:
        reading = released.GCG if self._scoring == "released" else STANDARD
        limit = THINKING_NEW_TOKENS if self.protocol == "released-rl" else MAX_NEW_TOKENS
        return Generation(limit, reading, special_tokens=True)

    def locate(self, root: Path) -> str:
        for split in SPLITS:
            locate_grandf(root, split)
        require_images(root)
        return f"GranD-f, in {root}; `samtok-bench data check` reads all of it"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split("GranD-f", split, self.splits)
        read = read_training_split if split in TRAINING_SPLITS else read_grandf
        records, dropped = read(root, split)
        prompt = THINKING_PROMPT if self.protocol == "released-rl" else PROMPT
        return SampleSet([_sample(record, prompt, root) for record in records], dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        # the order of the file, not of the caption, decides between pairs of equal IoU
        truth: GroundedCaption = sample.truth
        return gcg_scores(
            GroundedPhrases(truth.labels, truth.masks, tuple(range(len(truth.masks)))),
            grounded_phrases(prediction, self._scoring),
            self._scoring,
            _similarity() if self._scoring == "released" else None,
        )

    def floors(self, sample: Sample) -> Mapping[str, Prediction]:
        """The same caption for every image, without a mask and with one of the whole image."""
        whole = Prediction(
            text=f"{FLOOR_CAPTION} {MASK_PLACE}.",
            masks=(rle.full(*sample.size),),
            words=(MASK_PLACE,),
            stop_reason="stop",
        )
        return {
            "one caption": Prediction(text=f"{FLOOR_CAPTION}.", stop_reason="stop"),
            "with whole": whole,
        }

    def shown(self, sample: Sample, prediction: Prediction) -> Sentence:
        return Sentence(target_sentence(sample.target), sentence(prediction, self._scoring))

    def corpus(
        self, samples: Sequence[Sample], predictions: Sequence[Prediction], shared: Any
    ) -> Mapping[str, float | None]:
        truths = [sample.truth.caption for sample in samples]
        captions = [plain_caption(prediction, self._scoring) for prediction in predictions]
        scores = scores_or_none(tuple(zip(truths, captions, strict=True)))
        masks = [
            (sample.truth.image_id, sample.truth.masks, prediction.masks)
            for sample, prediction in zip(samples, predictions, strict=True)
        ]
        return {
            "ap50": ap50(masks),
            "meteor": scores.meteor if scores else None,
            "cider": scores.cider if scores else None,
        }


@lru_cache(maxsize=1)
def _similarity() -> TextSimilarity | None:
    """The sentence encoder of the released recall; None, with a warning, where there is none."""
    try:
        return sentence_similarity()
    except ValueError as error:
        warnings.warn(f"Recall is not computed: {error}", stacklevel=2)
        return None


def _sample(record: GroundedCaption, prompt: str, root: Path) -> Sample:
    masks = len(record.masks)
    return Sample(
        id=content_id(
            "gcg", str(record.image_id), record.caption, *(mask["counts"] for mask in record.masks)
        ),
        image=record.image,
        size=(record.height, record.width),
        turns=question(record.image, prompt),
        cluster=image_key(record.image, root),
        target=target(record),
        tags={"masks": MASK_COUNTS[(masks > 0) + (masks > 1) + (masks > 4)]},
        truth=record,
    )
