"""What MDVP-Bench's judge is asked: a review of the reference and the model's answer, with the image.

After eval_gpt.py of AFeng-x/Draw-and-Understand. The released copy differs in temperature, in two contexts
and in the reading of reviews, see samtok_tasks.captioning.review.

Each region is judged on its own here, with its own reference and the red outline of its box on the image, by
the regions' own domains. The copy's script instead pairs the first ten of all answers with each domain's
questions, and its figures are not those of the domains; that is not repeated.
"""

import base64
import io
from collections.abc import Mapping

from PIL import Image, ImageDraw

from samtok_bench import rle
from samtok_bench.aggregate import Corpus
from samtok_bench.judging.contract import JudgeSettings, Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.task import Protocol
from samtok_tasks.captioning.judged import mean
from samtok_tasks.captioning.review import ReviewRule, review_messages, review_metrics, review_text
from samtok_tasks.formats.region_captions import CaptionRegion
from samtok_tasks.mdvp_bench.reader import DOMAINS

OUTLINE = (255, 0, 0)
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
METRICS = (
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


def settings(protocol: Protocol) -> JudgeSettings:
    """How the judge writes."""
    return JudgeSettings(temperature=0.7 if protocol == "standard" else 0.0, max_tokens=1024)


def prompts(region: CaptionRegion, answer: str, rule: ReviewRule, protocol: Protocol) -> list[Messages]:
    """What the judge is asked."""
    context = (_RELEASED_CONTEXTS if protocol == "released" else _CONTEXTS)[region.group]
    text = review_text(context, region.question, region.reference, answer, rule)
    picture = {"url": _outlined(region), "detail": "high"}
    return [review_messages([{"type": "text", "text": text}, {"type": "image_url", "image_url": picture}])]


def totals(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """The means over domains, from the values of the other metrics."""
    return {id: mean([values[f"ratio_{domain}"] for domain in domains]) for id, domains in _MEANS.items()}


def _outlined(region: CaptionRegion) -> str:
    """The image with the box of the region drawn on it, as a data URL."""
    x0, y0, x1, y1 = rle.box(region.mask)
    with Image.open(region.image) as file:
        image = file.convert("RGB")
    ImageDraw.Draw(image).rectangle((x0, y0, x1 - 1, y1 - 1), outline=OUTLINE, width=2)
    written = io.BytesIO()
    image.save(written, format="JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"
