"""Who judges captions: what each benchmark asks a judge, with which settings, and what the replies say.

The standard protocol is the benchmark's own script. SAMTok's repository has no judge; its captions went to
the copies in Haochen-Wang409/Grasp-Any-Region, which are the released protocol where they differ
(Ferret-Bench, MDVP-Bench: temperature 0, another reading of reviews, see samtok_tasks.captioning.judge_metrics).

MDVP-Bench is judged region by region here, each region with its own reference and the red outline of its
box on the image, by the regions' own domains. The copy's script instead pairs the first ten of all answers
with each domain's questions, and its figures are not those of the domains; that is not repeated.
"""

import base64
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from PIL import Image, ImageDraw

from samtok_bench import rle
from samtok_bench.judging.client import JudgeSettings, Messages
from samtok_bench.metric import MetricInfo
from samtok_bench.sample import Scores
from samtok_bench.task import Protocol
from samtok_tasks.captioning import judge_metrics as judge
from samtok_tasks.dlc_bench.reader import LAYOUT, DLCQuestion, read_dlc_questions
from samtok_tasks.ferret_bench.reader import FerretReview, read_ferret_reviews
from samtok_tasks.formats.region_captions import CaptionRegion
from samtok_tasks.mdvp_bench.reader import DOMAINS, read_mdvp_rule
from samtok_tasks.videorefer_bench.reader import read_videorefer_instruction

CHECKER = "You are a helpful and precise assistant for checking the quality of the answer."
OUTLINE = (255, 0, 0)
_FERRET, _MDVP = "Ferret-Bench (arXiv 2310.07704)", "MDVP-Bench (arXiv 2403.20271)"
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
    "android": "The image is an andriod screenshot.",
    "web": "The image is a webpage screenshot.",
}
_MEANS = {"ratio_ocr": ("ocr_doc", "ocr_spotting"), "ratio_screenshot": ("android", "web")}
"""MDVP-Bench's columns that are means of two domains' ratios."""


