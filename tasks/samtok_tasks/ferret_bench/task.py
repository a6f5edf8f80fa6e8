"""Ferret-Bench, referring description: tell what a region is and does, for a judge who knows the image.

The judge reviews GPT-4's answer and the model's, from a textual context (eval_gpt_review_3newclass.py of
apple/ml-ferret). The released script asks one and the same question of all items, standard asks each item's
own; the released copy of the judge differs in temperature and in the reading of reviews, see
samtok_tasks.captioning.review.
"""

from collections.abc import Mapping
from pathlib import Path

from samtok_bench.judging.contract import Messages
from samtok_bench.sample import MASK_PLACE, Sample
from samtok_tasks.answers import without_enclosed
from samtok_tasks.captioning.review import ReviewedCaption, review_metrics, review_prompts
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


class FerretBench(ReviewedCaption):
    """The paper's judge is gpt-4-0314."""

    name = "ferret-bench"
    summary = "describe an object and its surroundings, judged beside GPT-4's answer (Ferret-Bench)"
    source = "Ferret-Bench (arXiv 2310.07704)"
    data_name = "ferret"
    zoomed_below = 0.0
    judge_metrics = review_metrics()
    standard_temperature = 0.2

    def locate(self, root: Path) -> str:
        return f"Ferret-Bench, {require_file(root / FILE, LAYOUT)}"

    def regions(self, root: Path) -> CaptionRegions:
        return read_ferret_bench(root)

    def prompt(self, region: CaptionRegion) -> str:
        return RELEASED_PROMPT if self.protocol == "released" else region.question

    def judge_files(self, root: Path) -> dict[str, FerretReview]:
        return read_ferret_reviews(root)

    def judge_prompts(self, sample: Sample, answer: str, files: Mapping[str, FerretReview]) -> list[Messages]:
        """Coordinates that a model adds are no part of its description."""
        region: CaptionRegion = sample.truth
        if region.key not in files:
            raise ValueError(f"no question {region.key} for the judge. {LAYOUT}")
        review = files[region.key]
        plain = without_coordinates(answer)
        return review_prompts(review.context, review.question, review.reference, plain, review.rule)


def without_coordinates(answer: str) -> str:
    """An answer without what stands in brackets within a line."""
    return "\n".join(without_enclosed(line, " [", "]") for line in answer.split("\n"))
