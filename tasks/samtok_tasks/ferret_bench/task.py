"""Ferret-Bench, referring description: tell what a region is and does, for a judge who knows the image.

The released script asks one and the same question of all items, standard asks each item's own. They also
differ in the judge's settings, see samtok_tasks.ferret_bench.judge.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.sample import MASK_PLACE, Sample, Scores
from samtok_tasks.captioning.judged import JudgedCaption
from samtok_tasks.captioning.review import review_scores
from samtok_tasks.ferret_bench import judge
from samtok_tasks.ferret_bench.reader import (
    FILE,
    LAYOUT,
    FerretReview,
    read_ferret_bench,
    read_ferret_reviews,
)
from samtok_tasks.formats.files import require_file
from samtok_tasks.formats.region_captions import CaptionRegion, CaptionRegions

RELEASED_PROMPT = f"What is the interaction between the object {MASK_PLACE} and its surroundings?"


class FerretBench(JudgedCaption):
    """The paper's judge is gpt-4-0314."""

    name = "ferret-bench"
    summary = "describe an object and its surroundings, judged beside GPT-4's answer (Ferret-Bench)"
    source = "Ferret-Bench (arXiv 2310.07704)"
    data_name = "ferret"
    zoomed_below = 0.0
    judge_metrics = judge.METRICS

    @property
    def judge_settings(self) -> JudgeSettings:
        return judge.settings(self.protocol)

    def locate(self, root: Path) -> str:
        return f"Ferret-Bench, {require_file(root / FILE, LAYOUT)}"

    def regions(self, root: Path) -> CaptionRegions:
        return read_ferret_bench(root)

    def prompt(self, region: CaptionRegion) -> str:
        return RELEASED_PROMPT if self.protocol == "released" else region.question

    def judge_files(self, root: Path) -> dict[str, FerretReview]:
        return read_ferret_reviews(root)

    def judge_prompts(self, sample: Sample, answer: str, files: Mapping[str, FerretReview]) -> list[Messages]:
        region: CaptionRegion = sample.truth
        if region.key not in files:
            raise ValueError(f"no question {region.key} for the judge. {LAYOUT}")
        return judge.prompts(files[region.key], answer)

    def judge_scores(
        self, sample: Sample, replies: Sequence[str], files: Mapping[str, FerretReview]
    ) -> Scores:
        return review_scores(replies[0], self.protocol)
