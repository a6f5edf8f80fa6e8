"""MDVP-Bench: describe a region of a photo, a document, a figure or a screen, for a judge who sees the image.

The judge reviews the reference and the model's answer (eval_gpt.py of AFeng-x/Draw-and-Understand). The
released copy differs in temperature, in two contexts and in the reading of reviews, see
samtok_tasks.captioning.review.

Each region is judged on its own here, with its own reference and the red outline of its box on the image, by
the regions' own domains. The copy's script instead pairs the first ten of all answers with each domain's
questions, and its figures are not those of the domains; that is not repeated.
"""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import ImageDraw

from samtok_bench import rle
from samtok_bench.aggregate import Corpus
from samtok_bench.images import ImageFileError, open_image
from samtok_bench.judging.contract import Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Sample
from samtok_tasks.captioning.judged import mean
from samtok_tasks.captioning.review import (
    ReviewedCaption,
    ReviewRule,
    read_rule,
    review_metrics,
    review_prompts,
)
from samtok_tasks.formats.files import require_file
from samtok_tasks.formats.region_captions import CaptionRegion, CaptionRegions
from samtok_tasks.mdvp_bench.reader import DOMAINS, FILE, LAYOUT, RULES, read_mdvp_bench

_SCREEN = "The image is a screenshot from a mobile phone or webpage."
_OCR = "The image contains text, and the user wishes to know the content of the text."
_CONTEXTS = {
    "natural": "The image is a natural image.",
    "ocr_doc": _OCR,
    "ocr_spotting": _OCR,
    "multipanel": "The image is a multi-panel figure.",
    "android": _SCREEN,
    "web": _SCREEN,
}
_RELEASED_CONTEXTS = {
    **_CONTEXTS,
    "android": "The image is an andriod screenshot.",
    "web": "The image is a webpage screenshot.",
}
_MEANS = {"ratio_ocr": ("ocr_doc", "ocr_spotting"), "ratio_screenshot": ("android", "web")}
"""Metrics that are means of two domains' ratios."""


class MDVPBench(ReviewedCaption):
    """The paper's judge is GPT-4V."""

    name = "mdvp-bench"
    summary = "describe a region of a photo, document or screen, judged beside a reference (MDVP-Bench)"
    source = "MDVP-Bench (arXiv 2403.20271)"
    data_name = "mdvp"
    zoomed_below = 0.2
    standard_temperature = 0.7
    review_groups = DOMAINS
    judge_metrics = (
        *review_metrics(DOMAINS),
        *(
            MetricInfo(
                id,
                id.removeprefix("ratio_"),
                f"mean of the ratios for {' and '.join(domains)}",
                aggregate=Corpus(),
            )
            for id, domains in _MEANS.items()
        ),
    )

    def locate(self, root: Path) -> str:
        return f"MDVP-Bench, {require_file(root / FILE, LAYOUT)}"

    def regions(self, root: Path) -> CaptionRegions:
        return read_mdvp_bench(root)

    def judge_files(self, root: Path) -> ReviewRule:
        """The rule for boxes."""
        return read_rule(root / RULES, "box", LAYOUT)

    def judge_prompts(self, sample: Sample, answer: str, files: ReviewRule) -> list[Messages]:
        region: CaptionRegion = sample.truth
        context = (_RELEASED_CONTEXTS if self.protocol == "released" else _CONTEXTS)[region.group]
        try:
            picture = _outlined(region)
        except ImageFileError:
            if answer:
                raise
            picture = ""  # the model could not see it either: the rest of the run is judged all the same
        return review_prompts(context, region.question, region.reference, answer, files, picture)

    def judge_totals(self, values: Mapping[str, float | None]) -> dict[str, float | None]:
        return {id: mean([values[f"ratio_{domain}"] for domain in domains]) for id, domains in _MEANS.items()}


def _outlined(region: CaptionRegion) -> str:
    """The image with the box of the region drawn on it, as a data URL."""
    x0, y0, x1, y1 = rle.box(region.mask)
    image = open_image(region.image)
    ImageDraw.Draw(image).rectangle((x0, y0, x1 - 1, y1 - 1), outline="red", width=2)
    written = io.BytesIO()
    image.save(written, format="JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"
