"""MMR: segment the objects and parts that answer a question, each with a mask of its own.

The prompt is that of the official validation (jdg900/MMR, utils/dataset.py, as LISA's); metrics are in
samtok_tasks.mmr.metrics. The reader is by the README's schema: the official files were not available here.
"""

from pathlib import Path
from typing import ClassVar

from samtok_bench.sample import Prediction, Sample, Scores, Target, content_id, image_key, question
from samtok_bench.task import Generation, Protocol, SampleSet
from samtok_tasks.formats.files import locate_any, require_split
from samtok_tasks.mini.task import MiniTask
from samtok_tasks.mmr.metrics import MMR_METRICS, mmr_scores
from samtok_tasks.mmr.reader import MMRQuestion, locate_mmr, read_mmr
from samtok_tasks.reasonseg.task import SENTENCE

MAX_NEW_TOKENS = 512


class MMR(MiniTask):
    """MMR or mini."""

    name = "mmr"
    summary = "segment the objects and parts that answer a question, one by one (MMR)"
    primary = "giou"
    source = "MMR, train_ds.py (ICLR 2025)"
    splits = ("val", "test_mixed", "test_obj_only", "test_part_only", "train")
    protocols: ClassVar[tuple[Protocol, ...]] = ("standard",)
    metrics = MMR_METRICS
    generation = Generation(MAX_NEW_TOKENS)
    tag_values: ClassVar[dict[str, tuple[str, ...]]] = {"targets": ("one", "several")}

    def locate(self, root: Path) -> str:
        return f"MMR, in {locate_any(self.splits, lambda split: locate_mmr(root, split)).parent}"

    def samples(self, root: Path, split: str) -> SampleSet:
        require_split("MMR", split, self.splits)
        questions, dropped = read_mmr(root, split)
        return SampleSet([_sample(asked, root) for asked in questions], dropped)

    def score(self, sample: Sample, prediction: Prediction) -> Scores:
        return mmr_scores(sample.target.masks, prediction)


def _sample(asked: MMRQuestion, root: Path) -> Sample:
    height, width = asked.masks[0]["size"]
    prompt, key = SENTENCE.format(text=asked.text), image_key(asked.image, root)
    return Sample(
        id=content_id("mmr", key, asked.place, prompt, *(mask["counts"] for mask in asked.masks)),
        image=asked.image,
        size=(height, width),
        turns=question(asked.image, prompt),
        cluster=key,
        target=Target(asked.masks),
        tags={"targets": "one" if len(asked.masks) == 1 else "several"},
    )