class CaptionJudge(ABC):
    """See samtok_bench.judging.judge.Judged; the files for judging are read when the first prompt is asked for."""

    settings: JudgeSettings

    def __init__(self, root: Path, protocol: Protocol) -> None:
        self._root, self._protocol = root, protocol

    @property
    @abstractmethod
    def metrics(self) -> tuple[MetricInfo, ...]:
        """The one that ranks models first."""

    @abstractmethod
    def prompts(self, region: CaptionRegion, answer: str) -> list[Messages]:
        """What the judge is asked."""

    @abstractmethod
    def scores(self, region: CaptionRegion, replies: Sequence[str]) -> Scores:
        """What one region adds to the metrics."""

    def totals(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        """Metrics made of other metrics."""
        return {}


class DLCJudge(CaptionJudge):
    """Multiple-choice questions about the text alone; the paper's judge is Llama-3.1-8B-Instruct."""

    settings = JudgeSettings(temperature=0.0, max_tokens=300, top_p=1.0)

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return judge.dlc_metrics()

    def prompts(self, region: CaptionRegion, answer: str) -> list[Messages]:
        recognition = judge.dlc_prompt(answer, judge.dlc_recognition(region.reference), ("Yes", "No"))
        asked = [judge.dlc_prompt(answer, one.question, one.choices) for one in self._asked(region)]
        return [[{"role": "user", "content": text}] for text in (recognition, *asked)]

    def scores(self, region: CaptionRegion, replies: Sequence[str]) -> Scores:
        asked = [(one.positive, one.choices, one.scores) for one in self._asked(region)]
        return judge.dlc_scores(replies[0], replies[1:], asked)

    @cached_property
    def _questions(self) -> dict[str, tuple[DLCQuestion, ...]]:
        return read_dlc_questions(self._root)

    def _asked(self, region: CaptionRegion) -> tuple[DLCQuestion, ...]:
        if region.key not in self._questions:
            raise ValueError(f"no questions for the object {region.key}. {LAYOUT}")
        return self._questions[region.key]


class FerretJudge(CaptionJudge):
    """A review of GPT-4's answer and the model's, from a textual context; the paper's judge is gpt-4-0314."""

    def __init__(self, root: Path, protocol: Protocol) -> None:
        super().__init__(root, protocol)
        self.settings = JudgeSettings(0.2 if protocol == "standard" else 0.0, 1024)

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return judge.review_metrics(_FERRET)

    def prompts(self, region: CaptionRegion, answer: str) -> list[Messages]:
        if region.key not in self._reviews:
            raise ValueError(f"no question {region.key} in {self._root / 'ferret_gpt4_data'}")
        one = self._reviews[region.key]
        # coordinates that a model adds are no part of its description
        plain = re.sub(r" \[.*?\]", "", answer)
        text = judge.review_prompt(one.context, one.question, one.reference, plain, one.rule, one.role)
        return [[{"role": "system", "content": CHECKER}, {"role": "user", "content": text}]]

    def scores(self, region: CaptionRegion, replies: Sequence[str]) -> Scores:
        return judge.review_scores(replies[0], self._protocol)

    @cached_property
    def _reviews(self) -> dict[str, FerretReview]:
        return read_ferret_reviews(self._root)


class MDVPJudge(CaptionJudge):
    """A review of the reference and the model's answer, with the image; the paper's judge is GPT-4V."""

    def __init__(self, root: Path, protocol: Protocol) -> None:
        super().__init__(root, protocol)
        self.settings = JudgeSettings(0.7 if protocol == "standard" else 0.0, 1024)

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        means = (
            MetricInfo(
                id,
                1,
                id.removeprefix("ratio_"),
                "higher",
                "model",
                None,
                _MDVP,
                f"mean of the ratios for {' and '.join(parts)}",
                aggregate="corpus",
            )
            for id, parts in _MEANS.items()
        )
        return (*judge.review_metrics(_MDVP, DOMAINS), *means)

    def prompts(self, region: CaptionRegion, answer: str) -> list[Messages]:
        rule, role = self._rule
        contexts = _CONTEXTS | (_RELEASED_CONTEXTS if self._protocol == "released" else {})
        context = contexts[region.group]
        text = judge.review_prompt(context, region.question, region.reference, answer, rule, role)
        picture = {"url": _outlined(region), "detail": "high"}
        content = [{"type": "text", "text": text}, {"type": "image_url", "image_url": picture}]
        return [[{"role": "system", "content": CHECKER}, {"role": "user", "content": content}]]

    def scores(self, region: CaptionRegion, replies: Sequence[str]) -> Scores:
        return judge.review_scores(replies[0], self._protocol, region.group, DOMAINS)

    def totals(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        return {id: _mean([values[f"ratio_{part}"] for part in parts]) for id, parts in _MEANS.items()}

    @cached_property
    def _rule(self) -> tuple[str, str]:
        return read_mdvp_rule(self._root)


class VideoReferJudge(CaptionJudge):
    """Four scores of 0 to 5 from the two texts; the paper's judge is GPT-4o."""

    settings = JudgeSettings(temperature=0.7, max_tokens=800, top_p=0.95)

    @property
    def metrics(self) -> tuple[MetricInfo, ...]:
        return judge.dimension_metrics()

    def prompts(self, region: CaptionRegion, answer: str) -> list[Messages]:
        text = judge.dimension_prompt(region.reference, answer)
        return [[{"role": "system", "content": self._instruction}, {"role": "user", "content": text}]]

    def scores(self, region: CaptionRegion, replies: Sequence[str]) -> Scores:
        return judge.dimension_scores(replies[0])

    def totals(self, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
        return {"average": _mean([values[id] for id in judge.DIMENSIONS.values()])}

    @cached_property
    def _instruction(self) -> str:
        return read_videorefer_instruction(self._root)


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if len(defined) == len(values) else None


def _outlined(region: CaptionRegion) -> str:
    """The image with the box of the region drawn on it, as a data URL."""
    x0, y0, x1, y1 = rle.box(region.mask)
    with Image.open(region.image) as file:
        image = file.convert("RGB")
    ImageDraw.Draw(image).rectangle((x0, y0, x1 - 1, y1 - 1), outline=OUTLINE, width=2)
    written = io.BytesIO()
    image.save(written, format="JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"
